"""Are the discovered relations the planted ones, and do they agree between seeds?

    python benchmarks/relations.py --noise 0.1 0.3 0.5 --seeds 0 1 2 3 4 \
        --out benchmarks/results/relations.json

A fifth of the planted pairs is hidden: whatever relation proposes them is removed, so
that discovery never sees them as pairs. Relations are discovered alone, without and
with a term for what they tell of pairs; or trained with a recommender, which draws them
towards what helps it, by our objective and by the one that LRD was published with.
Beside them stand k-means on differences of text vectors,
the pair of categories, and chance (the labels discovered alone, shuffled). Stability is
the ARI of the labels of two seeds, over the same hidden pairs, mean over all pairs of
seeds.
"""

import argparse
import itertools
import logging
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from models import build, configure
from next_item import prepare, train
from pytorch_lightning import seed_everything
from record import Results, mean_and_spread, peak_mib
from sklearn.metrics import adjusted_rand_score
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import relation_pairs
from lrdgraph.datasets import PlantedRelations
from lrdgraph.discovery import discover
from lrdgraph.recovery import kmeans_labels, relation_recovery, shuffled_labels
from lrdgraph.typing import TRANSITION

ALONE = "discovered alone"
INFORMED = "discovered alone, with an information term"
LRD = "LRD objective, with a recommender"
TRAINED = {"with a recommender": "lrdrec", LRD: "lrdrec-lrd-objective"}
INFORMATION_WEIGHT = 1.0  # of the term
COLUMNS = ("V-measure", "ARI", "NMI", "B3-F1", "accuracy")


def load(noise: float, cache: str) -> tuple[HeteroData, torch.Tensor]:
    """The shop without the hidden pairs, and which planted pairs are hidden."""
    data = prepare(PlantedRelations(noise=noise)[0], cache)
    pairs = data.gold_edge_index
    generator = torch.Generator().manual_seed(0)
    hidden = torch.rand(pairs.size(1), generator=generator) < 0.2
    return without(data, pairs[:, hidden]), hidden


def without(data: HeteroData, pairs: torch.Tensor) -> HeteroData:
    """The data without these pairs ``[2, M]``, whatever relation proposes them."""
    data, num_items = data.clone(), data["item"].num_nodes
    key = pairs[0] * num_items + pairs[1]
    for name, known in relation_pairs(data).items():
        if name != TRANSITION:
            kept = ~torch.isin(known[0] * num_items + known[1], key)
            data["item", name, "item"].edge_index = known[:, kept]
    return data


def trained(
    name: str, data: HeteroData, seed: int, config: dict, progress: bool
) -> tuple[LatentRelationGraph, dict[str, float]]:
    """A graph whose relations were discovered, and in how many seconds."""
    seed_everything(seed, verbose=False)
    if name in (ALONE, INFORMED):
        start, objective = perf_counter(), config.get("objective", "marginal")
        graph = LatentRelationGraph(data, config["num_latent"], objective=objective)
        information = config.get("information_weight", 0.0)
        pairs = config["num_pairs"]
        discover(
            graph, num_pairs=pairs, information_weight=information, progress=progress
        )
        return graph, {"train": round(perf_counter() - start, 2)}
    model = build(TRAINED[name], data, config)
    *_, seconds = train(model, data, config, progress)
    return model.graph.eval(), {"train": round(seconds, 2)}


@torch.no_grad()
def label(graph: LatentRelationGraph, pairs: torch.Tensor) -> np.ndarray:
    """The likeliest relation of each pair, 0 for *none*."""
    return graph.infer(pairs).argmax(-1).numpy()


def baselines(
    data: HeteroData, found: np.ndarray, pairs: torch.Tensor, k: int, seed: int
) -> dict:
    """Labels of pairs by what discovers nothing, with ``k`` clusters."""
    category = np.unique(data["item"].category, return_inverse=True)[1]
    both = category[pairs[0]] * len(category) + category[pairs[1]]
    return {
        "k-means": kmeans_labels(data["item"].x, pairs, k, seed=seed),
        "category pair": np.unique(both, return_inverse=True)[1],
        "chance": shuffled_labels(found, seed=0),
    }


def table(rows: list[dict]) -> str:
    """Mean and spread over seeds of every method and noise."""
    head = ["noise", "labels", "seeds", *COLUMNS, "stability (ARI)"]
    lines = [head, ["---"] * len(head)]
    groups: dict[tuple[float, str], list[dict]] = {}
    for row in rows:
        groups.setdefault((row["config"]["noise"], row["model"]), []).append(row)
    for (noise, model), members in groups.items():
        cells = [[r["metrics"]["hidden"][c] for r in members] for c in COLUMNS]
        means = [mean_and_spread(cell, 3) for cell in cells]
        labels = [r["labels"] for r in members if "labels" in r]
        agreement = [
            adjusted_rand_score(a, b) for a, b in itertools.combinations(labels, 2)
        ]
        stable = f"{np.mean(agreement):.3f}" if agreement else "–"
        lines.append([str(noise), model, str(len(members)), *means, stable])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measure(
    name: str, noise: float, seed: int, config: dict, args: argparse.Namespace
) -> list:
    """The rows of one training: its labels, and of ours those to compare them with."""
    data, hidden = load(noise, args.cache)
    graph, seconds = trained(name, data, seed, config, not args.no_progress)
    gold, pairs = data.gold_edge_type[hidden].numpy(), data.gold_edge_index[:, hidden]
    found = {name: label(graph, pairs)}
    if name == ALONE:
        found |= baselines(data, found[name], pairs, graph.num_latent + 1, seed)
    rows = []
    for model, labels in found.items():
        row = {
            "dataset": "planted",
            "split_hash": data.split_hash,
            "model": model,
            "setting": "observed",
            "seed": seed,
            "config": config,
            "metrics": {"hidden": relation_recovery(gold, labels)},
            "seconds": seconds if model == name else {},
            "peak_mib": peak_mib(),
        }
        rows.append(row | {"labels": labels.tolist()} if model == name else row)
    return rows


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--noise", nargs="+", type=float, default=[0.3])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    how = (ALONE, INFORMED, *TRAINED)
    parser.add_argument("--how", nargs="+", choices=how, default=how)
    parser.add_argument("--num-latent", type=int, default=8)
    parser.add_argument("--max-epochs", type=int, default=20)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    parser.set_defaults(num_convs=1, max_length=20, patience=5)
    return parser.parse_args()


def main() -> None:
    """Train whatever is not there yet."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", module="pytorch_lightning")
    args = parse()
    results = Results(args.out, table)
    for name, noise, seed in itertools.product(args.how, args.noise, args.seeds):
        model = TRAINED.get(name, "lrdrec")
        config = configure("planted", model, args) | {"noise": noise}
        if name == INFORMED:
            config["information_weight"] = INFORMATION_WEIGHT
        wanted = {"model": name, "seed": seed, "config": config}
        if results.lacks(wanted):
            results.add(*measure(name, noise, seed, config, args))
    print(f"\n{table(results.rows)}")


if __name__ == "__main__":
    main()
