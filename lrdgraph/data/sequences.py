"""Histories as flat arrays, and the batches of training and evaluation made of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torch_geometric.data import HeteroData

from lrdgraph.ragged import ragged_arange, starts
from lrdgraph.typing import TRAIN, Batch


class Histories(NamedTuple):
    """All interactions, user after user, each in order of time.

    Shapes: ``item [M]``, ``time [M]`` (seconds), ``split [M]``, ``period [M]`` (all 0
    where :class:`~lrdgraph.transforms.Trends` were not counted), ``user [M]``,
    ``start [U + 1]`` (where each user begins); ``num_items`` is ``N``, also the index
    of padding, ``ids`` are the external ids of the items (none where the data has
    none), and ``num_periods`` is the ``T`` of the trends (0 without).
    """

    item: Tensor
    time: Tensor
    split: Tensor
    period: Tensor
    user: Tensor
    start: Tensor
    num_items: int
    ids: Sequence[str]
    num_periods: int

    @classmethod
    def from_data(cls, data: HeteroData) -> Histories:
        """Histories of a data object that has a split.

        Raises:
            ValueError: If the interactions are not user after user, or if they have no
                split, or one that does not divide each user's in their order: training,
                validation, test.
        """
        store = data["user", "interacts", "item"]
        if "split" not in store:
            raise ValueError(
                "'split' needs to be set on the interactions (got none): apply "
                "lrdgraph.transforms.LeaveOneOut or TemporalSplit first"
            )
        user, item = store.edge_index
        _check_users(user)
        _check_order(user, store.split)
        start = starts(user, data["user"].num_nodes)
        period = store.get("period", torch.zeros_like(item))
        items = data["item"]
        counted = "period" in store and "trend" in items
        return cls(
            item,
            store.time,
            store.split,
            period,
            user,
            start,
            items.num_nodes,
            items.get("id", ()),
            items.trend.size(1) if counted else 0,
        )

    def training_count(self) -> Tensor:
        """Training interactions of each item, with shape ``[N]``."""
        trained = self.item[self.split == TRAIN]
        return torch.bincount(trained, minlength=self.num_items)

    def before(self, position: Tensor, length: int) -> Tensor:
        """The ``length`` items before each position, padded on the left.

        Args:
            position: Places in ``item``, with shape ``[B]``.
            length: Number of slots ``L``.

        Returns:
            Item indices with shape ``[B, L]``.
        """
        place = position.unsqueeze(1) + torch.arange(-length, 0)
        first = self.start[self.user[position]].unsqueeze(1)
        inside = place >= first
        return torch.where(inside, self.item[place.clamp(min=0)], self.num_items)

    def times_before(self, position: Tensor, length: int) -> Tensor:
        """When the items of :meth:`before` were bought; the first of them in padding.

        Its arguments are those of :meth:`before`, its result has shape ``[B, L]``.
        """
        place = position.unsqueeze(1) + torch.arange(-length, 0)
        first = self.start[self.user[position]].unsqueeze(1)
        return self.time[torch.maximum(place, first)]

    def seen(self, position: Tensor) -> tuple[Tensor, Tensor]:
        """Everything the user had before each position: row and item, ``[S]`` each."""
        first = self.start[self.user[position]]
        row, place = ragged_arange(first, position - first)
        return row, self.item[place]


def _check_users(user: Tensor) -> None:
    back = user[1:] < user[:-1]
    if back.any():
        place = int(back.nonzero()[0])
        raise ValueError(
            "'edge_index' needs the interactions of one user after another's, from 0 "
            f"on (got user {int(user[place + 1])} after {int(user[place])} at place "
            f"{place + 1}): apply lrdgraph.transforms.LeaveOneOut or TemporalSplit "
            "first"
        )


def _check_order(user: Tensor, split: Tensor) -> None:
    back = (split[1:] < split[:-1]) & (user[1:] == user[:-1])
    if back.any():
        place = int(back.nonzero()[0])
        raise ValueError(
            "'split' needs to divide each user's interactions in their order, training "
            f"({TRAIN}) first (got {int(split[place + 1])} after {int(split[place])} "
            f"at place {place + 1}): apply lrdgraph.transforms.LeaveOneOut or "
            "TemporalSplit last"
        )


class TrainingWindows(Dataset[Batch]):
    """Training histories cut into windows, each new item a target exactly once.

    A window holds up to ``max_length`` items and the item that followed each; the last
    window of a user is full, the first one takes the rest. Where a user had that item
    before, in an earlier window, too, there is padding in its place: what a user had is
    not recommended.

    Args:
        histories: All histories; only their training part is used.
        max_length: Number of history slots ``L``.
    """

    def __init__(self, histories: Histories, max_length: int) -> None:
        self.histories, self.max_length = histories, max_length
        trained = histories.split == TRAIN
        num_users = histories.start.numel() - 1
        length = torch.bincount(histories.user[trained], minlength=num_users)
        targets = (length - 1).clamp(min=0)
        windows = (targets + max_length - 1) // max_length
        user, number = ragged_arange(torch.zeros_like(windows), windows)
        self.last = (histories.start[:-1] + length - 1)[user] - number * max_length
        self.known = _had_before(histories)

    def __len__(self) -> int:
        return self.last.numel()

    def __getitems__(self, indices: list[int]) -> Batch:
        """A whole batch at once, all of it with shape ``[B, L]``."""
        last = self.last[indices]
        place = (last.unsqueeze(1) + torch.arange(1 - self.max_length, 1)).clamp(min=0)
        history = self.histories.before(last, self.max_length)
        target = torch.cat([history[:, 1:], self.histories.item[last, None]], dim=1)
        before = self.histories.times_before(last, self.max_length)
        time = torch.cat([before[:, 1:], self.histories.time[last, None]], dim=1)
        padding = self.histories.num_items
        no_target = (history == padding) | self.known[place]
        return {
            "history": history,
            "history_time": before,
            "target": target.masked_fill(no_target, padding),
            "time": time,
            "period": self.histories.period[place],
        }


def _had_before(histories: Histories) -> Tensor:
    """Which interactions are with an item that the user had before, ``[M]``."""
    key = histories.user * histories.num_items + histories.item
    order = key.argsort(stable=True)
    known = torch.zeros_like(key, dtype=torch.bool)
    known[order[1:]] = key[order[1:]] == key[order[:-1]]
    return known


class Question(TypedDict):
    """An evaluation batch: the ``history [B, L]``, the ``target [B]`` that followed.

    ``user [B]`` chose it in ``period [B]``, at ``time [B]``; the history was bought at
    ``history_time [B, L]``. ``seen_row`` and ``seen_item`` ``[S]`` list what each
    user had before; ``negatives [B, Q]`` are the given candidates, with ``Q = 0`` where
    there are none.
    """

    user: Tensor
    history: Tensor
    history_time: Tensor
    target: Tensor
    time: Tensor
    period: Tensor
    seen_row: Tensor
    seen_item: Tensor
    negatives: Tensor


class Questions(Dataset[Question]):
    """Every interaction of one part of the split, asked of its user's past.

    Args:
        histories: All histories.
        part: :data:`~lrdgraph.typing.VAL` or :data:`~lrdgraph.typing.TEST`.
        max_length: Number of history slots ``L``.
        negatives: Given negative candidates of each user, ``[U, Q]``.
        num_questions: How many to ask at most, drawn always in the same way, so that
            all models answer the same ones; None is all.

    Raises:
        ValueError: If ``num_questions`` is not positive.
    """

    def __init__(
        self,
        histories: Histories,
        part: int,
        max_length: int,
        negatives: Tensor | None = None,
        num_questions: int | None = None,
    ) -> None:
        self.histories, self.max_length = histories, max_length
        asked = (histories.split == part).nonzero().squeeze(-1)
        # Without a past there is nothing to recommend from.
        asked = asked[asked > histories.start[histories.user[asked]]]
        self.position = _drawn(asked, num_questions)
        num_users = histories.start.numel() - 1
        none = torch.empty(num_users, 0, dtype=torch.long)
        self.negatives = none if negatives is None else negatives

    def __len__(self) -> int:
        return self.position.numel()

    def __getitems__(self, indices: list[int]) -> Question:
        """A whole batch at once."""
        position = self.position[indices]
        row, item = self.histories.seen(position)
        return {
            "user": self.histories.user[position],
            "history": self.histories.before(position, self.max_length),
            "history_time": self.histories.times_before(position, self.max_length),
            "target": self.histories.item[position],
            "time": self.histories.time[position],
            "period": self.histories.period[position],
            "seen_row": row,
            "seen_item": item,
            "negatives": self.negatives[self.histories.user[position]],
        }


def _drawn(position: Tensor, number: int | None) -> Tensor:
    """Some positions, in their order."""
    if number is None:
        return position
    if number < 1:
        raise ValueError(f"'num_questions' needs to be positive (got {number})")
    order = torch.randperm(len(position), generator=torch.Generator().manual_seed(0))
    return position[order[:number].sort().values]


def user_histories(data: HeteroData) -> dict[str, list[str]]:
    """The external ids of every user's items, oldest first, by external user id.

    Args:
        data: Data with interactions, all of which are taken, whatever their split.

    Raises:
        ValueError: If the interactions are not user after user.
    """
    user, item = data["user", "interacts", "item"].edge_index
    _check_users(user)
    names = np.array(data["item"].id, dtype=object)[item.numpy()]
    length = torch.bincount(user, minlength=data["user"].num_nodes)
    parts = np.split(names, length.cumsum(0)[:-1].numpy())
    return dict(zip(data["user"].id, map(list, parts), strict=True))
