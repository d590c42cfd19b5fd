"""A step of training as the catalogue grows to a million items.

    python benchmarks/stepping.py --out benchmarks/results/stepping.json

The invented graphs of indexing.py: families of 50 items, some 20 pairs by text and 14
transitions an item. A step has 256 windows of 50 items in ten families each, 1024
negatives, forward, backward and update (median of all after two). *Typing* is what the
first step of an epoch adds: all pairs are typed, and what all items hear is summed.
Seconds differ between machines; what they are to the first row is what to read.

Memory grows with the number of steps as far as the allocator lets it. A row says which
one that was.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from indexing import FAMILY, invent
from record import Results, allocator, peak_mib
from torch import nn

from lrdgraph.models import LRDRec
from lrdgraph.training import NextItem
from lrdgraph.typing import Batch

WINDOWS, LENGTH = 256, 50
PHASES = ("step", "typing")


def windows(num_items: int) -> Batch:
    """Five items of each of ten families, and what comes next."""
    family = torch.randint(num_items // FAMILY, (WINDOWS, 10, 1))
    item = (family * FAMILY + torch.randint(FAMILY, (WINDOWS, 10, 5))).flatten(1)
    last = torch.randint(num_items, (WINDOWS, 1))
    nothing = torch.zeros_like(item)
    return Batch(
        history=item,
        target=torch.cat([item[:, 1:], last], dim=1),
        period=nothing,
        history_time=nothing,
    )


def step(model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> float:
    """Seconds of a step."""
    start = time.perf_counter()
    optimizer.zero_grad()
    torch.stack(list(model.loss(batch).values())).sum().backward()
    optimizer.step()
    return time.perf_counter() - start


def measure(num_items: int, num_negatives: int, steps: int) -> dict:
    """Seconds of a step and of typing, and the most memory."""
    torch.manual_seed(0)
    graph = invent(num_items)
    model = LRDRec(graph, max_length=LENGTH, num_negatives=num_negatives).train()
    optimizer = NextItem(model).configure_optimizers()
    taken = [step(model, optimizer, windows(num_items)) for _ in range(steps + 2)]
    usual = median(taken[2:])
    return {
        "pairs": graph.num_edges,
        "typed": int(graph.static.sum()),
        "threads": torch.get_num_threads(),
        "seconds": {"step": round(usual, 3), "typing": round(taken[0] - usual, 3)},
        "peak_mib": peak_mib(),
    }


def table(rows: list[dict]) -> str:
    """A row a size, and the exponents that costs grow with."""
    lines = [["items", "pairs", "typed pairs", "steps", *PHASES, "peak MiB"]]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        config = row["config"]
        sizes = [config["num_items"], row["pairs"], row["typed"], config["steps"]]
        cells = [f"{row['seconds'][phase]:.3g}" for phase in PHASES]
        lines.append([*map(str, sizes), *cells, str(row["peak_mib"])])
    if len({row["config"]["num_items"] for row in rows}) > 1:
        fitted = [exponent(rows, phase) for phase in PHASES]
        lines.append(["exponent", "", "", "", *fitted, ""])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def exponent(rows: list[dict], phase: str) -> str:
    """The power of the number of items that a phase grows with."""
    items = np.log([row["config"]["num_items"] for row in rows])
    seconds = np.log([row["seconds"][phase] for row in rows])
    return f"{np.polyfit(items, seconds, 1)[0]:.2f}"


def main() -> None:
    """Measure each size that is not there yet, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--sizes", nargs="+", type=int, default=sizes)
    parser.add_argument("--num-negatives", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    results = Results(args.out, table)
    options = {"num_negatives": args.num_negatives, "steps": args.steps}
    for num_items in args.sizes:
        row = {"config": {"num_items": num_items} | options, "allocator": allocator()}
        if results.lacks(row):
            results.add(row | measure(**row["config"]))


if __name__ == "__main__":
    main()
