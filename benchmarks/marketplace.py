"""A catalogue of a million items, from texts to the test part, trained to its end.

    python benchmarks/marketplace.py --num-items 1000000 --checkpoints DIR \
        --out benchmarks/results/marketplace.json

The invented shops of scaling.py: ten purchases an item, in histories of some 60 items,
hashed texts, no metadata. Models estimate the softmax from 1024 negatives; validation
after each epoch and the test ask 2000 shoppers, for whom the whole catalogue is ranked.
A training that was interrupted goes on after its last whole epoch, and a row that the
JSON has is not run again.
"""

import argparse
import time
from pathlib import Path

import torch
from next_item import group
from pytorch_lightning import seed_everything
from record import Results, allocator, device, epochs_in, peak_mib
from scaling import BATCH, LENGTH, NUM_NEGATIVES, NUM_NEIGHBORS, shop
from torch_geometric.data import HeteroData
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import INTERACTS
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import TextKNN, Transitions

MODELS = ("popularity", "sasrec", "lrdrec")
COLUMNS = ("HR@10", "NDCG@10", "coverage@10")
NUM_PROBES = 256


def build(name: str, data: HeteroData) -> torch.nn.Module:
    """A fresh model."""
    if name == "popularity":
        return Popularity(data["item"]["count"])
    options = {"max_length": LENGTH, "num_negatives": NUM_NEGATIVES}
    if name == "sasrec":
        return SASRec(data["item"].num_nodes, **options)
    return LRDRec(LatentRelationGraph(data), **options)


def run(name: str, data: HeteroData, config: dict, args: argparse.Namespace) -> dict:
    """Train, and read the test part once."""
    seed_everything(0, verbose=False)
    model = build(name, data)
    task = NextItem(model)
    module = SequenceDataModule(
        data, LENGTH, BATCH, num_questions=config["num_questions"]
    )
    folder = args.checkpoints / f"{config['num_items']}-{name}"
    trainer = make_trainer(folder, max_epochs=config["max_epochs"])
    before, start = epochs_in(folder), time.perf_counter()
    if name != "popularity":
        fit(trainer, task, module)
    trained, epochs = time.perf_counter(), epochs_in(folder)
    metrics = trainer.test(task, module, verbose=False)[0]
    tested = time.perf_counter()
    return {
        "epochs": epochs,
        "interactions": data[INTERACTS].num_edges,
        "pairs": model.graph.num_edges if name == "lrdrec" else 0,
        "metrics": group(metrics, "test/"),
        "seconds": {
            "train": round(trained - start, 1),
            "epoch": round((trained - start) / max(epochs - before, 1), 1),
            "test": round(tested - trained, 1),
        },
        "peak_mib": peak_mib(),
        "allocator": allocator(),
        **device(),
    }


def table(rows: list[dict]) -> str:
    """What each model finds, and what that took."""
    head = ["items", "model", "epochs", *COLUMNS, "s/epoch", "s test", "peak MiB"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        found = [f"{row['metrics']['full'][name]:.4f}" for name in COLUMNS]
        taken = [f"{row['seconds'][name]:.0f}" for name in ("epoch", "test")]
        items = str(row["config"]["num_items"])
        cells = [items, row["model"], str(row["epochs"]), *found, *taken]
        lines.append([*cells, str(row["peak_mib"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Run all models that are not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--num-items", type=int, default=1_000_000)
    parser.add_argument("--model", nargs="+", choices=MODELS, default=MODELS)
    parser.add_argument("--max-epochs", type=int, default=3)
    parser.add_argument("--num-questions", type=int, default=2000)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    names = ("num_items", "max_epochs", "num_questions")
    config = {name: getattr(args, name) for name in names}
    results = Results(args.out, table)
    rows = [{"model": name, "seed": 0, "config": config} for name in args.model]
    rows = [row for row in rows if results.lacks(row)]
    if rows:
        pairs = TextKNN(NUM_NEIGHBORS, NUM_PROBES, max_in_degree=200)
        data = Compose([pairs, Transitions()])(shop(args.num_items))
        for row in rows:
            found = run(row["model"], data, config, args)
            results.add(row | {"split_hash": data.split_hash} | found)


if __name__ == "__main__":
    main()
