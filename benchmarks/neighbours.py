"""Neighbours by text for a million items: seconds, memory, and how many are found.

    python benchmarks/neighbours.py --out benchmarks/results/neighbours.json

Vectors of 384 channels are hashed from the titles of the shops of scaling.py, which
repeat words as titles do, by a process of its own: the search has them alone. Of a
thousand items, drawn at random, the neighbours that an approximate search finds are
compared with all others: a neighbour counts as found if it is as near as the farthest
of the true ones, to six decimals, by which an exact search has 99 % of 10,000 items.
The memory is the most that the process held until the search was over.
"""

import argparse
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from record import Results, allocator, peak_mib
from scaling import NUM_NEIGHBORS, NUM_PROBES, SIZES, shop
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.transforms import TextKNN
from lrdgraph.typing import TEXT_KNN

ASKED = 1000  # items whose neighbours are compared


def recall(x: Tensor, edge_index: Tensor) -> float:
    """Share of the true neighbours of some items that are found."""
    asked = torch.randperm(len(x))[:ASKED]
    source, target = edge_index[:, torch.isin(edge_index[0], asked)]
    found = (x[source] * x[target]).sum(1)
    least = torch.empty(len(x))
    for items in asked.split(50):
        nearness = x[items] @ x.T
        nearness[torch.arange(len(items)), items] = -torch.inf
        least[items] = nearness.topk(NUM_NEIGHBORS).values[:, -1]
    near = (found >= least[source] - 1e-6).sum().item()
    return near / (len(asked) * NUM_NEIGHBORS)


def save_vectors(num_items: int, path: Path) -> None:
    """Vectors of a shop, which is forgotten with the process that makes it."""
    np.save(path, shop(num_items)["item"].x.numpy())


def vectors(num_items: int) -> HeteroData:
    """Items that have vectors and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        maker = get_context("spawn").Process(
            target=save_vectors, args=(num_items, path)
        )
        maker.start()
        maker.join()
        data = HeteroData()
        data["item"].x = torch.from_numpy(np.load(path))
    data["item"].id = [str(item) for item in range(num_items)]
    return data


def measure(num_items: int, num_probes: int) -> dict:
    """Seconds, memory and recall of a search."""
    torch.manual_seed(0)
    data = vectors(num_items)
    start = time.perf_counter()
    data = TextKNN(NUM_NEIGHBORS, num_probes)(data)
    seconds, memory = time.perf_counter() - start, peak_mib()
    edge_index = data["item", TEXT_KNN, "item"].edge_index
    return {
        "threads": torch.get_num_threads(),
        "allocator": allocator(),
        "metrics": {"recall": round(recall(data["item"].x, edge_index), 4)},
        "seconds": round(seconds, 1),
        "peak_mib": memory,
    }


def table(rows: list[dict]) -> str:
    """A row a search."""
    lines = ["| items | probes | seconds | found | peak MiB |", "|" + " --- |" * 5]
    for row in rows:
        sizes = f"{row['config']['num_items']} | {row['config']['num_probes']}"
        found = f"{row['seconds']} | {row['metrics']['recall']:.1%}"
        lines.append(f"| {sizes} | {found} | {row['peak_mib']} |")
    return "\n".join(lines)


def main() -> None:
    """Measure each size that is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--num-probes", type=int, default=NUM_PROBES)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    results = Results(args.out, table)
    for num_items in args.sizes:
        config = {"num_items": num_items, "num_probes": args.num_probes}
        if results.lacks({"config": config}):
            results.add({"config": config} | measure(**config))


if __name__ == "__main__":
    main()
