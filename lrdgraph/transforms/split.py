"""Dividing the interactions in time: train, then validation, then test."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.datasets.assemble import INTERACTS, split_hash
from lrdgraph.transforms.k_core import refuse_counted
from lrdgraph.typing import TEST, TRAIN, VAL


class LeaveOneOut(BaseTransform):
    """Each user's last interaction is the test, the one before it the validation.

    A user with fewer than three interactions stays in training as a whole, so that no
    user is evaluated without a history. Ties in time keep the order of the file.

    Sets ``split [M]`` of the interactions and ``data.split_hash``. Interactions in
    another order, as of data that came with another split, are put into that of users,
    then of time, and negatives are dropped.

    Raises:
        ValueError: If interactions were counted (:class:`Transitions`, :class:`Trends`)
            by another split.
    """

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the split; the given data is not changed."""
        data = _in_time(data)
        user = data[INTERACTS].edge_index[0].numpy()
        count = np.bincount(user, minlength=data["user"].num_nodes)
        end = np.cumsum(count)
        divided = count >= 3
        split = np.full(len(user), TRAIN, dtype=np.int8)
        split[end[divided] - 1] = TEST
        split[end[divided] - 2] = VAL
        return _set_split(data, split, "LeaveOneOut")


class TemporalSplit(BaseTransform):
    """Two moments divide all interactions: the past trains, the latest tests.

    The moments are quantiles of the times of all interactions, so that the last
    ``test`` of them are the test and the ``val`` before these the validation. All
    interactions of one moment are in the same part, the later one if a cut falls on
    them, so with coarse times the parts are larger than asked for. A user may have
    interactions in any of the parts, also in the later ones only.

    Sets ``split [M]`` of the interactions and ``data.split_hash``. Interactions in
    another order, as of data that came with another split, are put into that of users,
    then of time, and negatives are dropped.

    Args:
        val: Share of the interactions to validate on (default: 0.1).
        test: Share of the interactions to test on (default: 0.1).

    Raises:
        ValueError: If a share is not positive, if they leave nothing to train on, if
            the times are so coarse that a part stays empty, or if interactions were
            counted (:class:`Transitions`, :class:`Trends`) by another split.
    """

    def __init__(self, val: float = 0.1, test: float = 0.1) -> None:
        if not (val > 0 and test > 0 and val + test < 1):
            raise ValueError(
                "'val' and 'test' need to be positive with a sum below 1 in "
                f"'TemporalSplit' (got {val} and {test})"
            )
        self.val = val
        self.test = test

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the split; the given data is not changed."""
        data = _in_time(data)
        time = data[INTERACTS].time.numpy()
        num_test = max(round(self.test * len(time)), 1)
        num_val = max(round(self.val * len(time)), 1)
        ranked = np.sort(time)
        cuts = ranked[[max(len(time) - num_test - num_val, 0), len(time) - num_test]]
        split = np.searchsorted(cuts, time, side="right").astype(np.int8)
        sizes = np.bincount(split, minlength=3)
        if not sizes.all():
            raise ValueError(
                "'TemporalSplit' needs interactions at enough different times "
                f"(got train, val and test parts of {sizes.tolist()})"
            )
        return _set_split(data, split, "TemporalSplit")

    def __repr__(self) -> str:
        return f"TemporalSplit(val={self.val}, test={self.test})"


class TrainOnAll(BaseTransform):
    """Every interaction is training, and none is left to measure by.

    For a model that goes live, once another one was validated and has told for how many
    epochs to train: see ``monitor=None`` of
    :func:`~lrdgraph.training.make_trainer`.

    Sets ``split [M]`` of the interactions and ``data.split_hash``. Interactions in
    another order, as of data that came with another split, are put into that of users,
    then of time, and negatives are dropped.

    Raises:
        ValueError: If interactions were counted (:class:`Transitions`, :class:`Trends`)
            by another split.
    """

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with the split; the given data is not changed."""
        data = _in_time(data)
        split = np.full(data[INTERACTS].edge_index.size(1), TRAIN, dtype=np.int8)
        return _set_split(data, split, "TrainOnAll")


def _in_time(data: HeteroData) -> HeteroData:
    """Each user's interactions in the order of time, one user after another."""
    store = data[INTERACTS]
    user, time = store.edge_index[0].numpy(), store.time.numpy()
    later = (user[1:] == user[:-1]) & (time[1:] >= time[:-1])
    if ((user[1:] > user[:-1]) | later).all():
        return data
    store.pop("split", None)  # what was counted by it was counted in its order
    order = torch.from_numpy(np.lexsort((time, user)))  # ties stay as they are
    for name, value in store.items():
        if store.is_edge_attr(name):
            place = data.__cat_dim__(name, value, store)
            store[name] = value.index_select(place, order)
    return data


def _set_split(data: HeteroData, split: NDArray[np.int8], transform: str) -> HeteroData:
    store = data[INTERACTS]
    if not np.array_equal(store.get("split", ()), split):
        refuse_counted(data, transform)
    store.split = torch.from_numpy(split)
    for key in ("val_negatives", "test_negatives"):
        if key in data["user"]:
            del data["user"][key]
    data.split_hash = split_hash(data)
    return data
