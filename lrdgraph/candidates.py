"""The candidate pairs of all relation sources, united."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.data.storage import EdgeStorage
from torch_geometric.utils import degree

from lrdgraph.habits import count_chances, count_habits, count_purchases
from lrdgraph.ragged import ascending, starts
from lrdgraph.text.vector_step import VectorStep
from lrdgraph.typing import TRANSITION


class Candidates(NamedTuple):
    """The items, and every pair of them that some relation proposes, sorted by source.

    Attributes:
        ids: External item ids.
        texts: Item texts.
        observed_relations: Names of the observed relations.
        window: That of :class:`~lrdgraph.transforms.Transitions`; 0 without any.
        min_count: That of :class:`~lrdgraph.transforms.Transitions`.
        encoder: What made the vectors of texts; empty if that is not known.
        vector_steps: What was done to item vectors, in this order.
        x: Item text vectors, float32, with shape ``[N, C_text]``.
        edge_index: Source and target of each pair, with shape ``[2, E]``.
        key: ``source * N + target``, ascending, with shape ``[E]``.
        start: Where the pairs of each source begin, with shape ``[N + 1]``.
        observed: 1 where an observed relation holds, with shape ``[E, R_observed]``.
        static: True where a pair exists for another reason than transitions, ``[E]``.
        scale: ``(out-degree * in-degree)^(-1/4)`` over the static pairs, ``[E]``.
        transitions: How often shoppers went from source to target, with shape ``[E]``;
            to an item that arrived later, what is lent to it, which may be fractions.
        popularity: Number of training interactions of each item, ``[N]``; all zero
            where the data has no split.
        lags: After how many purchases of the source its shoppers came to the target at
            which lag, ``[E, B]``.
        chance: Share of anyone's shoppers that comes to an item by chance at which lag,
            ``[N, B - 1]``.
        cumulative_weight: Running sum of the whole-numbered weights by which pairs are
            sampled to learn relations from; static pairs alone have any, ``[E]``.
    """

    ids: list[str]
    texts: list[str]
    observed_relations: tuple[str, ...]
    window: int
    min_count: int
    encoder: str
    vector_steps: list[VectorStep]
    x: Tensor
    edge_index: Tensor
    key: Tensor
    start: Tensor
    observed: Tensor
    static: Tensor
    scale: Tensor
    transitions: Tensor
    popularity: Tensor
    lags: Tensor
    chance: Tensor
    cumulative_weight: Tensor

    def tensors(self) -> dict[str, Tensor]:
        """All that are tensors, by name."""
        return {n: t for n, t in self._asdict().items() if isinstance(t, Tensor)}


def relation_pairs(data: HeteroData) -> dict[str, Tensor]:
    """Pairs ``[2, E_r]`` (int64) of every item-item relation of the data that has any.

    Self loops are left out: an item is no candidate after itself.

    Raises:
        ValueError: If a relation leads from or to what is no item.
    """
    num_items = data["item"].num_nodes
    found = {
        name: _pairs(name, data[source, name, target].edge_index, num_items)
        for source, name, target in data.edge_types
        if source == target == "item" and data[source, name, target].num_edges
    }
    return {name: pairs for name, pairs in found.items() if pairs.numel()}


def _pairs(name: str, edge_index: Tensor, num_items: int) -> Tensor:
    """Pairs of two different items, int64: keys made of smaller numbers overflow."""
    pairs = edge_index.long()
    wrong = (pairs < 0) | (pairs >= num_items)
    if edge_index.is_floating_point():
        wrong |= pairs != edge_index
    if wrong.any():
        raise ValueError(
            f"the relation {name!r} needs item indices from 0 to {num_items - 1} "
            f"(got {edge_index[wrong][0].item()})"
        )
    different = _differ(pairs)
    return pairs if different.all() else pairs[:, different]


def _differ(edge_index: Tensor) -> Tensor:
    """Which pairs are no self loops, ``[E]``."""
    return edge_index[0] != edge_index[1]


def unite(data: HeteroData) -> Candidates:
    """Unite the pairs of all relations, and mark which relation holds where.

    Self loops are left out; item vectors of any type become float32.

    Raises:
        ValueError: If the items lack text vectors, if those are of the wrong shape or
            not finite, if no relation has a single pair of different items, if one has
            an index that is no item's, or if one is called ``transition`` and has not
            been counted.
    """
    x, pairs = _vectors(data), relation_pairs(data)
    if not pairs:
        raise ValueError(
            "the graph needs at least one candidate pair (got no item-item relation "
            "with a pair of different items): apply lrdgraph.transforms.TextKNN or "
            "Transitions first"
        )
    items, num_items = data["item"], data["item"].num_nodes
    counted = _counted(data) if TRANSITION in pairs else {}
    keys = {name: pair[0] * num_items + pair[1] for name, pair in pairs.items()}
    key = ascending(torch.cat(list(keys.values()))).unique_consecutive()
    place = {name: torch.searchsorted(key, k) for name, k in keys.items()}
    edge_index = torch.stack([key // num_items, key % num_items])
    names = [name for name in pairs if name != TRANSITION]
    observed = torch.zeros(key.numel(), len(names))
    for column, name in enumerate(names):
        observed[place[name], column] = 1.0
    static = observed.any(dim=1)
    transitions = torch.zeros(key.numel())
    if TRANSITION in pairs:
        count = counted["count"][_differ(counted["edge_index"])]
        transitions[place[TRANSITION]] = count.float()
    lags = count_habits(data, key)
    return Candidates(
        list(items.id),
        list(items.get("text", items.id)),
        tuple(names),
        int(counted.get("window", 0)),
        int(counted.get("min_count", 1)),
        items.get("encoder", ""),
        [VectorStep(**step) for step in items.get("vector_steps", [])],
        x,
        edge_index,
        key,
        starts(edge_index[0], num_items),
        observed,
        static,
        degree_scale(edge_index, static, num_items),
        transitions,
        items["count"].float() if "count" in items else count_purchases(data),
        lags,
        count_chances(data),
        sampling_weight(lags, static).cumsum(0),
    )


def degree_scale(edge_index: Tensor, static: Tensor, num_items: int) -> Tensor:
    """``scale`` of :class:`Candidates` for pairs of which some are ``static [E]``."""
    known = edge_index[:, static]
    out_degree = degree(known[0], num_items)[edge_index[0]]
    in_degree = degree(known[1], num_items)[edge_index[1]]
    return (out_degree * in_degree).clamp(min=1) ** -0.25


def sampling_weight(lags: Tensor, static: Tensor) -> Tensor:
    """How often each pair is drawn to learn relations from, relative to one another.

    Three quarters by the root of the shoppers who went this way, a quarter evenly.

    The root, so that the few most followed pairs do not crowd out the many others. In
    whole numbers, whose running sum is exact; where it would not fit into 64 bits, as
    of a hundred million pairs, all are divided first.
    """
    followed = (100 * lags[:, :-1].sum(1).sqrt()).long() * static
    number, evenly = int(static.sum()), max(1, int(followed.sum()))
    weight = 3 * number * followed + evenly
    return (weight // (1 + (4 * number * evenly >> 62))).clamp(min=1) * static


def _vectors(data: HeteroData) -> Tensor:
    """Item text vectors, float32 like the weights that read them, ``[N, C_text]``."""
    x, num_items = data["item"].get("x"), data["item"].num_nodes
    if x is None:
        raise ValueError(
            "'x' needs to hold item text vectors in data['item'] (got none): apply "
            "lrdgraph.transforms.EmbedText or SetVectors first"
        )
    if x.dim() != 2 or x.size(0) != num_items:
        raise ValueError(
            f"'x' needs to have shape [{num_items}, C_text] (got {list(x.shape)})"
        )
    x = x.float()
    if not x.isfinite().all():
        row, column = (~x.isfinite()).nonzero()[0].tolist()
        raise ValueError(
            f"'x' needs to be finite (got {x[row, column]} for item "
            f"{data['item'].id[row]!r})"
        )
    return x


def _counted(data: HeteroData) -> EdgeStorage:
    """The transitions, with what :class:`~lrdgraph.transforms.Transitions` sets."""
    pairs, items = data["item", TRANSITION, "item"], data["item"]
    if not {"count", "window"} <= set(pairs.keys()) or "count" not in items:
        raise ValueError(
            f"the relation {TRANSITION!r} needs 'count' and 'window', and the items "
            f"'count', as lrdgraph.transforms.Transitions sets them (got the relation "
            f"with {sorted(pairs.keys())}, items with {sorted(items.keys())}): give a "
            "relation of your own another name"
        )
    return pairs
