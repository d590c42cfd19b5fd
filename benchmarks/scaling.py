"""What each phase costs as the catalogue grows, and the exponent it grows with.

    python benchmarks/scaling.py --out benchmarks/results/scaling.json \
        --plot docs/pictures/scaling.svg

Invented shops of growing catalogues, ten purchases an item, with histories of some 60
items (five shoppers' laid end to end) and hashed texts. Of each: finding 20 neighbours
approximately, uniting the pairs, typing all pairs anew (once an epoch; median of five),
a training step of 256 windows of 50 items (median of eight), the states of all items,
and with these ranking the catalogue for 1000 shoppers and for one (median of fifty).
Seconds differ between machines; what they are to the first row, and the exponent fitted
to all rows, is what to read.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import torch
from matplotlib import pyplot
from record import Results, allocator, peak_mib
from stepping import exponent, step
from torch_geometric.data import HeteroData
from torch_geometric.transforms import Compose

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.datasets import INTERACTS, PlantedRelations
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

SIZES = (10_000, 100_000, 1_000_000)
WARM_UP = 2000  # items of a shop that pays for what is done once
LENGTH, BATCH, STEPS = 50, 256, 8
NUM_NEIGHBORS, NUM_PROBES, NUM_NEGATIVES = 20, 64, 1024


@contextmanager
def timed(seconds: dict[str, float], phase: str) -> Iterator[None]:
    """Note how long a phase takes."""
    start = time.perf_counter()
    yield
    seconds[phase] = round(time.perf_counter() - start, 4)


def median_seconds(runs: Iterable[Callable[[], object]]) -> float:
    """Median of what some runs take."""
    taken = []
    for run in runs:
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return round(median(taken), 4)


def shop(num_items: int) -> HeteroData:
    """Items with vectors, long histories with a split, and no relations."""
    data = PlantedRelations(num_users=num_items * 4 // 5, num_items=num_items)[0]
    for source, name, target in data.edge_types:
        if source == target == "item":
            del data[source, name, target]
    store = data[INTERACTS]
    store.edge_index[0] //= 5
    store.time = torch.arange(store.num_edges)
    data["user"].num_nodes = int(store.edge_index[0].max()) + 1
    data["user"].id = data["user"].id[: data["user"].num_nodes]
    return Compose([LeaveOneOut(), EmbedText(HashTextEncoder(384)), Normalize()])(data)


def measure(num_items: int) -> dict:
    """Seconds of each phase, and what the shop consists of."""
    torch.manual_seed(0)
    data, seconds = shop(num_items), {}
    with timed(seconds, "neighbours"):
        data = TextKNN(NUM_NEIGHBORS, NUM_PROBES, max_in_degree=200)(data)
    with timed(seconds, "pairs"):
        graph = LatentRelationGraph(Transitions()(data))
    model = LRDRec(graph, max_length=LENGTH, num_negatives=NUM_NEGATIVES).train()
    seconds["step"] = train(model, data)
    with torch.no_grad():
        seconds["typing"] = median_seconds([model.type_edges] * 5)
        with timed(seconds, "item states"):
            states = model.eval().item_states()
        rank(model, states, data, seconds)
    return {
        "dataset": "planted",
        "split_hash": data.split_hash,
        "model": "lrdrec",
        "setting": "no-observed",
        "seed": 0,
        "config": {"num_items": num_items, "num_negatives": NUM_NEGATIVES},
        "allocator": allocator(),
        "interactions": data[INTERACTS].num_edges,
        "edges": graph.num_edges,
        "metrics": {},
        "seconds": seconds,
        "peak_mib": peak_mib(),
    }


def train(model: LRDRec, data: HeteroData) -> float:
    """Median of a few steps, after two that are not counted."""
    batches = SequenceDataModule(data, LENGTH, BATCH).train_dataloader()
    optimizer = NextItem(model).configure_optimizers()
    taken = []
    for _, batch in zip(range(STEPS + 2), batches, strict=False):
        taken.append(step(model, optimizer, batch))
    return round(median(taken[2:]), 4)


def rank(
    model: LRDRec, states: torch.Tensor, data: HeteroData, seconds: dict[str, float]
) -> None:
    """Rank the catalogue for many shoppers, and for one."""
    ids, (user, item) = data["item"].id, data[INTERACTS].edge_index
    histories = {
        str(number): [ids[i] for i in item[user == number].tolist()]
        for number in range(1000)
    }
    rows = max(1, 2**27 // model.num_items)
    with timed(seconds, "ranking 1000"):
        model.recommend_all(histories, states=states, batch_size=rows, progress=False)
    seconds["ranking one"] = median_seconds(
        partial(model.recommend, history, 10, states=states)
        for history in list(histories.values())[:50]
    )


def table(rows: list[dict]) -> str:
    """Seconds by phase, ratios to the first row, and fitted exponents."""
    phases = list(rows[0]["seconds"])
    head = ["items", "purchases", "pairs", *phases, "peak MiB"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        taken, first = row["seconds"], rows[0]["seconds"]
        cells = [f"{taken[p]:.3g} (×{taken[p] / first[p]:.1f})" for p in phases]
        size = [row["config"]["num_items"], row["interactions"], row["edges"]]
        lines.append([*map(str, size), *cells, str(row["peak_mib"])])
    if len(rows) > 1:
        lines.append(["exponent", "", "", *(exponent(rows, p) for p in phases), ""])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def draw(rows: list[dict], path: Path) -> None:
    """Seconds of each phase against items, both on log axes."""
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    items = [row["config"]["num_items"] for row in rows]
    for phase in rows[0]["seconds"]:
        label = f"{phase}: power {exponent(rows, phase)}"
        axes.loglog(items, [r["seconds"][phase] for r in rows], marker="o", label=label)
    axes.set(xlabel="items", ylabel="seconds")
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right center", frameon=False)
    figure.savefig(path)


def main() -> None:
    """Measure each size that is not there yet, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--plot", type=Path, help="picture to write")
    args = parser.parse_args()
    results = Results(args.out, table)
    measure(WARM_UP)
    for num_items in args.sizes:
        if num_items not in [row["config"]["num_items"] for row in results.rows]:
            results.add(measure(num_items))
    if args.plot:
        draw(results.rows, args.plot)


if __name__ == "__main__":
    sys.exit(main())
