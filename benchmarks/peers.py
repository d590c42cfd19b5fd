"""SASRec here and in RecTools, side by side: seconds, memory and accuracy.

    python -m venv PEER && PEER/bin/pip install 'rectools[torch]==0.19.0' torch==2.13.0
    python benchmarks/peers.py --dataset office --root DIR --max-epochs 20 \
        --peer-python PEER/bin/python --out benchmarks/results/peers.json

Each model has a process of its own, one after the other and then again with the next
seed, so that each finds the machine as the others found it: read ratios, which are
taken within a seed. Seconds are the processor's (on one thread those of an idle
machine); the JSON has those of the clock beside them. An epoch lasts from Lightning's
hook at its start to that at its end, without validation or checkpoints; the median
counts. A ranking gives the ten best unseen items of all test users as a table of the
same columns, from what each library keeps its data in; the median of three counts. All
tables are measured by the same lines. Peak memory is that of the process;
``libraries_mib`` of it are there before any data. Install lrdgraph without extras to
measure it: Lightning loads matplotlib where it finds it.

Interactions, split, hidden size, history length, layers, heads, dropout, batch size,
epochs, the softmax over the whole catalogue and Lightning's trainer are the same. The
learning rate of ours is that of models.py; the peer's is the best of 1e-3 (its default,
never the best), 3e-3 and 1e-2 in ``--part validation --lr RATE --max-epochs 20``. On
Beauty, where that takes an hour a rate, the peer's is Office's; ours is the best of
three there, ``--lr 5e-3``: that of models.py is for trainings twice as long. The rest
is each library's own:

- the peer trains with Adam, and ranks with the last weights; ours with AdamW, and with
  the running average of its weights, as ``lrdgraph.training.fit`` does;
- the peer trains on the last ``max_length + 1`` purchases of a shopper, ours on all;
- the peer normalises queries alone before attention, and has ReLU; ours normalises
  keys and values, too, and has GELU and a bias for each item;
- the peer scores and encodes padding, too, and leaves it out of the loss; ours leaves
  out what the history holds, too, as a ranking does;
- the peer cannot recommend what nobody bought in training;
- the peer asks for NumPy 1, pandas 2 and Lightning up to 2.5.2, so it has an
  environment of its own, with the same torch; each row has its versions.

``--num-items`` invents a larger shop, of as many shoppers to an item, which both learn
in batches of 256: small shops cost little more than the libraries themselves.

LRDRec (``--model lrdrec``) reads texts, too, and has pairs of text neighbours and of
transitions, but no observed relations. A row of the JSON is not run again.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import next_item
import numpy as np
import protocols
import torch
from models import configure
from record import Results
from torch_geometric.data import HeteroData

from lrdgraph.datasets import INTERACTS, PlantedRelations
from lrdgraph.metrics import ranking_metrics
from lrdgraph.transforms import LeaveOneOut
from lrdgraph.typing import TEST, VAL

K = 10
PARTS = {"test": TEST, "validation": VAL}
MODELS = ("rectools", "sasrec", "lrdrec")
SHARED = (
    "hidden_channels",
    "max_length",
    "num_layers",
    "dropout",
    "batch_size",
    "max_epochs",
)
PEER = {
    "planted": {"lr": 1e-2, "num_heads": 2},
    "office": {"lr": 3e-3, "num_heads": 2},
    "beauty": {"lr": 3e-3, "num_heads": 2},
}
COSTS: dict[str, Callable[[dict], float]] = {
    "s/epoch": lambda row: row["epoch"]["processor_seconds"],
    "s/ranking": lambda row: row["full_ranking"]["processor_seconds"],
    "peak MiB": lambda row: row["peak_mib"],
    "without imports": lambda row: row["peak_mib"] - row["libraries_mib"],
}
METRICS = (f"NDCG@{K}", f"HR@{K}")
SHOPPERS_PER_ITEM = 2500 / 960  # of the shop that is invented by default
SHOP, FOUND = "shop.npz", "recommended.npz"
WORKER = Path(__file__).with_name("peers_worker.py")
Found = dict[str, np.ndarray]


def configured(model: str, args: argparse.Namespace) -> dict:
    """Every choice of a row."""
    name = "sasrec" if model == "rectools" else model
    config = configure(args.dataset, name, args)
    if model == "rectools":
        config = {key: config[key] for key in SHARED} | PEER[args.dataset]
    if args.num_items:
        config["batch_size"] = 256
    return config | ({"lr": args.lr} if args.lr else {})


def load(args: argparse.Namespace) -> HeteroData:
    """The data set with a split, and with texts and pairs if they are read."""
    if args.num_items:
        shoppers = round(SHOPPERS_PER_ITEM * args.num_items)
        shop = PlantedRelations(num_users=shoppers, num_items=args.num_items)
        return LeaveOneOut()(shop[0])
    if "lrdrec" in args.model:
        return next_item.load(args.dataset, args.root, args.cache)
    return protocols.load(args.dataset, args.root)


def lay_out(data: HeteroData, folder: Path) -> None:
    """Write what the models are given."""
    store, items = data[INTERACTS], data["item"]
    arrays = {name: store[name].numpy() for name in ("time", "split")}
    arrays["user"], arrays["item"] = store.edge_index.numpy()
    if "x" in items:
        arrays["x"] = items.x.numpy()
    np.savez(folder / SHOP, num_items=items.num_nodes, **arrays)


def run(row: dict, folder: Path, python: str) -> dict:
    """Train and rank in a new process."""
    task = row | {"part": PARTS[row["part"]]}
    (folder / "task.json").write_text(json.dumps(task))
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    threads = dict.fromkeys(names, str(row["threads"]))
    done = subprocess.run([python, WORKER, folder], env=os.environ | threads)
    if done.returncode:
        sys.exit(done.returncode)
    with (
        np.load(folder / "shop.npz") as shop,
        np.load(folder / "recommended.npz") as found,
    ):
        metrics = measure(dict(shop), dict(found), task["part"])
    return json.loads((folder / "report.json").read_text()) | {"metrics": metrics}


def measure(shop: Found, found: Found, part: int) -> dict[str, float]:
    """Metrics of items recommended to users, each with its rank from 1 on, ``[M]``."""
    check(shop, found, part)
    asked = shop["split"] == part
    target = np.full(shop["user"].max() + 1, -1)
    target[shop["user"][asked]] = shop["item"][asked]
    hit = found["item"] == target[found["user"]]
    rank = np.full(len(target), K)
    rank[found["user"][hit]] = found["rank"][hit] - 1
    metrics = ranking_metrics(torch.from_numpy(rank[target >= 0]), (K,))
    return {name: metrics[name] for name in METRICS}


def check(shop: Found, found: Found, part: int) -> None:
    """Refuse what was seen before, or is given twice."""
    seen, given = (
        table["user"] * int(shop["num_items"]) + table["item"]
        for table in (shop, found)
    )
    old = np.isin(given, seen[shop["split"] < part]).sum()
    twice = len(given) - len(np.unique(given))
    if old or twice:
        raise ValueError(
            f"items need to be new to a user (got {old} seen ones, and {twice} twice)"
        )


def table(rows: list[dict]) -> str:
    """Medians over seeds, and of what they are to the peer's of the same seed."""
    costs = [cell for name in COSTS for cell in (name, "×")]
    head = ["dataset", "part", "epochs", "model", "lr", "seeds", *costs, *METRICS]
    groups: dict[tuple, list[dict]] = {}
    for row in rows:
        key = (row["dataset"], row["part"], row["config"]["max_epochs"], row["model"])
        groups.setdefault((*key, row["config"]["lr"]), []).append(row)
    lines = [head, ["---"] * len(head)]
    for key, members in groups.items():
        cells = [cell for get in COSTS.values() for cell in _cost(members, rows, get)]
        cells += [f"{_mean(members, name):.4f}" for name in METRICS]
        lines.append([*map(str, (*key, len(members))), *cells])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cost(
    members: list[dict], rows: list[dict], get: Callable[[dict], float]
) -> tuple[str, str]:
    """A median, and that of the ratios to the peer."""
    same = ("dataset", "part", "seed", "threads")
    ratios = [
        get(row) / get(peer)
        for row in members
        for peer in rows
        if row["model"] != "rectools" == peer["model"]
        and all(peer[name] == row[name] for name in same)
        and peer["config"]["max_epochs"] == row["config"]["max_epochs"]
    ]
    ratio = f"{median(ratios):.2f}" if ratios else "–"
    return f"{median(map(get, members)):.4g}", ratio


