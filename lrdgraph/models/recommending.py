"""From external ids to recommended external ids, with filters and reasons."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from lrdgraph.evaluating import evaluating
from lrdgraph.explain import TELLING, contributions, explain
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
    "probability",
    "contribution",
)
"""Columns of :func:`recommend_all`."""

_POOL = 10  # candidates for each place of a list that is to be diverse


class Wanted(NamedTuple):
    """What recommendations are wanted; see :func:`recommend`."""

    k: int
    among: Collection[str] | None
    seen: bool
    max_per_relation: int | None


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
) -> list[Recommendation]:
    """Recommend items after a history, each with its reasons.

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
            same relation (or none at all) as long as others are left, which makes a
            list diverse; None for any number.
        states: What the model's ``item_states()`` gave in evaluation mode; None
            computes it, which takes longer than all the rest. Whoever recommends again
            and again, one history at a time, does so once.

    Raises:
        KeyError: If an item is unknown.
        ValueError: If ``k`` or ``max_per_relation`` is not positive, or if the history
            is a single text.
    """
    wanted = Wanted(k, among, seen, max_per_relation)
    [(slots, value, item)] = _rank(model, [history], wanted, 1, states)
    given = value[0].isfinite()
    reasons = explain(model, slots[0], item[0, given])
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
        batch_size: Number of users at a time, whose scores of the whole catalogue are
            in memory.
        progress: Whether to show a progress bar.

    Returns:
        A row a recommendation, the best of each user first, with the columns of
        :data:`COLUMNS`: ``rank`` (from 1 on), ``score``, and the strongest reason:
        ``because`` of which item of the history, by which ``relation``, of which
        ``probability``, with which ``contribution`` to the score; empty without a path.

    Raises:
        KeyError: If an item is unknown.
        ValueError: If ``k`` or ``max_per_relation`` is not positive.
    """
    wanted = Wanted(k, among, seen, max_per_relation)
    users, steps = list(histories), range(0, len(histories), batch_size)
    ranked = _rank(model, list(histories.values()), wanted, batch_size)
    tables = [pd.DataFrame(columns=list(COLUMNS))]
    shown = tqdm(steps, desc="recommend", disable=not progress)
    for first, batch in zip(shown, ranked, strict=True):
        tables.append(_table(model, users[first : first + batch_size], *batch))
    return pd.concat(tables[1:] or tables, ignore_index=True)


def _rank(
    model: LRDRec,
    histories: Sequence[Sequence[str]],
    wanted: Wanted,
    batch_size: int,
    states: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Slots ``[B, L]``, scores and items ``[B, k]``, batch after batch.

    A place that could not be filled has the score minus infinity.
    """
    _check(wanted)
    left_out = _left_out(model, wanted.among)
    with evaluating(model):
        states = model.item_states() if states is None else states
        for first in range(0, len(histories), batch_size):
            batch = histories[first : first + batch_size]
            items = [_indices(model, history) for history in batch]
            slots = _slots(items, model.max_length, model.num_items)
            scores = _scores(model, slots, states)
            scores[:, left_out] = -torch.inf
            if not wanted.seen:
                scores[_seen(items)] = -torch.inf
            yield slots, *_best(model, slots, scores, wanted)


def _scores(model: LRDRec, slots: Tensor, states: Tensor) -> Tensor:
    """Scores ``[B, N]``, after no items at all by what others have bought."""
    scores = model(slots, states)
    if model.trend is None and model.graph.popularity.any():
        nothing = (slots == model.num_items).all(dim=1)
        scores[nothing] = model.graph.popularity.log1p()
    return scores


def _check(wanted: Wanted) -> None:
    for name in ("k", "max_per_relation"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise ValueError(f"{name!r} needs to be a positive integer (got {value})")


def _left_out(model: LRDRec, among: Collection[str] | None) -> Tensor:
    """Which items may not be recommended, ``[N]``."""
    left_out = torch.zeros(model.num_items, dtype=torch.bool, device=model.bias.device)
    if among is not None:
        left_out[:] = True
        left_out[[model.graph.index(item) for item in among]] = False
    return left_out


def _indices(model: LRDRec, history: Sequence[str]) -> Tensor:
    if isinstance(history, str):
        raise ValueError(
            f"a history needs to be a sequence of item ids (got the text {history!r})"
        )
    indices = [model.graph.index(item) for item in history]
    return torch.tensor(indices, dtype=torch.long, device=model.bias.device)


def _slots(items: list[Tensor], length: int, padding: int) -> Tensor:
    """The last items of each history, padded on the left, ``[B, L]``."""
    newest_first = [item[-length:].flip(0) for item in items]
    room = items[0].new_full((length,), padding)
    padded = pad_sequence([room, *newest_first], True, padding)[1:]
    return padded.flip(1)


def _seen(items: list[Tensor]) -> tuple[Tensor, Tensor]:
    length = torch.tensor([len(item) for item in items], device=items[0].device)
    return torch.repeat_interleave(length), torch.cat(items)


def _best(
    model: LRDRec, slots: Tensor, scores: Tensor, wanted: Wanted
) -> tuple[Tensor, Tensor]:
    k = min(wanted.k, model.num_items)
    if wanted.max_per_relation is None:
        best = scores.topk(k)
        return best.values, best.indices
    value, item = scores.topk(min(_POOL * k, model.num_items))
    added = contributions(model, slots, item).amax(2)  # [B, P, R]
    none = added.new_full((*item.shape, 1), TELLING)  # wins where less is added
    leading = torch.cat([none, added], dim=-1).argmax(-1)
    alike = F.one_hot(leading, 1 + added.size(-1)).cumsum(1)
    place = alike.gather(-1, leading.unsqueeze(-1)).squeeze(-1)  # among its like
    crowded = (place > wanted.max_per_relation) | ~value.isfinite()
    order = crowded.byte().argsort(dim=1, stable=True)[:, :k]
    return value.gather(1, order), item.gather(1, order)


def _table(
    model: LRDRec, users: Sequence[str], slots: Tensor, value: Tensor, item: Tensor
) -> pd.DataFrame:
    """The rows of a batch, each with its strongest reason."""
    graph = model.graph
    row, rank = value.isfinite().nonzero(as_tuple=True)
    target = item[row, rank]
    added = contributions(model, slots, item).flatten(2)  # [B, k, L * R]
    contribution, place = added[row, rank].max(-1)
    source = slots[row, place // len(graph.relations)]
    relation = place % len(graph.relations)
    probability = graph.probability(graph.find(source, target).clamp(min=0))
    table = pd.DataFrame(
        {
            "user": np.array(users, dtype=object)[row.cpu().numpy()],
            "rank": (rank + 1).cpu().numpy(),
            "item": _names(graph.ids, target),
            "score": value[row, rank].cpu().numpy(),
            "because": _names([*graph.ids, ""], source),
            "relation": _names(graph.relations, relation),
            "probability": probability.gather(1, relation[:, None])[:, 0].cpu().numpy(),
            "contribution": contribution.cpu().numpy(),
        }
    )
    without = (contribution < TELLING).cpu().numpy()
    table.loc[without, ["because", "relation"]] = None
    table.loc[without, ["probability", "contribution"]] = np.nan
    return table


def _names(names: Sequence[str], index: Tensor) -> np.ndarray:
    return np.array(names, dtype=object)[index.cpu().numpy()]
