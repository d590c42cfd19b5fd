"""When shoppers of one item come to another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.ragged import ascending, find
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
    if not _has_split(data) or not key.numel():
        return counts
    store, num_items = data["user", "interacts", "item"], data["item"].num_nodes
    user, item = store["edge_index"][:, store["split"] == TRAIN]
    source, first = item * num_items, 1
    for column, last in enumerate(LAGS):
        for lag in range(first, last + 1):
            pair = source[:-lag] + item[lag:]
            place = find(key, ascending(pair[user[:-lag] == user[lag:]]))
            place = place[place >= 0]
            counts[:, column].index_add_(0, place, torch.ones(place.numel()))
        first = last + 1
    shoppers = torch.bincount(item, minlength=num_items)[key // num_items]
    counts[:, -1] = (shoppers - counts.sum(1)).clamp(min=0)
    return counts


def count_purchases(data: HeteroData) -> Tensor:
    """Number of training interactions of each item, ``[N]``.

    Args:
        data: Interactions with a split; without any, all counts are zero.
    """
    num_items = data["item"].num_nodes
    if not _has_split(data):
        return torch.zeros(num_items)
    store = data["user", "interacts", "item"]
    bought = store["edge_index"][1, store["split"] == TRAIN]
    return torch.bincount(bought, minlength=num_items).float()


def count_chances(data: HeteroData) -> Tensor:
    """How likely a shopper of any item is to come to each item at each lag by chance.

    That is, if all training histories were of the same lengths and their items drawn
    from the overall shares: an item that many buy is often bought after any other.

    Args:
        data: Interactions with a split; without any, all chances are zero.

    Returns:
        Chances with shape ``[N, len(LAGS)]``.
    """
    num_items = data["item"].num_nodes
    if not _has_split(data):
        return torch.zeros(num_items, len(LAGS))
    store = data["user", "interacts", "item"]
    user, item = store["edge_index"][:, store["split"] == TRAIN]
    length, total = torch.bincount(user), max(item.numel(), 1)
    first = (1, *(last + 1 for last in LAGS[:-1]))
    steps = [
        sum(int((length - lag).clamp(min=0).sum()) for lag in range(low, high + 1))
        for low, high in zip(first, LAGS, strict=True)
    ]
    share = torch.bincount(item, minlength=num_items).float() / total
    return share.unsqueeze(1) * torch.tensor(steps) / total


def _has_split(data: HeteroData) -> bool:
    return "user" in data.node_types and "split" in data["user", "interacts", "item"]


def typical_habits(lags: Tensor, num_groups: int) -> Tensor:
    """Group pairs by when shoppers come: a first guess of what the relations may be.

    The pairs that shoppers follow, at most the 10,000 most followed, are clustered by
    the Hellinger distance of their shares (k-means on square roots), each weighted by
    how many follow it.

    Args:
        lags: Counts of :func:`count_habits`, with shape ``[E, B]``.
        num_groups: Number of groups ``G``.

    Returns:
        Share of each lag in each group, with shape ``[G, B]``, the group that is
        followed least first; that of all pairs in every row where fewer than ``G``
        different ones are followed.
    """
    from sklearn.cluster import KMeans

    lags = lags.cpu()  # where k-means is
    overall = (lags.sum(0) + 1) / (lags.sum() + lags.size(1))
    followed = lags[:, :-1].sum(1)
    most = followed.topk(min(int((followed > 0).sum()), 10_000))
    pairs = lags[most.indices]
    smooth = _shares(pairs, overall, 5)
    if len(smooth.unique(dim=0)) < num_groups:
        return overall.repeat(num_groups, 1)
    kmeans = KMeans(num_groups, n_init=5, random_state=0)
    group = kmeans.fit_predict(smooth.sqrt().numpy(), sample_weight=most.values.numpy())
    member = torch.zeros(num_groups, len(group))
    member[torch.from_numpy(group).long(), torch.arange(len(group))] = 1
    shares = _shares(member @ pairs, overall, 1)
    return shares[shares[:, -1].argsort(descending=True)]


def _shares(counts: Tensor, overall: Tensor, strength: float) -> Tensor:
    """Shares of counts, drawn to the overall ones as if by ``strength`` shoppers."""
    return (counts + strength * overall) / (counts.sum(1, keepdim=True) + strength)
