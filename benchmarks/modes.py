"""A step of training as it is, in half precision and compiled: seconds beside seconds.

    python benchmarks/modes.py --out benchmarks/results/modes.json

On the invented shop, LRDRec with batches of 256 windows. The modes take turns, batch by
batch, so that each finds the machine as the others found it: read ratios. Seconds are
the processor's, or of the clock on a GPU; the median of the steps after the first
eight, in which ``torch.compile`` is still at work. *First* is the first step.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import torch
from models import build, configure
from next_item import load, without_observed
from pytorch_lightning import seed_everything
from record import Results, device
from torch import nn
from torch_geometric.data import HeteroData

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.training import NextItem
from lrdgraph.typing import Batch

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
MODES = ("as it is", "bfloat16", "encoder compiled", "texts compiled")
WARM, STEPS = 8, 24


def make(mode: str, data: HeteroData, config: dict) -> nn.Module:
    """A fresh model, the same for each mode, parts of it compiled if asked."""
    seed_everything(0, verbose=False)
    model = build("lrdrec", data, config).train().to(DEVICE)
    if mode == "encoder compiled":
        model.encoder.encode = torch.compile(model.encoder.encode, dynamic=True)
    if mode == "texts compiled":
        model.text = torch.compile(model.text, dynamic=True)
    return model


def seconds() -> float:
    """The clock that counts on this device, once all is done."""
    if DEVICE == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def step(
    model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, half: bool
) -> float:
    """Seconds of a step."""
    start = seconds()
    optimizer.zero_grad()
    with torch.autocast(DEVICE, dtype=torch.bfloat16, enabled=half):
        loss = torch.stack(list(model.loss(batch).values())).sum()
    loss.backward()
    optimizer.step()
    return seconds() - start


def measure(data: HeteroData, config: dict) -> list[dict]:
    """A row for each mode."""
    module = SequenceDataModule(data, config["max_length"], config["batch_size"])
    batches = [
        {name: part.to(DEVICE) for name, part in batch.items()}
        for batch in module.train_dataloader()
    ]
    models = {mode: make(mode, data, config) for mode in MODES}
    optimizers = {m: NextItem(net).configure_optimizers() for m, net in models.items()}
    taken: dict[str, list[float]] = {mode: [] for mode in MODES}
    for number in range(WARM + STEPS):
        batch = batches[number % len(batches)]
        for mode, net in models.items():
            took = step(net, optimizers[mode], batch, mode == "bfloat16")
            taken[mode].append(took)
    usual = {mode: median(took[WARM:]) for mode, took in taken.items()}
    return [
        {
            "mode": mode,
            "config": config,
            "threads": torch.get_num_threads(),
            "seconds": {"first": round(taken[mode][0], 2), "step": round(took, 4)},
            "of_as_it_is": round(took / usual["as it is"], 3),
            **device(),
        }
        for mode, took in usual.items()
    ]


def table(rows: list[dict]) -> str:
    """A row a mode."""
    lines = ["| mode | device | first step | a step | × |", "| --- " * 5 + "|"]
    for row in rows:
        first, usual = row["seconds"]["first"], row["seconds"]["step"]
        cells = [row["mode"], row["device"], f"{first:.1f}", f"{usual:.3f}"]
        lines.append(f"| {' | '.join(cells)} | {row['of_as_it_is']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all modes in one run, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    limits = argparse.Namespace(
        max_length=20, max_epochs=1, patience=1, num_latent=8, num_convs=1
    )
    config = configure("planted", "lrdrec", limits) | {"batch_size": 256}
    results = Results(args.out, table)
    if results.lacks({"config": config, **device()}):
        data = without_observed(load("planted", None, args.cache))
        results.add(*measure(data, config))


if __name__ == "__main__":
    main()
