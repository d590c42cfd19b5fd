"""Are relations of the metadata foretold for pairs whose own are hidden?

    python benchmarks/hidden_relations.py --dataset office --root DIR \
        --seeds 2 3 4 5 6 --out benchmarks/results/hidden-office.json

Of up to 20,000 pairs that some relation of the metadata holds for, a fifth is hidden,
either way round: discovery never sees it as a pair. Relations are discovered alone,
from texts and training histories, without anything of the metadata (*marginal*), once
more with a term for what relations tell of pairs (*informed*), and from the metadata of
all other pairs, too (*facts*); and with a recommender, without metadata, by the
objective that LRD was published with (*lrd*). Then each relation in
turn is told from the rest of the hidden pairs by the posterior of one latent relation:
the one that does so best on the pairs that are not hidden (AUC). The likeliest
relations of two seeds are compared on pairs of the metadata.

*Facts* also says by itself how probable each relation is, by all latent ones; once
more as if nothing were known of the two items but their texts; and whether there is any
relation, which tells hidden pairs from random ones (*reconstruction*).

Beside them stand, chosen the same way, a cluster of k-means on text differences, how
often the relation holds between the two categories of a pair that is not hidden, and to
how many items a relation leads from both.
What *facts* is trained with was chosen with the seeds 0, 1 and 7 to 10, which hide
other pairs.
"""

import argparse
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from models import NUM_NEIGHBORS, TEXT_MODEL, TUNED, WINDOW, configure
from next_item import load, without_observed
from record import Results, identify, mean_and_spread, peak_mib
from relations import (
    ALONE,
    INFORMATION_WEIGHT,
    INFORMED,
    LRD,
    TRAINED,
    trained,
    without,
)
from sklearn.metrics import adjusted_rand_score, roc_auc_score
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import relation_pairs
from lrdgraph.facts import KnownFacts
from lrdgraph.health import health
from lrdgraph.nn import FactDVAE
from lrdgraph.recovery import kmeans_labels
from lrdgraph.typing import TEXT_KNN, TRANSITION

NUM_GOLD, HIDDEN = 20_000, 0.2
NUM_LABELS = 2000  # pairs on which the labels of two seeds are compared
NUM_PAIRS = 1024  # in a step of discovery
HOW = {
    "marginal": (ALONE, "no-observed"),
    "informed": (INFORMED, "no-observed"),
    "facts": (ALONE, "a fifth of the pairs hidden"),
    "lrd": (LRD, "no-observed"),
}


