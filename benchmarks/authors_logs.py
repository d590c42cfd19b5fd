"""What the logs say that LRD's authors kept: test figures of every epoch of a run.

    python benchmarks/authors_logs.py --reference LRD \
        --out benchmarks/results/authors-logs.json

``LRD`` is a clone of https://github.com/ysh-1998/LRD with its history, where the logs
are. Of each run, the epoch that its validation part chose with all figures, and what
the test part had after all epochs from one on where the run rises no more: mean,
standard deviation, least and largest. ``discovery`` is the loss of discovery, ``share``
what it has, weighted, in the loss that is printed; after the first and the last epoch.
"""

import argparse
import re
import statistics
import subprocess
from pathlib import Path

from record import write

COMMIT = "3cfcde9"
RUNS = {  # the part of a log's name that tells it, and the first epoch to look at
    "kda-lrd": ("log/KDAPlus/", "lamda=10_latent_relation_num=8", 40),
    "rcf-lrd": (
        "log/RCF/",
        "latent_relation_num=5_leave_one_latent=0_include_lrd=1",
        150,
    ),
}
WEIGHT = 10  # of discovery's loss, lambda
NAMES = ("HR@5", "NDCG@5")
LOSSES = re.compile(r"all_losses: \[([\d.e\- ]+)\]\n.*?Epoch (\d+) ")
FIGURES = re.compile(r"Epoch (\d+) .*test=\(HR@5:([\d.]+),NDCG@5:([\d.]+)\)")
CHOSEN = re.compile(r"Best Iter\(dev\)=\s*(\d+)\s+dev=\(([^)]+)\)")
TESTED = re.compile(r"Test After Training: \(([^)]+)\)")


def git(reference: Path, *words: str) -> str:
    """What git says of the clone."""
    command = ["git", "-C", str(reference), *words]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def read(reference: Path, folder: str, name: str) -> str:
    """The one log in a folder whose name has a part."""
    names = git(reference, "ls-tree", "-r", "-z", "--name-only", COMMIT).split("\0")
    [found] = [n for n in names if n.startswith(folder) and name in n]
    return git(reference, "show", f"{COMMIT}:{found}")


def spread(values: list[float]) -> dict[str, float]:
    """Mean, standard deviation, least and largest."""
    mean, deviation = statistics.mean(values), statistics.stdev(values)
    found = {"mean": mean, "deviation": deviation}
    found |= {"least": min(values), "largest": max(values)}
    return {name: round(value, 4) for name, value in found.items()}


def figures(told: str) -> dict[str, float]:
    """Figures by name, out of ``HR@5:0.48,NDCG@5:0.34``."""
    pairs = (one.split(":") for one in told.split(","))
    return {name: float(value) for name, value in pairs}


def summarise(log: str, first: int) -> dict:
    """The chosen epoch, all epochs from ``first`` on, and discovery's share."""
    test = {int(e): (float(hr), float(ndcg)) for e, hr, ndcg in FIGURES.findall(log)}
    [(chosen, validation)], [tested] = CHOSEN.findall(log), TESTED.findall(log)
    late = [found for epoch, found in test.items() if epoch >= first]
    losses = [[float(x) for x in text.split()] for text, _ in LOSSES.findall(log)]
    discovery = [loss[1] for loss in losses]
    share = [WEIGHT * loss[1] / loss[0] for loss in losses]
    return {
        "epochs": max(test),
        "chosen": {"epoch": int(chosen), **figures(tested)},
        "validation": figures(validation),
        "from": first,
        **{name: spread([f[i] for f in late]) for i, name in enumerate(NAMES)},
        "discovery": {"first": discovery[0], "last": discovery[-1]},
        "share": {"first": round(share[0], 3), "last": round(share[-1], 3)},
    }


def main() -> None:
    """Summarise each run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--reference", type=Path, required=True, help="clone of LRD")
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args()
    rows = []
    for model, (folder, name, first) in RUNS.items():
        log = read(args.reference, folder, name)
        rows.append({"model": model} | summarise(log, first))
        print(rows[-1])
    if args.out:
        write(args.out, rows)


if __name__ == "__main__":
    main()
