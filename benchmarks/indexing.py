"""Recommendations for one shopper of a million items, through an index and without.

    python benchmarks/indexing.py --out benchmarks/results/indexing.json

Invented graphs of growing catalogues, in families of 50 items whose vectors and states
are alike: some 20 pairs by text and 14 transitions an item, four in five of them within
the family. Nothing is trained, as no time depends on it; histories hold 60 items of six
families. Of each: making the states and the index, a recommendation of ten items by the
index and without (median, and the slowest of a hundred), which share of the exact ten
is found, and ranking the whole catalogue for 1000 shoppers in blocks. (States that are
half noise are harder to find than trained ones: see approximations.py.)
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from record import Results, peak_mib
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import Candidates, degree_scale, sampling_weight
from lrdgraph.models import ItemIndex, LRDRec
from lrdgraph.ragged import starts
from lrdgraph.typing import TEXT_KNN

FAMILY, PER_ITEM = 50, 22
SHOPPERS, EXACT = 300, 60


def alike(num_items: int, channels: int, noise: float) -> Tensor:
    """A vector for each item, near to those of its family, ``[N, channels]``."""
    family = torch.randn(-(-num_items // FAMILY), channels)
    own = torch.randn(num_items, channels)
    return family.repeat_interleave(FAMILY, 0)[:num_items] + noise * own


def pairs(num_items: int) -> Tensor:
    """Keys of pairs, most of them within families, ascending."""
    source = torch.arange(num_items).repeat_interleave(PER_ITEM)
    near = source // FAMILY * FAMILY + torch.randint(FAMILY, source.shape)
    far = torch.randint(num_items, source.shape)
    near = near.clamp(max=num_items - 1)
    target = torch.where(torch.rand(source.shape) < 0.8, near, far)
    return (source * num_items + target)[source != target].unique()


def invent(num_items: int) -> LatentRelationGraph:
    """A graph of families."""
    text, followed = pairs(num_items), pairs(num_items)
    key = torch.cat([text, followed]).unique()
    static = torch.zeros(len(key), dtype=torch.bool)
    static[torch.searchsorted(key, text)] = True
    transitions = torch.zeros(len(key))
    count = torch.randint(1, 9, followed.shape).float()
    transitions[torch.searchsorted(key, followed)] = count
    edge_index = torch.stack([key // num_items, key % num_items])
    ids, lags = [str(item) for item in range(num_items)], torch.zeros(len(key), 7)
    candidates = Candidates(
        ids=ids,
        texts=ids,
        observed_relations=(TEXT_KNN,),
        window=3,
        min_count=1,
        encoder="",
        vector_steps=[],
        x=F.normalize(alike(num_items, 384, 0.8)),
        edge_index=edge_index,
        key=key,
        start=starts(edge_index[0], num_items),
        observed=static.float().unsqueeze(1),
        static=static,
        scale=degree_scale(edge_index, static, num_items),
        transitions=transitions,
        popularity=torch.randint(1, 200, (num_items,)).float(),
        lags=lags,
        chance=torch.zeros(num_items, 6),
        cumulative_weight=sampling_weight(lags, static).cumsum(0),
    )
    return LatentRelationGraph(candidates)


def histories(num_items: int) -> list[list[str]]:
    """Ten items of each of six families, for every shopper."""
    rng = np.random.default_rng(0)
    family = rng.integers(0, num_items // FAMILY, (SHOPPERS, 6, 1))
    item = family * FAMILY + rng.integers(0, FAMILY, (SHOPPERS, 6, 10))
    return item.reshape(SHOPPERS, -1).astype(str).tolist()


def one_by_one(
    model: LRDRec, asked: list[list[str]], **options: Tensor | ItemIndex
) -> tuple[list[set[str]], np.ndarray]:
    """The ten best after each history, and the seconds that each took."""
    model.recommend(asked[0], 10, **options)
    found, taken = [], []
    for history in asked:
        start = time.perf_counter()
        best = model.recommend(history, 10, **options)
        taken.append(time.perf_counter() - start)
        found.append({one.item for one in best})
    return found, np.array(taken)


def measure(num_items: int, num_probes: int, num_candidates: int) -> dict:
    """Seconds, memory, and what the index finds."""
    torch.manual_seed(0)
    graph, asked = invent(num_items), histories(num_items)
    model = LRDRec(graph, max_length=50).eval()
    with torch.no_grad():
        model.id.weight.copy_(0.15 * alike(num_items, 64, 0.7))
        model.bias.normal_(0, 0.5)
    start = time.perf_counter()
    index = ItemIndex(model, num_probes, num_candidates)
    seconds = {"states and index": time.perf_counter() - start}
    found, taken = one_by_one(model, asked, index=index)
    seconds["one by index"] = np.median(taken)
    seconds["the slowest of 100 by index"] = np.quantile(taken, 0.99)
    exact, taken = one_by_one(model, asked[:EXACT], states=index.states)
    seconds["one without"] = np.median(taken)
    start = time.perf_counter()
    everybody = {str(n): asked[n % SHOPPERS] for n in range(1000)}
    rows = max(1, 2**26 // num_items)
    model.recommend_all(everybody, states=index.states, batch_size=rows, progress=False)
    seconds["1000 without"] = time.perf_counter() - start
    shared = [len(a & b) / 10 for a, b in zip(exact, found[:EXACT], strict=True)]
    return {
        "pairs": graph.num_edges,
        "threads": torch.get_num_threads(),
        "seconds": {name: round(float(s), 4) for name, s in seconds.items()},
        "metrics": {"recall@10": float(np.mean(shared))},
        "peak_mib": peak_mib(),
    }


def table(rows: list[dict]) -> str:
    """A row a size."""
    phases = list(rows[0]["seconds"])
    lines = [
        ["items", "pairs", "probes", "candidates", *phases, "recall@10", "peak MiB"]
    ]
    lines.append(["---"] * len(lines[0]))
    for row in rows:
        config = row["config"]
        cells = [f"{row['seconds'][phase]:.3g}" for phase in phases]
        asked = config["num_probes"], config["num_candidates"]
        sizes = [config["num_items"], row["pairs"], *asked]
        recall = f"{row['metrics']['recall@10']:.3f}"
        lines.append([*map(str, sizes), *cells, recall, str(row["peak_mib"])])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure each size that is not there yet, print the table, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = [10_000, 100_000, 1_000_000]
    parser.add_argument("--sizes", nargs="+", type=int, default=sizes)
    parser.add_argument("--num-probes", type=int, default=1024)
    parser.add_argument("--num-candidates", type=int, default=1000)
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    results = Results(args.out, table)
    for num_items in args.sizes:
        config = {
            "num_items": num_items,
            "num_probes": args.num_probes,
            "num_candidates": args.num_candidates,
        }
        if results.lacks({"config": config}):
            results.add({"config": config} | measure(**config))


if __name__ == "__main__":
    main()
