"""When shoppers of one item come to another."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.ragged import ascending, find, starts
from lrdgraph.typing import TRAIN

LAGS = (1, 2, 3, 4, 7, 19)
"""Largest lag of each bucket, in steps of a history; a last bucket means never."""

_BUCKETS = [
    range(before + 1, last + 1) for before, last in zip((0, *LAGS), LAGS, strict=False)
]


def count_habits(data: HeteroData, key: Tensor) -> Tensor:
    """Count, for item pairs, at which lag training shoppers went from one to the other.

    A shopper comes to the target once after each purchase of the source, the first time
    that it is bought after that.

    Args:
        data: Interactions with a split; without any, all counts are zero.
        key: The pairs as ``source * N + target``, ascending, with shape ``[E]``.

    Returns:
        Counts with shape ``[E, len(LAGS) + 1]``; they sum to the purchases of the
        source. The last column holds those that the target never came after. Costs
        O(M log E) for each of the 19 lags and ``M`` interactions.
    """
    counts = torch.zeros(key.numel(), len(LAGS) + 1)
    if not _has_split(data) or not key.numel():
        return counts
    num_items = data["item"].num_nodes
    user, item = _bought(data)
    source, since = item * num_items, _since(user, item)
    for column, lags in enumerate(_BUCKETS):
        for lag in lags:
            pair = source[:-lag] + item[lag:]
            first = (user[:-lag] == user[lag:]) & (since[lag:] >= lag)
            place = find(key, ascending(pair[first]))
            place = place[place >= 0]
            counts[:, column].index_add_(0, place, torch.ones(place.numel()))
    purchases = torch.bincount(item, minlength=num_items)[key // num_items]
    counts[:, -1] = purchases - counts.sum(1)
    return counts


def count_purchases(data: HeteroData) -> Tensor:
    """Number of training interactions of each item, ``[N]``.

    Args:
        data: Interactions with a split; without any, all counts are zero.
    """
    num_items = data["item"].num_nodes
    if not _has_split(data):
        return torch.zeros(num_items)
    return torch.bincount(_bought(data)[1], minlength=num_items).float()


def count_chances(data: HeteroData) -> Tensor:
    """How likely a shopper of any item is to come to each item at each lag by chance.

    That is, if all training histories were of the same lengths and their items drawn
    from the overall shares: an item that many buy is often bought after any other. What
    comes less than a lag after the last purchase of the same by the same shopper is not
    counted there, as in :func:`count_habits`: chances are less by that part of what
    comes so late.

    Args:
        data: Interactions with a split; without any, all chances are zero.

    Returns:
        Chances with shape ``[N, len(LAGS)]``.
    """
    num_items = data["item"].num_nodes
    if not _has_split(data):
        return torch.zeros(num_items, len(LAGS))
    user, item = _bought(data)
    place = torch.arange(item.numel()) - starts(user, 0)[user]  # in the history
    since = _since(user, item)
    share = torch.bincount(item, minlength=num_items).float() / max(item.numel(), 1)
    steps = torch.zeros(num_items, len(LAGS), dtype=torch.double)
    for column, lags in enumerate(_BUCKETS):
        for lag in lags:
            late = place >= lag
            every = torch.bincount(item[late], minlength=num_items)
            counted = torch.bincount(item[late & (since >= lag)], minlength=num_items)
            # Of an item that nobody buys so late, all would count.
            part = torch.where(every > 0, counted.double() / every.clamp(min=1), 1)
            steps[:, column] += part * late.sum()
    return share.unsqueeze(1) * steps.float() / max(item.numel(), 1)


def _bought(data: HeteroData) -> tuple[Tensor, Tensor]:
    """User and item of each training interaction, both ``[M]``, by user and time."""
    store = data["user", "interacts", "item"]
    user, item = store["edge_index"][:, store["split"] == TRAIN]
    return user, item


def _since(user: Tensor, item: Tensor) -> Tensor:
    """How many steps ago the shopper had bought the same, at most ``M``, ``[M]``."""
    order = item.argsort(stable=True)
    again = (item[order].diff() == 0) & (user[order].diff() == 0)
    since = torch.full_like(item, item.numel())
    since[order[1:][again]] = order.diff()[again]
    return since


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
