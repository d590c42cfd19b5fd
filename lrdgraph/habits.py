"""When shoppers of one item come to another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.typing import TRAIN

LAGS = (1, 2, 3, 4, 7, 19)
"""Largest lag of each bucket, in steps of a history; a last bucket means never."""


def count_habits(data: HeteroData, key: Tensor) -> Tensor:
    """Count, for item pairs, at which lag training shoppers went from one to the other.

    Args:
        data: Interactions with a split; without any, all counts are zero.
        key: The pairs as ``source * N + target``, ascending, with shape ``[E]``.

    Returns:
        Counts with shape ``[E, len(LAGS) + 1]``. The last column holds the shoppers of
        the source that never came to the target. Costs O(M log E) for each of the
        19 lags and ``M`` interactions.
    """
    counts = torch.zeros(key.numel(), len(LAGS) + 1)
    store = data["user", "interacts", "item"] if "user" in data.node_types else {}
    if "split" not in store or not key.numel():
        return counts
    num_items = data["item"].num_nodes
    user, item = store["edge_index"][:, store["split"] == TRAIN]
    first = 1
    for column, last in enumerate(LAGS):
        for lag in range(first, last + 1):
            wanted = (item[:-lag] * num_items + item[lag:])[user[:-lag] == user[lag:]]
            place = torch.searchsorted(key, wanted).clamp(max=key.numel() - 1)
            found = place[key[place] == wanted]
            counts[:, column] += torch.bincount(found, minlength=key.numel())
        first = last + 1
    shoppers = torch.bincount(item, minlength=num_items)[key // num_items]
    counts[:, -1] = (shoppers - counts.sum(1)).clamp(min=0)
    return counts
