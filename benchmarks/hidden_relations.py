"""Do discovered relations tell those of the metadata apart, which they never saw?

    python benchmarks/hidden_relations.py --dataset office --root DIR \
        --seeds 0 1 2 3 4 --out benchmarks/results/hidden-office.json

Relations are discovered alone, from texts and training histories. Then, of up to 20,000
pairs that some relation of the metadata holds for, each relation in turn is told from
the rest by the posterior of one latent relation: the one that does so best on half of
the pairs, measured on the other half (AUC). Beside it stand, chosen the same way, a
cluster of k-means on text differences, and how often the relation holds between the two
categories of a pair in the first half.
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import torch
from models import NUM_NEIGHBORS, TEXT_MODEL, TUNED, WINDOW
from next_item import load, without_observed
from pytorch_lightning import seed_everything
from record import Results, peak_mib
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import relation_pairs
from lrdgraph.discovery import discover
from lrdgraph.health import health
from lrdgraph.metrics import kmeans_labels
from lrdgraph.typing import TRANSITION

NUM_PAIRS = 20_000


def gold_pairs(data: HeteroData) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Some pairs with relations of the metadata, and which of them each holds for."""
    num_items = data["item"].num_nodes
    keys = {
        name: pairs[0] * num_items + pairs[1]
        for name, pairs in relation_pairs(data).items()
        if name not in ("text_knn", TRANSITION)
    }
    key = torch.cat(list(keys.values())).unique()
    key = key[torch.randperm(len(key), generator=torch.manual_seed(0))[:NUM_PAIRS]]
    holds = {name: torch.isin(key, known).numpy() for name, known in keys.items()}
    rare = {name for name, held in holds.items() if not 50 <= held.sum() < len(key)}
    pairs = torch.stack([key // num_items, key % num_items])
    return pairs, {name: held for name, held in holds.items() if name not in rare}


def best_auc(scores: np.ndarray, held: np.ndarray, chosen: np.ndarray) -> float:
    """AUC of the best column of ``scores [M, S]``, chosen on other pairs."""
    aucs = [roc_auc_score(held[chosen], column[chosen]) for column in scores.T]
    return roc_auc_score(held[~chosen], scores[~chosen, int(np.argmax(aucs))])


def category_rate(
    data: HeteroData, pairs: Tensor, held: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """How often a relation holds between the categories of a pair, ``[M, 1]``."""
    category = np.unique(data["item"].category, return_inverse=True)[1]
    both = category[pairs[0]] * len(category) + category[pairs[1]]
    rate = pd.Series(held[chosen]).groupby(both[chosen]).mean()
    return pd.Series(both).map(rate).fillna(held[chosen].mean()).to_numpy()[:, None]


def measure(data: HeteroData, seed: int, num_latent: int) -> dict:
    """AUC per relation of discovery and of the baselines, and health."""
    pairs, holds = gold_pairs(data)
    seed_everything(seed, verbose=False)
    graph = LatentRelationGraph(without_observed(data), num_latent)
    start = perf_counter()
    discover(graph, progress=False)
    seconds = perf_counter() - start
    with torch.no_grad():
        found = graph.dvae.posterior(graph.dvae.roles(graph.x), pairs).numpy()
    clusters = kmeans_labels(data["item"].x, pairs, num_latent + 1, seed)
    clusters = np.eye(num_latent + 1)[clusters]
    chosen = np.random.default_rng(seed).random(pairs.size(1)) < 0.5
    metrics = {
        name: {
            "share": float(held.mean()),
            "best latent": best_auc(found, held, chosen),
            "k-means": best_auc(clusters, held, chosen),
            "category pair": best_auc(
                category_rate(data, pairs, held, chosen), held, chosen
            ),
        }
        for name, held in holds.items()
    }
    return {
        "metrics": metrics | {"health": health(graph)._asdict()},
        "seconds": {"train": round(seconds, 2)},
        "peak_mib": peak_mib(),
    }


def table(rows: list[dict]) -> str:
    """Mean of every relation and method."""
    names = [name for name in rows[0]["metrics"] if name != "health"]
    columns = list(rows[0]["metrics"][names[0]])
    lines = [["relation", *columns], ["---"] * (1 + len(columns))]
    for name in names:
        values = [[r["metrics"][name][c] for r in rows] for c in columns]
        lines.append([name, *(f"{np.mean(v):.3f} ± {np.std(v):.3f}" for v in values)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Discover once a seed, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--num-latent", type=int, default=8)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    args = parser.parse_args()
    data = load(args.dataset, args.root, args.cache)
    config = {
        "text_model": TEXT_MODEL,
        "num_neighbors": NUM_NEIGHBORS,
        "window": WINDOW,
        "num_latent": args.num_latent,
    }
    results = Results(args.out, table)
    for seed in args.seeds:
        row = {
            "dataset": args.dataset,
            "split_hash": data.split_hash,
            "model": "discovered alone",
            "setting": "no-observed",
            "seed": seed,
            "config": config,
        }
        if results.lacks(row):
            results.add(row | measure(data, seed, args.num_latent))
            print(results.rows[-1]["metrics"]["health"])


if __name__ == "__main__":
    main()
