"""From external ids to recommended external ids, with filters and reasons."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from lrdgraph.explain import (
    TELLING,
    contributions,
    explain,
    relation_keys,
    relation_name,
)
from lrdgraph.models.item_index import ItemIndex
from lrdgraph.models.ranking import Wanted, rank
from lrdgraph.typing import Recommendation

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

COLUMNS = (
    "user",
    "rank",
    "item",
    "score",
    "because",
    "relation",
    "name",
    "probability",
    "contribution",
)
"""Columns of :func:`recommend_all`."""


@torch.no_grad()
def recommend(
    model: LRDRec,
    history: Sequence[str],
    k: int = 10,
    *,
    among: Collection[str] | None = None,
    seen: bool = False,
    max_per_relation: int | None = None,
    states: Tensor | None = None,
    index: ItemIndex | None = None,
) -> list[Recommendation]:
    """Recommend items after a history, the best first, each with its reasons.

    Args:
        model: The model.
        history: External item ids, oldest first; those beyond the last ``max_length``
            only keep items from being recommended again. Without any, as for a new
            user, items are ranked by how many bought them (the score is the logarithm),
            or, by a model that knows of trends, by what is in fashion now.
        k: Number of items; fewer come where fewer are left.
        among: External ids that may be recommended, such as those in stock or of a
            category; None for the whole catalogue.
        seen: Whether items of the history may be recommended again.
        max_per_relation: How many items may have their strongest reason in one and the
            same relation (or none at all) as long as others are left among the best
            ``10 * k``, which makes a list diverse; None for any number.
        states: What the model's ``item_states()`` gave in evaluation mode; None
            computes it, which takes longer than all the rest. Whoever recommends again
            and again, one history at a time, does so once.
        index: An :class:`~lrdgraph.models.ItemIndex` of the model, which finds the best
            items of a large catalogue without scoring all of it; it has the states,
            too. With ``among``, all are scored.

    Raises:
        KeyError: If an item is unknown.
        ValueError: If ``k`` or ``max_per_relation`` is not positive, if the history is
            a single text, or if the index is another model's.
    """
    wanted = Wanted(k, among, seen, max_per_relation)
    [(slots, value, item)] = rank(model, [history], wanted, 1, states, index)
    given = value[0].isfinite()
    reasons = explain(model, slots[0], item[0, given], index=index)
    return [
        Recommendation(model.graph.ids[index], score, paths)
        for index, score, paths in zip(
            item[0, given].tolist(), value[0, given].tolist(), reasons, strict=True
        )
    ]


@torch.no_grad()
def recommend_all(
    model: LRDRec,
    histories: Mapping[str, Sequence[str]],
    k: int = 10,
    *,
    among: Collection[str] | None = None,
    seen: bool = False,
    max_per_relation: int | None = None,
    states: Tensor | None = None,
    index: ItemIndex | None = None,
    batch_size: int = 256,
    progress: bool = True,
) -> pd.DataFrame:
    """Recommend to many users at once, as a table to keep (``.to_parquet``).

    Args:
        model: The model.
        histories: For each user the external ids of their items, oldest first, as
            :func:`~lrdgraph.data.user_histories` gives them.
        k: Number of items a user.
        among: As in :func:`recommend`.
        seen: As in :func:`recommend`.
        max_per_relation: As in :func:`recommend`.
        states: As in :func:`recommend`.
        index: As in :func:`recommend`.
        batch_size: Number of users at a time, whose scores (of the whole catalogue, if
            there is no index) are in memory.
        progress: Whether to show a progress bar.

    Returns:
        A row a recommendation, the best of each user first, with the columns of
        :data:`COLUMNS`: ``rank`` (from 1 on), ``score``, and the strongest reason:
        ``because`` of which item of the history, by which ``relation``, its ``name`` to
        people, its ``probability``, and its ``contribution`` to the score; empty
        without a path.

    Raises:
        KeyError: If an item is unknown.
        TypeError: If ``histories`` is no mapping.
        ValueError: If ``k``, ``max_per_relation`` or ``batch_size`` is not positive, or
            if the index is another model's.
    """
    if batch_size < 1:
        raise ValueError(
            f"'batch_size' needs to be a positive integer (got {batch_size})"
        )
    if not isinstance(histories, Mapping):
        raise TypeError(
            "'histories' needs to map users to their items, as user_histories(data) "
            f"does (got a {type(histories).__name__})"
        )
    wanted = Wanted(k, among, seen, max_per_relation)
    users, steps = list(histories), range(0, len(histories), batch_size)
    asked = list(histories.values())
    ranked = rank(model, asked, wanted, batch_size, states, index)
    tables = [pd.DataFrame(columns=list(COLUMNS))]
    shown = tqdm(steps, desc="recommend", disable=not progress)
    with model.edges_kept() if index is None and len(steps) > 1 else nullcontext():
        for first, batch in zip(shown, ranked, strict=True):
            some = users[first : first + batch_size]
            tables.append(_table(model, index, some, *batch))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _table(
    model: LRDRec,
    index: ItemIndex | None,
    users: Sequence[str],
    slots: Tensor,
    value: Tensor,
    item: Tensor,
) -> pd.DataFrame:
    """The rows of a batch, each with its strongest reason."""
    graph = model.graph
    row, rank = value.isfinite().nonzero(as_tuple=True)
    target = item[row, rank]
    added = contributions(model, slots, item, index).flatten(2)  # [B, k, L * R]
    contribution, place = added[row, rank].max(-1)
    source = slots[row, place // len(graph.relations)]
    relation = place % len(graph.relations)
    probability = graph.probability(graph.find(source, target).clamp(min=0))
    keys = relation_keys(graph, relation, target)
    table = pd.DataFrame(
        {
            "user": np.array(users, dtype=object)[row.cpu().numpy()],
            "rank": (rank + 1).cpu().numpy(),
            "item": _names(graph.ids, target),
            "score": value[row, rank].cpu().numpy(),
            "because": _names([*graph.ids, ""], source),
            "relation": keys,
            "name": [relation_name(graph, key) for key in keys],
            "probability": probability.gather(1, relation[:, None])[:, 0].cpu().numpy(),
            "contribution": contribution.cpu().numpy(),
        }
    )
    without = (contribution < TELLING).cpu().numpy()
    table.loc[without, ["because", "relation", "name"]] = None
    table.loc[without, ["probability", "contribution"]] = np.nan
    return table


def _names(names: Sequence[str], index: Tensor) -> np.ndarray:
    return np.array(names, dtype=object)[index.cpu().numpy()]
