"""Load and malformed requests against the real service, on this machine alone.

    python benchmarks/serving.py --dataset planted office --root DIR --seconds 600 \
        --out benchmarks/results/serving.json

For each data set a recommender is kept and served by ``lrdgraph serve``. It is not
trained, which changes what it recommends and not what that costs. Clients in threads of
this process ask for recommendations, explanations, neighbours and items, one after the
other; memory is that of the server. Then thousands of requests are mutated at
random, and statuses counted. Clients and server share the processors. Rows of other
data sets that the JSON holds already stay.
"""

import argparse
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

import torch
from malformed import mutated
from next_item import load
from record import read, write

from lrdgraph import LatentRelationGraph
from lrdgraph.data import user_histories
from lrdgraph.models import LRDRec

JSON = {"Content-Type": "application/json"}
Ask = tuple[str, str, bytes | None]


def keep(name: str, args: argparse.Namespace, folder: Path) -> dict:
    """Keep an untrained recommender; what the row says of the data."""
    data = load(name, args.root, args.cache)
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=8)
    model = LRDRec(graph)
    model.save_pretrained(folder)
    histories = [items for items in user_histories(data).values() if items]
    (folder / "histories.json").write_text(json.dumps(histories[:2000]))
    sizes = {"items": graph.num_items, "edges": graph.num_edges}
    return {"split_hash": data.split_hash, **sizes, "config": model.arguments}


def cost(folder: Path, histories: list[list[str]]) -> dict:
    """Milliseconds of one recommendation in this process, states computed or given."""
    model = LRDRec.from_pretrained(folder)
    with torch.no_grad():
        states = model.item_states()
    spent: dict[str, list[float]] = {"anew": [], "given": []}
    for history in histories[:10]:
        for name, known in (("anew", None), ("given", states)):
            start = time.process_time()
            model.recommend(history, states=known)
            spent[name].append(1000 * (time.process_time() - start))
    return {name: round(statistics.median(times), 2) for name, times in spent.items()}


def start(folder: Path, log: Path) -> tuple[subprocess.Popen, int]:
    """The server, once it answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    python = [sys.executable, "-W", "ignore"]
    command = [*python, "-m", "lrdgraph", "serve", str(folder), "--port", str(port)]
    with log.open("w") as errors:
        server = subprocess.Popen(command, stderr=errors)
    while True:
        if server.poll() is not None:
            raise RuntimeError(log.read_text())
        try:
            send(port, ("GET", "/health", None))
            return server, port
        except OSError:
            time.sleep(0.2)


def send(port: int, ask: Ask, connection: HTTPConnection | None = None) -> int:
    """Send one request, read all of the answer, return its status."""
    own = connection or HTTPConnection("127.0.0.1", port, timeout=30)
    method, path, body = ask
    own.request(method, path, body, JSON)
    answer = own.getresponse()
    answer.read()
    if connection is None:
        own.close()
    return answer.status


def resident_mib(pid: int) -> float:
    """Memory that a process has now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def some_ask(histories: list[list[str]], chance: random.Random) -> Ask:
    """Three of five requests are for recommendations."""
    history = chance.choice(histories)
    item = chance.choice(chance.choice(histories))
    kind = chance.randrange(5)
    if kind == 0:
        return (
            "POST",
            "/explain",
            json.dumps({"history": history, "item": item}).encode(),
        )
    if kind == 1:
        path = f"/items/{quote(item, safe='')}/neighbors"
        return "GET", chance.choice([path, f"/items?search={quote(item[:4])}"]), None
    options = chance.choice([{}, {"k": 50}, {"max_per_relation": 2}])
    return "POST", "/recommend", json.dumps({"history": history, **options}).encode()


def client(
    port: int, histories: list[list[str]], seed: int, until: float, done: list
) -> None:
    """Ask, one request after the other, over one connection."""
    chance = random.Random(seed)
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    while time.monotonic() < until:
        ask = some_ask(histories, chance)
        begun = time.perf_counter()
        try:
            status = send(port, ask, connection)
        except (OSError, HTTPException):
            connection.close()
            status = 0
        done.append((ask[1], status, 1000 * (time.perf_counter() - begun)))


