"""Seconds, memory and size of the graph's export in each format.

    python benchmarks/exports.py --out benchmarks/results/exports.json

A graph of 50 000 items with 20 neighbours each, all of them likely: a million edges.
Each format is written in a process of its own, so that its peak memory is its own; that
includes the graph and the libraries, which alone need what the row ``nothing`` says.
"""

import argparse
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from record import peak_mib, write
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.convert.save import WRITERS
from lrdgraph.typing import TEXT_KNN

NUM_ITEMS, NUM_NEIGHBORS = 50_000, 20
OTHERS = ("nothing", "to_frame", "to_data", "to_networkx")


def make_graph(num_items: int = NUM_ITEMS) -> LatentRelationGraph:
    """Items with texts of the usual length, and two observed relations of each pair."""
    data = HeteroData()
    data["item"].num_nodes = num_items
    data["item"].id = [f"B{index:09d}" for index in range(num_items)]
    rest = "Refill Cartridge for Lorick & Sons Gravel Printer, ZR-82, “Green”, 3-Pack"
    data["item"].text = [f"{rest} {index}" for index in range(num_items)]
    data["item"].x = torch.randn(num_items, 64)
    source = torch.arange(num_items).repeat_interleave(NUM_NEIGHBORS)
    step = torch.arange(1, NUM_NEIGHBORS + 1).repeat(num_items)
    pairs = torch.stack([source, (source + step) % num_items])
    data["item", TEXT_KNN, "item"].edge_index = pairs[:, step <= NUM_NEIGHBORS // 2]
    data["item", "also_bought", "item"].edge_index = pairs[:, step > NUM_NEIGHBORS // 2]
    return LatentRelationGraph(data, num_latent=8)


def measure(name: str) -> dict:
    """Write one format, or convert to one object, and see what it took."""
    torch.manual_seed(0)
    graph = make_graph()
    wanted = {"relations": graph.observed_relations}
    size = 0
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        if name in WRITERS:
            path = Path(folder) / f"relations{name}"
            graph.save(path, **wanted)
            size = path.stat().st_size
        elif name != "nothing":
            getattr(graph, name)(**wanted)
        seconds = time.perf_counter() - start
    return {
        "dataset": "invented",
        "split_hash": "",  # nobody shops here
        "model": "LatentRelationGraph",
        "setting": name,
        "seed": 0,
        "config": {"num_items": NUM_ITEMS, "num_neighbors": NUM_NEIGHBORS},
        "edges": graph.num_edges,
        "metrics": {"file_mb": round(size / 1e6, 1)},
        "seconds": {"export": round(seconds, 2)},
        "peak_mib": peak_mib(),
    }


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = []
    print("| format | edges | seconds | peak memory (MiB) | file (MB) |")
    print("| --- | --- | --- | --- | --- |")
    for name in (*OTHERS, *WRITERS):
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            row = pool.submit(measure, name).result()
        print(
            f"| {name} | {row['edges']:,} | {row['seconds']['export']:.1f} "
            f"| {row['peak_mib']} | {row['metrics']['file_mb']:.0f} |",
            flush=True,
        )
        rows.append(row)
    if args.out:
        write(args.out, rows)


if __name__ == "__main__":
    main()