def _mean(rows: list[dict], name: str) -> float:
    return sum(row["metrics"][name] for row in rows) / len(rows)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=PEER, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument(
        "--peer-python", default=sys.executable, help="Python that has RecTools"
    )
    parser.add_argument("--model", nargs="+", choices=MODELS, default=MODELS[:2])
    parser.add_argument("--num-items", type=int, help="of a larger invented shop")
    parser.add_argument("--part", choices=PARTS, default="test")
    parser.add_argument("--lr", type=float, help="another learning rate than usual")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--max-length", type=int, default=20)
    parser.add_argument("--max-epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.set_defaults(patience=0, num_latent=8, num_convs=1)
    args = parser.parse_args()
    if args.num_items and (args.dataset != "planted" or "lrdrec" in args.model):
        parser.error("'--num-items' is of the invented shop, which has no texts here")
    return args


def main() -> None:
    """Run all asked rows that are not there yet, seed after seed."""
    args = parse()
    results = Results(args.out, table)
    data = load(args)
    name = args.dataset + (f"-{args.num_items}" if args.num_items else "")
    with TemporaryDirectory() as folder:
        lay_out(data, Path(folder))
        for seed in args.seeds:
            for model in args.model:
                row = {
                    "dataset": name,
                    "split_hash": data.split_hash,
                    "part": args.part,
                    "model": model,
                    "seed": seed,
                    "threads": args.threads,
                    "config": configured(model, args),
                }
                if results.lacks(row):
                    python = args.peer_python if model == "rectools" else sys.executable
                    results.add(row | run(row, Path(folder), python))


if __name__ == "__main__":
    main()