def under_load(
    server: subprocess.Popen,
    port: int,
    histories: list[list[str]],
    args: argparse.Namespace,
) -> dict:
    """Throughput, milliseconds and memory with several clients at a time."""
    done: list[tuple[str, int, float]] = []
    begun = time.monotonic()
    until = begun + args.seconds
    threads = [
        threading.Thread(target=client, args=(port, histories, seed, until, done))
        for seed in range(args.clients)
    ]
    for thread in threads:
        thread.start()
    memory = []
    while time.monotonic() < until:
        memory.append((round(time.monotonic() - begun), resident_mib(server.pid)))
        time.sleep(min(5.0, args.seconds / 20))
    for thread in threads:
        thread.join()
    times = sorted(spent for path, _, spent in done if path == "/recommend")
    minute = min(60, args.seconds / 3)
    first = [mib for at, mib in memory if at <= minute]
    last = [mib for at, mib in memory if at >= args.seconds - minute]
    return {
        "requests": len(done),
        "per_second": round(len(done) / args.seconds, 1),
        "recommend_ms": {
            f"p{p}": round(times[min(len(times) * p // 100, len(times) - 1)], 1)
            for p in (50, 90, 99)
        },
        "status": dict(Counter(str(status) for _, status, _ in done)),
        "memory_mib": {
            "first_minute": round(statistics.mean(first), 1),
            "last_minute": round(statistics.mean(last), 1),
            "every_minute": [
                round(mib, 1) for _, mib in memory[:: max(1, len(memory) // 10)]
            ],
        },
    }


def storm(port: int, histories: list[list[str]], number: int) -> dict[str, int]:
    """How many requests of the wrong form got which status."""

    def one(seed: int) -> str:
        chance = random.Random(seed)
        raw = mutated(*some_ask(histories, chance), chance)
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            try:
                connection.sendall(raw)
                head = connection.recv(64).split(b" ")
            except TimeoutError:
                return "waits for the rest"
            except ConnectionError:
                return "closed"
        return head[1].decode() if head[0].startswith(b"HTTP/") else "closed"

    with ThreadPoolExecutor(8) as pool:
        return dict(sorted(Counter(pool.map(one, range(number))).items()))


def measure(name: str, args: argparse.Namespace) -> dict:
    """Keep, serve, load, storm, stop."""
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place) / "model", Path(place) / "log.txt"
        about = keep(name, args, folder)
        histories = json.loads((folder / "histories.json").read_text())
        alone = cost(folder, histories)
        server, port = start(folder, log)
        try:
            loaded = under_load(server, port, histories, args)
            stormed = storm(port, histories, args.malformed)
            alive = send(port, ("GET", "/health", None))
        finally:
            server.terminate()
            server.wait(60)
        failures = log.read_text().count("Traceback")
    return {
        "dataset": name,
        **about,
        "model": "lrdrec",
        "setting": "untrained",
        "seed": 0,
        "clients": args.clients,
        "seconds": args.seconds,
        "processors": os.cpu_count(),
        "load_average": [round(load, 1) for load in os.getloadavg()],
        "recommend_cpu_ms": alone,
        "load": loaded,
        "malformed": {"requests": args.malformed, "status": stormed},
        "healthy_after": alive == 200,
        "tracebacks": failures,
    }


def main() -> None:
    """Measure, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dataset", nargs="+", choices=["planted", "office"], default=["planted"]
    )
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--malformed", type=int, default=5000)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = read(args.out)
    for name in args.dataset:
        rows = [row for row in rows if row["dataset"] != name]
        rows.append(measure(name, args))
        print(json.dumps(rows[-1], indent=1), flush=True)
        if args.out:
            write(args.out, rows)


if __name__ == "__main__":
    main()