def gold_pairs(data: HeteroData) -> tuple[Tensor, dict[str, np.ndarray]]:
    """Some pairs with relations of the metadata, and which of them each holds for."""
    num_items = data["item"].num_nodes
    keys = {
        name: pairs[0] * num_items + pairs[1]
        for name, pairs in relation_pairs(data).items()
        if name not in (TEXT_KNN, TRANSITION)
    }
    key = torch.cat(list(keys.values())).unique()
    key = key[torch.randperm(len(key), generator=torch.manual_seed(0))[:NUM_GOLD]]
    holds = {name: torch.isin(key, known).numpy() for name, known in keys.items()}
    rare = {name for name, held in holds.items() if not 50 <= held.sum() < len(key)}
    pairs = torch.stack([key // num_items, key % num_items])
    return pairs, {name: held for name, held in holds.items() if name not in rare}


def split(pairs: Tensor, num_items: int, seed: int) -> np.ndarray:
    """Which pairs ``[2, M]`` are hidden; a pair and its reverse share their fate."""
    low, high = pairs.min(dim=0).values, pairs.max(dim=0).values
    both, place = (low * num_items + high).unique(return_inverse=True)
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(len(both), generator=generator) < HIDDEN)[place].numpy()


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


def configured(objective: str, args: argparse.Namespace) -> dict:
    """Every hyper-parameter of a row."""
    if objective == "lrd":
        config = configure(args.dataset, TRAINED[LRD], args)
        return config | {"objective": objective}
    config = {
        "text_model": TEXT_MODEL,
        "num_neighbors": NUM_NEIGHBORS,
        "window": WINDOW,
        "num_latent": args.num_latent,
        "num_pairs": NUM_PAIRS,
        "objective": objective,
    }
    if objective == "informed":
        weight = {"information_weight": INFORMATION_WEIGHT}
        return config | {"objective": "marginal"} | weight
    return config


def objective_of(row: dict) -> str:
    """Which of ``HOW`` a row is of."""
    informed = row["model"] == INFORMED
    return "informed" if informed else row["config"]["objective"]


def measure(data: HeteroData, model: str, seed: int, config: dict) -> dict:
    """AUC per relation of discovery and of the baselines, and health."""
    pairs, holds = gold_pairs(data)
    chosen = ~split(pairs, data["item"].num_nodes, seed)
    hidden, num_latent = pairs[:, ~chosen], config["num_latent"]
    known = without(data, torch.cat([hidden, hidden.flip(0)], dim=1))
    if config["objective"] != "facts":
        known = without_observed(known)
    graph, seconds = trained(model, known, seed, config, progress=False)
    whole = health(graph)._asdict() | rebuilt(graph, hidden)
    with torch.no_grad():
        found = graph.infer(pairs)
        shared = graph.facts.compare(pairs).numpy()
        # As of items that nobody has written of.
        nothing = graph.edge_index[:, :0], graph.observed[:0, : shared.shape[1]]
        graph.facts = KnownFacts(*nothing, graph.num_items)
        by_text = graph.infer(pairs)
    clusters = kmeans_labels(data["item"].x, pairs, num_latent + 1, seed)
    clusters = np.eye(num_latent + 1)[clusters]
    metrics = {}
    for name, held in holds.items():
        rate = category_rate(data, pairs, held, chosen)
        metrics[name] = {
            "share": float(held.mean()),
            "best latent": best_auc(found.numpy(), held, chosen),
            "all latent": foretold(graph, found, name, held, ~chosen),
            "all latent, by text": foretold(graph, by_text, name, held, ~chosen),
            "k-means": best_auc(clusters, held, chosen),
            "category pair": best_auc(rate, held, chosen),
            "items in common": best_auc(shared, held, chosen) if shared.size else None,
        }
    return {
        "metrics": metrics | {"health": whole},
        "labels": found[:NUM_LABELS].argmax(-1).tolist(),
        "seconds": seconds,
        "peak_mib": peak_mib(),
    }


def foretold(
    graph: LatentRelationGraph,
    posterior: Tensor,
    name: str,
    held: np.ndarray,
    asked: np.ndarray,
) -> float | None:
    """AUC of the probability of a relation by all latent ones, where there is one."""
    if not isinstance(graph.dvae, FactDVAE):
        return None
    column = graph.dvae.facts.index(name)
    with torch.no_grad():
        probability = graph.dvae.foretell(posterior)[:, column].numpy()
    return roc_auc_score(held[asked], probability[asked])


@torch.no_grad()
def rebuilt(graph: LatentRelationGraph, hidden: Tensor) -> dict[str, float]:
    """AUC of hidden pairs against their sources with random targets.

    By the probability that any relation of the metadata holds.
    """
    if not isinstance(graph.dvae, FactDVAE):
        return {}
    other = torch.stack([hidden[0], torch.randint_like(hidden[1], graph.num_items)])
    nothing = (1 - graph.dvae.fact.sigmoid()).prod(dim=1)
    found = 1 - graph.infer(torch.cat([hidden, other], dim=1)) @ nothing
    held = torch.arange(found.numel()) < hidden.size(1)
    return {"reconstruction": roc_auc_score(held, found)}


def table(rows: list[dict]) -> str:
    """Mean and spread of every relation and method, for each objective."""
    names = [name for name in rows[0]["metrics"] if name != "health"]
    columns = list(rows[0]["metrics"][names[0]])
    lines = [["objective", "seeds", "relation", *columns]]
    lines.append(["---"] * len(lines[0]))
    for objective in HOW:
        members = [r["metrics"] for r in rows if objective_of(r) == objective]
        for name in names if members else ():
            values = [[metrics[name][c] for metrics in members] for c in columns]
            lines.append([objective, str(len(members)), name, *map(cell, values)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def agreement(rows: list[dict]) -> str:
    """How far the likeliest relations of two seeds agree, for each objective."""
    lines = ["| objective | seeds | agreement of two (ARI) |", "| --- | --- | --- |"]
    for objective in HOW:
        members = [r for r in rows if objective_of(r) == objective]
        labels = [row["labels"] for row in members if "labels" in row]
        pairs = itertools.combinations(labels, 2)
        found = [adjusted_rand_score(a, b) for a, b in pairs]
        lines.append(f"| {objective} | {len(labels)} | {cell(found)} |")
    return "\n".join(lines)


def cell(values: list[float | None]) -> str:
    """Mean and spread, if there is anything."""
    known = [value for value in values if value is not None]
    return mean_and_spread(known, 3) if known else "–"


def main() -> None:
    """Discover with each seed and objective, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 3, 4, 5, 6])
    parser.add_argument("--objective", nargs="+", choices=HOW, default=tuple(HOW))
    parser.add_argument("--num-latent", type=int, default=8)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--max-epochs", type=int, default=20, help="of a recommender")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.set_defaults(num_convs=1, max_length=20, patience=5)
    args = parser.parse_args()
    data = load(args.dataset, args.root, args.cache)
    results = Results(args.out, table)
    for seed, objective in itertools.product(args.seeds, args.objective):
        config, (model, how) = configured(objective, args), HOW[objective]
        row = identify(args.dataset, data, model, how, seed, config)
        if results.lacks(row):
            results.add(row | measure(data, model, seed, config))
            print(results.rows[-1]["metrics"]["health"])
    print(f"\n{table(results.rows)}\n\n{agreement(results.rows)}")


if __name__ == "__main__":
    main()
