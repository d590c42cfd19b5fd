"""The best items after histories, as far as they are wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lrdgraph.explain import TELLING, contributions
from lrdgraph.models.item_index import ItemIndex, popularity
from lrdgraph.nn.evaluation_mode import evaluating
from lrdgraph.nn.scoring import best

if TYPE_CHECKING:
    from lrdgraph.models import LRDRec

_POOL = 10  # candidates for each place of a list that is to be diverse


class Wanted(NamedTuple):
    """What recommendations are wanted; see :func:`recommend`."""

    k: int
    among: Collection[str] | None
    seen: bool
    max_per_relation: int | None


def rank(
    model: LRDRec,
    histories: Sequence[Sequence[str]],
    wanted: Wanted,
    batch_size: int,
    states: Tensor | None = None,
    index: ItemIndex | None = None,
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Slots ``[B, L]``, scores and items ``[B, k]``, batch after batch.

    A place that could not be filled has the score minus infinity. With an index, the
    whole catalogue is scored only where the items to choose among are given.
    """
    _check(wanted, model, index)
    left_out = _left_out(model, wanted.among)
    with evaluating(model):
        if index is not None:
            states = index.states
        states = model.item_states() if states is None else states
        for first in range(0, len(histories), batch_size):
            batch = histories[first : first + batch_size]
            items = [_indices(model, history) for history in batch]
            slots = _slots(items, model.max_length, model.num_items)
            if index is None or wanted.among is not None:
                scores, item = _scores(model, slots, states), None
                scores[:, left_out] = -torch.inf
                if not wanted.seen:
                    scores[_seen(items)] = -torch.inf
            else:
                scores, item = _indexed(index, slots, items, wanted)
            value, item = _best(scores, item, wanted)
            if wanted.max_per_relation is not None:
                added = contributions(model, slots, item, index)
                value, item = _diverse(added, value, item, wanted)
            yield slots, value, item


def _scores(model: LRDRec, slots: Tensor, states: Tensor) -> Tensor:
    """Scores ``[B, N]``, after no items at all by what others have bought."""
    scores, bought = model(slots, states), popularity(model)
    if bought is not None:
        scores[(slots == model.num_items).all(dim=1)] = bought
    return scores


def _indexed(
    index: ItemIndex, slots: Tensor, items: list[Tensor], wanted: Wanted
) -> tuple[Tensor, Tensor]:
    """Scores and items ``[B, P]`` that hold the best of those that are wanted."""
    hidden = 0 if wanted.seen else max(map(len, items))
    scores, item = index.candidates(slots, _pool(wanted) + hidden)
    if not wanted.seen:
        row, seen = _seen(items)
        place = torch.arange(len(items), device=slots.device).unsqueeze(1)
        key = place * index.num_items + item
        scores[torch.isin(key, row * index.num_items + seen)] = -torch.inf
    return scores, item


def _pool(wanted: Wanted) -> int:
    """How many of the best items decide which are given."""
    return wanted.k if wanted.max_per_relation is None else _POOL * wanted.k


def _check(wanted: Wanted, model: LRDRec, index: ItemIndex | None) -> None:
    for name in ("k", "max_per_relation"):
        value = getattr(wanted, name)
        if value is not None and value < 1:
            raise ValueError(f"{name!r} needs to be a positive integer (got {value})")
    if index is not None and index.model is not model:
        raise ValueError("'index' needs to be that of the model (got another model's)")


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
    scores: Tensor, items: Tensor | None, wanted: Wanted
) -> tuple[Tensor, Tensor]:
    """The best scores and their items ``[B, P]``; without items, places are items."""
    value, place = best(scores, min(_pool(wanted), scores.size(1)))
    return value, place if items is None else items.gather(1, place)


def _diverse(
    added: Tensor, value: Tensor, item: Tensor, wanted: Wanted
) -> tuple[Tensor, Tensor]:
    """Scores and items ``[B, k]`` out of a pool, few of which one relation leads to."""
    assert wanted.max_per_relation is not None
    strongest = added.amax(2)  # [B, P, R]
    none = strongest.new_full((*item.shape, 1), TELLING)  # wins where less is added
    leading = torch.cat([none, strongest], dim=-1).argmax(-1)
    alike = F.one_hot(leading, 1 + strongest.size(-1)).cumsum(1)
    place = alike.gather(-1, leading.unsqueeze(-1)).squeeze(-1)  # among its like
    crowded = (place > wanted.max_per_relation) | ~value.isfinite()
    order = crowded.byte().argsort(dim=1, stable=True)[:, : wanted.k].sort().values
    return value.gather(1, order), item.gather(1, order)
