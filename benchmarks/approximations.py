"""What the approximations for large catalogues cost where one could do without.

    python benchmarks/approximations.py --dataset beauty --root DIR --num-negatives \
        --index-candidates --out benchmarks/results/approximations.json
    python benchmarks/approximations.py --num-probes --index-candidates \
        --out benchmarks/results/approximations.json
    python benchmarks/approximations.py --dataset office --root DIR --num-probes \
        --index-candidates --num-negatives 16 240 --in-batch 0 0.5 --seeds 0 1 2 \
        --out benchmarks/results/approximations.json

Of the neighbours by text that an exact search finds, the share that the approximate one
finds, too; NDCG@10 of the validation part after some epochs, with so many items drawn
in each step of training (0 compares with all), of them such a share from what others of
the batch bought; and of the ten best items for each of a thousand shoppers, by a model
trained so long, the share that an index finds. A row of the JSON is not run again. The
test part is not read.
"""

import argparse
import logging
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import torch
from models import NUM_NEIGHBORS, TUNED
from next_item import load
from pytorch_lightning import Trainer, seed_everything
from record import Results
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data import user_histories
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import ItemIndex, LRDRec
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import TextKNN
from lrdgraph.typing import TEXT_KNN


def neighbours(data: HeteroData, num_probes: int | None) -> Tensor:
    """The pairs that are found, as numbers."""
    found = TextKNN(NUM_NEIGHBORS, num_probes)(data.clone())
    source, target = found["item", TEXT_KNN, "item"].edge_index
    return (source * data["item"].num_nodes + target).unique()


def recall(data: HeteroData, num_probes: int, exact: Tensor) -> dict[str, float]:
    """Share of the true neighbours that are found, and the seconds it takes."""
    start = time.perf_counter()
    found = neighbours(data, num_probes)
    seconds = time.perf_counter() - start
    share = torch.isin(exact, found).double().mean().item()
    return {"recall": share, "seconds": round(seconds, 2)}


def validate(data: HeteroData, epochs: int, **choices: float) -> dict[str, float]:
    """Figures of the validation part after training."""
    trainer, task, module = train(data, epochs, **choices)
    return trainer.validate(task, module, verbose=False)[0]


def train(
    data: HeteroData,
    epochs: int,
    num_negatives: int = 0,
    in_batch: float = 0.0,
    seed: int = 0,
) -> tuple[Trainer, NextItem, SequenceDataModule]:
    """A model with the library's defaults, trained for some epochs."""
    seed_everything(seed)
    graph = LatentRelationGraph(data)
    model = LRDRec(graph, num_negatives=num_negatives or None, in_batch=in_batch)
    task = NextItem(model)
    module = SequenceDataModule(data)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(folder, max_epochs=epochs, progress=False)
        fit(trainer, task, module)
    return trainer, task, module


def best(model: LRDRec, data: HeteroData, index: ItemIndex | None) -> set[tuple]:
    """The ten best items of each of a thousand shoppers."""
    some = dict(list(user_histories(data).items())[:1000])
    table = model.recommend_all(some, index=index, progress=False)
    return set(zip(table["user"], table["item"], strict=True))


def ranked(model: LRDRec, data: HeteroData, num_candidates: int) -> dict[str, float]:
    """Share of the exact best items that an index finds."""
    exact = best(model, data, None)
    found = best(model, data, ItemIndex(model, num_candidates=num_candidates))
    return {"recall": len(exact & found) / len(exact)}


def table(rows: list[dict]) -> str:
    """What was set, and what came of it."""
    lines = ["| dataset | setting | figure | |", "| --- | --- | --- | --- |"]
    for row in rows:
        setting = ", ".join(
            f"{name} = {value}" for name, value in row["config"].items()
        )
        figure = "recall" if "recall" in row["metrics"] else "val/NDCG@10"
        shown = f"{row['metrics'][figure]:.4f}"
        lines.append(f"| {row['dataset']} | {setting} | {figure} | {shown} |")
    return "\n".join(lines)


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument(
        "--num-probes", nargs="*", type=int, default=[8, 16, 32, 64, 128]
    )
    parser.add_argument(
        "--index-candidates", nargs="*", type=int, default=[50, 100, 200, 400]
    )
    parser.add_argument("--num-negatives", nargs="*", type=int, default=[0, 960, 240])
    parser.add_argument("--in-batch", nargs="*", type=float, default=[0.0])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0])
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    return parser.parse_args()


def trainings(args: argparse.Namespace) -> Iterator[dict[str, float]]:
    """What to train with, without what is 0."""
    for seed, number, share in product(args.seeds, args.num_negatives, args.in_batch):
        if number or not share:
            more = {"in_batch": share, "seed": seed}
            yield {"num_negatives": number} | {k: v for k, v in more.items() if v}


def main() -> None:
    """Run all asked rows that are not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results = Results(args.out, table)
    data = load(args.dataset, args.root, args.cache)
    exact = neighbours(data, None) if args.num_probes else None
    model = train(data, args.epochs)[1].model if args.index_candidates else None
    asked = [{"num_probes": n} for n in args.num_probes]
    asked += [{"index_candidates": n} for n in args.index_candidates]
    asked += trainings(args)
    for config in asked:
        row = {"dataset": args.dataset, "split_hash": data.split_hash, "config": config}
        if not results.lacks(row):
            continue
        if "num_probes" in config:
            found = recall(data, config["num_probes"], exact)
        elif "index_candidates" in config:
            found = ranked(model, data, config["index_candidates"])
        else:
            found = validate(data, args.epochs, **config)
        results.add(row | {"metrics": found})


if __name__ == "__main__":
    main()
