"""What a training epoch and a full ranking cost as the shop grows.

    python benchmarks/cost.py --out benchmarks/results/cost.json

Invented shops of growing numbers of shoppers (interactions) and of neighbours per item
(edges); one epoch each after a warm-up, in one run. Ratios to the first row of a block
are what to read: machines differ. Full softmax makes an epoch cost O(interactions ·
items) too, so the number of items is the same in all rows.
"""

import argparse
import sys
import time
from pathlib import Path

import torch
from record import peak_mib, write
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import PlantedRelations
from lrdgraph.models import LRDRec
from lrdgraph.testing import HashTextEncoder
from lrdgraph.training import NextItem
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    TextKNN,
    Transitions,
)


def measure(num_users: int, num_neighbors: int) -> dict:
    """Seconds of one epoch and of ranking all users, and what they were spent on."""
    torch.manual_seed(0)
    steps = [
        LeaveOneOut(),
        EmbedText(HashTextEncoder(384)),
        Normalize(),
        TextKNN(num_neighbors),
        Transitions(),
    ]
    data = Compose(steps)(PlantedRelations(num_users=num_users)[0])
    model = LRDRec(LatentRelationGraph(data))
    batches = SequenceDataModule(data)
    optimizer = NextItem(model).configure_optimizers()
    train(model, batches, optimizer)
    start = time.perf_counter()
    train(model, batches, optimizer)
    trained = time.perf_counter()
    rank(model, batches)
    ranked = time.perf_counter()
    return {
        "dataset": "planted",
        "split_hash": data.split_hash,
        "model": "lrdrec",
        "setting": "observed",
        "seed": 0,
        "config": {"num_users": num_users, "num_neighbors": num_neighbors},
        "interactions": data["user", "interacts", "item"].num_edges,
        "edges": model.graph.num_edges,
        "metrics": {},
        "seconds": {
            "epoch": round(trained - start, 2),
            "full_ranking": round(ranked - trained, 2),
        },
        "peak_mib": peak_mib(),
    }


def train(
    model: LRDRec, batches: SequenceDataModule, optimizer: torch.optim.Optimizer
) -> None:
    """One epoch."""
    model.train()
    for batch in batches.train_dataloader():
        optimizer.zero_grad()
        torch.stack(list(model.loss(batch).values())).sum().backward()
        optimizer.step()


@torch.no_grad()
def rank(model: LRDRec, batches: SequenceDataModule) -> None:
    """Score the catalogue for all users."""
    model.eval()
    states = model.item_states()
    for question in batches.test_dataloader():
        model(question["history"], states)


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    blocks = [[(u, 20) for u in (2500, 5000, 10000)], [(2500, k) for k in (20, 40, 80)]]
    rows = []
    print("| shoppers | interactions | edges | s/epoch | × | s/ranking | × |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for block in blocks:
        first = None
        for users, neighbors in block:
            row = measure(users, neighbors)
            first = first or row
            cells = [users, row["interactions"], row["edges"]]
            for phase, seconds in row["seconds"].items():
                cells += [seconds, f"{seconds / first['seconds'][phase]:.1f}"]
            print(f"| {' | '.join(map(str, cells))} |", flush=True)
            rows.append(row)
    if args.out:
        write(args.out, rows)


if __name__ == "__main__":
    sys.exit(main())
