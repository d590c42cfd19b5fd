from collections import Counter

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.datasets import INTERACTS, assemble, split_hash
from lrdgraph.testing import TransformContract
from lrdgraph.transforms import KCore, LeaveOneOut, Transitions, Trends


def make(pairs: list[tuple[int, int]]) -> HeteroData:
    interactions = pd.DataFrame(pairs, columns=["user", "item"])
    interactions["time"] = range(len(pairs))
    items = pd.DataFrame({"item": range(6), "text": [f"text {i}" for i in range(6)]})
    pairs = [(i, j) for i in range(6) for j in range(6) if i != j]
    relations = pd.DataFrame(pairs, columns=["head", "tail"]).assign(relation="goes")
    data = assemble(interactions, items.assign(brand=items["item"]), relations)
    data["item"].x = torch.arange(6.0)[:, None]
    data["item", "goes", "item"].weight = torch.arange(30.0)
    return data


class TestKCore(TransformContract):
    rows = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1), (2, 3)]

    def make(self) -> KCore:
        return KCore(2)

    def data(self) -> HeteroData:
        return LeaveOneOut()(make(self.rows))

    def bad_data(self) -> dict[str, HeteroData]:
        given = self.data()
        given["user"].val_negatives = torch.zeros(3, 99, dtype=torch.long)
        return {
            r"without given negatives \(got \['val_negatives'\]\)": given,
            r"not been counted \(got \['transition', 'count'\]\): apply it before": (
                Transitions()(self.data())
            ),
            r"not been counted \(got \['trend', 'period'\]\)": Trends(2)(self.data()),
            r"leaves no interaction \(k=2\)": make([(0, 0), (0, 1), (1, 0)]),
        }


def naive_core(pairs: list[tuple[int, int]], k: int) -> list[tuple[int, int]]:
    while True:
        users, items = (Counter(ends) for ends in zip(*pairs, strict=True))
        kept = [(u, i) for u, i in pairs if users[u] >= k and items[i] >= k]
        if kept == pairs or not kept:
            return kept
        pairs = kept


pairs = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30
)


@given(pairs, st.integers(1, 3))
def test_core_is_that_of_a_naive_loop(rows, k):
    expected = naive_core(rows, k)
    data = make(rows)
    if not expected:
        with pytest.raises(ValueError, match=rf"leaves no interaction \(k={k}\)"):
            KCore(k)(data)
        return
    core = KCore(k)(data)
    user, item = core[INTERACTS].edge_index.tolist()
    got = [
        (core["user"].id[u], core["item"].id[i])
        for u, i in zip(user, item, strict=True)
    ]
    times = core[INTERACTS].time.tolist()
    assert sorted(zip(times, got, strict=True)) == [
        (row, (str(u), str(i))) for row, (u, i) in enumerate(rows) if (u, i) in expected
    ]
    assert user == sorted(user)
    assert core.validate()


@given(pairs)
def test_all_of_an_item_stays_together(rows):
    core = KCore(1)(make(rows))
    item = core["item"]
    kept = sorted({i for _, i in rows})
    assert item.id == [str(i) for i in kept]
    assert item.text == [f"text {i}" for i in kept]
    assert item.brand == [str(i) for i in kept]
    assert item.x.flatten().tolist() == kept
    assert item.num_nodes == len(kept)
    goes = core["item", "goes", "item"]
    source, target = (item.x.flatten()[end].long() for end in goes.edge_index)
    assert goes.num_edges == len(kept) * (len(kept) - 1)
    place = source * 5 + target - (target > source).long()
    assert goes.weight.tolist() == place.tolist()


def test_split_hash_is_renewed():
    rows = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (2, 0), (2, 1)]
    data = LeaveOneOut()(make(rows))
    core = KCore(2)(data)
    assert core[INTERACTS].split.tolist() == [0, 1, 0, 0, 0, 0]
    assert core.split_hash == split_hash(core) != data.split_hash


def test_k_and_repr():
    assert str(KCore(5)) == "KCore(k=5)"
    with pytest.raises(ValueError, match=r"'k' needs to be a positive integer.*got 0"):
        KCore(0)
