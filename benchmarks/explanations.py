"""Do scores fall when the purchase that a reason names is taken from the history?

    python benchmarks/explanations.py --dataset office --root DIR \
        --out benchmarks/results/explanations.json

A counterfactual check of the reasons of recommendations: for the five best items of
many shoppers, the item of the history that the strongest reason names is removed, and
the recommended item is scored again; so it is after removing, instead, each other item
of the history in turn. Reasons are the typed edges; the sequence encoder sees the
history, too, so a score may rise nevertheless.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from models import TUNED, build, configure
from next_item import load, train, without_observed
from pytorch_lightning import seed_everything
from record import Results, device, identify, peak_mib
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.models import LRDRec
from lrdgraph.typing import TRAIN


def score(
    model: LRDRec, states: Tensor, histories: Sequence[Sequence[int]], item: int
) -> Tensor:
    """Score of an item after each history."""
    length = model.max_length
    rows = [
        F.pad(torch.tensor(h), (length - len(h), 0), value=model.num_items)
        for h in histories
    ]
    return model(torch.stack(rows), states)[:, item]


def falls(model: LRDRec, states: Tensor, history: list[int], k: int) -> list[tuple]:
    """By how much scores fall without the named item, and without others (mean)."""
    ids = model.graph.ids
    found = []
    for item, _, reasons in model.recommend([ids[i] for i in history], k=k):
        if not reasons:
            continue
        named = model.graph.index(reasons[0].item)
        without = [[i for i in history if i != left] for left in history]
        target = model.graph.index(item)
        before, *after = score(model, states, [history, *without], target).tolist()
        fall = dict(zip(history, (before - s for s in after), strict=True))
        others = [fall[left] for left in fall if left != named]
        found.append((fall[named], float(np.mean(others)), fall[named] >= max(others)))
    return found


@torch.no_grad()
def check(model: LRDRec, data: HeteroData, num_users: int, k: int) -> dict:
    """Figures over the last training items of evenly spaced shoppers."""
    model.eval()
    states = model.item_states()
    store = data["user", "interacts", "item"]
    user, item = store.edge_index[:, store.split == TRAIN]
    seen = item.split(torch.bincount(user).tolist())
    found = []
    for items in seen[:: max(len(seen) // num_users, 1)]:
        history = list(dict.fromkeys(items.tolist()))[-model.max_length :]
        if len(history) > 1:
            found += falls(model, states, history, k)
    named, others, largest = np.array(found).T
    return {
        "recommendations": len(found),
        "score falls": float((named > 0).mean()),
        "falls most of all": float(largest.mean()),
        "mean fall, named": float(named.mean()),
        "mean fall, others": float(others.mean()),
    }


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dataset", choices=TUNED, default="planted")
    parser.add_argument("--root", help="folder with the raw files")
    parser.add_argument("--num-users", type=int, default=500)
    parser.add_argument("--max-epochs", type=int, default=100)
    parser.add_argument("--cache", default="data/vectors", help="folder of vectors")
    parser.add_argument("--out", type=Path, help="JSON to write (and to resume from)")
    parser.add_argument("--no-progress", action="store_true")
    parser.set_defaults(num_latent=8, num_convs=1, max_length=20, patience=5)
    return parser.parse_args()


def table(rows: list[dict]) -> str:
    """What was found on each data set."""
    head = ["data", *rows[0]["metrics"]["reasons"]]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        figures = row["metrics"]["reasons"].values()
        lines.append([row["dataset"], *(f"{value:.4g}" for value in figures)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Train one model and take its reasons at their word."""
    args = parse()
    results = Results(args.out, table)
    data = without_observed(load(args.dataset, args.root, args.cache))
    config = configure(args.dataset, "lrdrec", args)
    row = identify(args.dataset, data, "lrdrec", "no-observed", 0, config)
    if not results.lacks(row):
        print(table(results.rows))
        return
    seed_everything(0)
    model = build("lrdrec", data, config)
    *_, seconds = train(model, data, config, not args.no_progress)
    found = {
        "metrics": {"reasons": check(model, data, args.num_users, k=5)},
        "seconds": {"train": round(seconds, 2)},
        "peak_mib": peak_mib(),
        **device(),
    }
    results.add(row | found)


if __name__ == "__main__":
    main()
