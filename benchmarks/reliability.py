"""What becomes of broken files, of killed processes, and of the same seed.

    python benchmarks/reliability.py --out benchmarks/results/reliability.json

Every reader is given broken files for ten minutes in all (``--seconds``); allowed are
data of the documented form and a ValueError or FileNotFoundError that names the file,
column or value. Embedding, training and exporting are killed (SIGKILL) at 20 random
moments each (``--kills``) and done again: the result has to be the same to the bit.
A failure is shown with its seed; ``--case SEED`` repeats that input alone. Rows that
``--out`` has already are kept.
"""

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from fuzzing import attempt, fuzz
from killing import JOBS, survive, training
from readers import READERS
from record import read, write

HEAVY = (  # what MiniLM's encoder loads when it is called
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
)
ORDER = ("broken files", "killed", "same seed")


def broken_files(seed: int, seconds: float) -> list[dict]:
    """A row for each reader."""
    found: dict[str, Counter] = {name: Counter() for name in READERS}
    failures: dict[str, list[dict]] = {}
    peak = 0
    for outcome, memory in fuzz(seed, seconds):
        found.setdefault(outcome.reader, Counter())[outcome.what] += 1
        peak = max(peak, memory)
        if outcome.what == "failure":
            failures.setdefault(outcome.reader, []).append(
                {"seed": outcome.seed, "message": outcome.message}
            )
            print(f"seed {outcome.seed}: {outcome.message}", file=sys.stderr)
    return [
        _row("broken files", name, seed, {"seconds": seconds})
        | {
            "metrics": {what: count[what] for what in ("data", "error", "failure")},
            "failures": failures.get(name, []),
            "peak_mib": peak,
        }
        for name, count in found.items()
    ]


def killed(name: str, kills: int, seed: int) -> dict:
    """The row of one job."""
    found = survive(name, kills, seed)
    return _row("killed", name, seed, {"kills": kills}) | {
        "metrics": {"killed": found.kills, "same": found.same},
        "moments": found.moments,
        "seconds": {"undisturbed": round(found.seconds, 2)},
    }


def same_seed() -> dict:
    """Training by the same seed in two processes with other hashes, and by another."""
    start = perf_counter()
    results = [
        subprocess.run(
            [sys.executable, __file__, "--weights", seed],
            env={**os.environ, "PYTHONHASHSEED": hashes},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed, hashes in (("0", "1"), ("0", "2"), ("1", "1"))
    ]
    first, again, other = results
    return _row("same seed", "training", 0, {}) | {
        "metrics": {
            "same": int(first == again),
            "other_seed_same": int(first == other),
        },
        "seconds": {"all": round(perf_counter() - start, 1)},
    }


def measure(
    seed: int, seconds: float, kills: int, rows: list[dict]
) -> Iterator[list[dict]]:
    """All rows that are missing, as they come."""
    there = {(row["setting"], row["model"]) for row in rows}
    if not any(setting == "broken files" for setting, _ in there):
        yield broken_files(seed, seconds)
    for name in JOBS:
        if ("killed", name) not in there:
            yield [killed(name, kills, seed)]
    if ("same seed", "training") not in there:
        yield [same_seed()]


def _row(setting: str, name: str, seed: int, config: dict) -> dict:
    return {
        "dataset": "invented",
        "setting": setting,
        "model": name,
        "seed": seed,
        "config": config,
    }


def table(rows: list[dict]) -> str:
    """All of it as Markdown."""
    lines = ["| what | done to it | times | outcome |", "| --- | --- | --- | --- |"]
    for row in sorted(rows, key=lambda row: ORDER.index(row["setting"])):
        metrics, name = row["metrics"], row["model"]
        if row["setting"] == "broken files":
            times = sum(metrics.values())
            told = (
                f"{metrics['data']} valid data, {metrics['error']} clear errors, "
                f"{metrics['failure']} failures"
            )
        elif row["setting"] == "killed":
            times = metrics["killed"]
            told = f"{metrics['same']} times the same result, to the bit"
        else:
            times = 2
            told = "the same weights" if metrics["same"] else "other weights"
        lines.append(f"| {name} | {row['setting']} | {times} | {told} |")
    return "\n".join(lines)


def main() -> None:
    """Break, kill and repeat; print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", type=int, help="try the input of one seed alone")
    parser.add_argument("--weights", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case is not None:
        print(attempt(args.case))
        return
    if args.weights is not None:
        with TemporaryDirectory() as folder:
            print(training(Path(folder), args.weights)())
        return
    context = get_context("forkserver")  # whose children find all imports done
    context.set_forkserver_preload(["__main__", *HEAVY])
    warm_up = context.Process(target=int)
    warm_up.start()
    warm_up.join()
    rows = read(args.out)
    for found in measure(args.seed, args.seconds, args.kills, rows):
        rows += found
        if args.out:
            write(args.out, rows)
    print(table(rows))


if __name__ == "__main__":
    main()
