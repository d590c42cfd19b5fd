from collections import Counter

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.datasets import INTERACTS, assemble
from lrdgraph.testing import TransformContract
from lrdgraph.transforms import LeaveOneOut, Transitions
from lrdgraph.typing import VAL

NUM_ITEMS = 4


def make(histories: list[list[int]]) -> HeteroData:
    rows = [(user, item) for user, items in enumerate(histories) for item in items]
    interactions = pd.DataFrame(rows, columns=["user", "item"])
    interactions["time"] = range(len(rows))
    items = pd.DataFrame({"item": range(NUM_ITEMS), "text": "text"})
    return LeaveOneOut()(assemble(interactions, items))


class TestTransitions(TransformContract):
    def make(self) -> Transitions:
        return Transitions()

    def data(self) -> HeteroData:
        return make([[0, 1, 2, 3], [3, 1], [1, 0, 1, 2, 3]])

    def bad_data(self) -> dict[str, HeteroData]:
        data = self.data()
        del data[INTERACTS].split
        return {r"'LeaveOneOut' or 'TemporalSplit' .*\(got .*edge_index": data}


def counts(data: HeteroData) -> dict[tuple[int, int], int]:
    store = data["item", "transition", "item"]
    assert store.edge_index.dtype == store["count"].dtype == torch.long
    pairs = list(zip(*store.edge_index.tolist(), strict=True))
    assert pairs == sorted(set(pairs))
    return dict(zip(pairs, store["count"].tolist(), strict=True))


def naive(histories: list[list[int]], window: int) -> Counter[tuple[int, int]]:
    found = Counter()
    for items in histories:
        train = items[:-2] if len(items) >= 3 else items
        for step, target in enumerate(train):
            for source in set(train[max(0, step - window) : step]) - {target}:
                found[source, target] += 1
    return found


item = st.integers(0, NUM_ITEMS - 1)
several_histories = st.lists(
    st.lists(item, min_size=1, max_size=9), min_size=1, max_size=5
)


@given(several_histories, st.integers(1, 10), st.integers(1, 3))
def test_counts_are_those_of_a_naive_loop(histories, window, min_count):
    data = Transitions(window, min_count)(make(histories))
    every = naive(histories, window)
    assert counts(data) == {p: n for p, n in every.items() if n >= min_count}
    assert data["item", "transition", "item"].window == window
    popularity = Counter(
        item for items in histories for item in (items[:-2] if items[2:] else items)
    )
    assert data["item"]["count"].dtype == torch.long
    assert data["item"]["count"].tolist() == [popularity[i] for i in range(NUM_ITEMS)]


@given(several_histories, st.data())
def test_validation_and_test_never_enter(histories, draw):
    data = make(histories)
    other = data.clone()
    held_out = other[INTERACTS].split >= VAL
    num_held_out = int(held_out.sum())
    changed = draw.draw(st.lists(item, min_size=num_held_out, max_size=num_held_out))
    other[INTERACTS].edge_index[1, held_out] = torch.tensor(changed).long()
    data, other = Transitions()(data), Transitions()(other)
    assert counts(other) == counts(data)
    assert other["item"]["count"].equal(data["item"]["count"])


def test_nothing_to_train_on():
    data = make([[0, 1, 2]])
    data[INTERACTS].split.fill_(VAL)
    data = Transitions()(data)
    assert data["item", "transition", "item"].edge_index.shape == (2, 0)
    assert counts(data) == {}
    assert data["item"]["count"].tolist() == [0] * NUM_ITEMS


def test_window_and_repr():
    assert str(Transitions()) == "Transitions(window=3, min_count=1)"
    with pytest.raises(ValueError, match=r"'window' needs to be a positive .*got 0"):
        Transitions(0)
    with pytest.raises(ValueError, match=r"'min_count' needs to be .*got 0"):
        Transitions(min_count=0)
