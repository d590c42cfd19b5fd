import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrdgraph.datasets import INTERACTS, assemble, split_hash
from lrdgraph.datasets.shared import shared_value_pairs


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    interactions = pd.DataFrame(
        [("u2", "b", 30), ("u1", "a", 20), ("u2", "a", 10), ("u1", "b", 20)],
        columns=["user", "item", "time"],
    )
    items = pd.DataFrame(
        {
            "item": ["a", "b", "c"],
            "text": ["Caf&eacute;\n <b>cr&egrave;me</b>", "東京 tea", None],
            "brand": ["x", "x", None],
        }
    )
    return interactions, items


def test_contract():
    data = assemble(*tables(), shared=["brand"])
    assert data["user"].id == ["u2", "u1"]
    assert data["user"].num_nodes == 2
    assert data["item"].id == ["a", "b", "c"]
    assert data["item"].num_nodes == 3
    assert data["item"].text == ["Café crème", "東京 tea", ""]
    assert data["item"].brand == ["x", "x", ""]
    store = data[INTERACTS]
    assert store.edge_index.tolist() == [[0, 0, 1, 1], [0, 1, 0, 1]]
    assert store.time.tolist() == [10, 30, 20, 20]
    assert store.edge_index.dtype == store.time.dtype == torch.int64
    assert "split" not in store
    assert data["item", "same_brand", "item"].edge_index.tolist() == [[0, 1], [1, 0]]
    assert data.validate()


def test_items_without_a_value_share_none() -> None:
    interactions, items = tables()
    data = assemble(
        interactions, items.assign(brand=["x", None, " "]), shared=["brand"]
    )
    assert data["item"].brand == ["x", "", ""]
    assert data["item", "same_brand", "item"].edge_index.shape == (2, 0)


def test_relations_are_deduplicated_sorted_and_without_self_loops():
    triples = [("c", "a"), ("b", "a"), ("a", "a"), ("b", "a"), ("a", "c")]
    relations = pd.DataFrame(triples, columns=["head", "tail"]).assign(relation="goes")
    data = assemble(*tables(), relations)
    edge_index = data["item", "goes", "item"].edge_index
    assert edge_index.tolist() == [[0, 1, 2], [2, 0, 0]]


def test_given_split_sorts_before_time_and_is_hashed():
    interactions, items = tables()
    data = assemble(interactions.assign(split=[1, 0, 2, 2]), items)
    assert data[INTERACTS].split.tolist() == [1, 2, 0, 2]
    assert data[INTERACTS].split.dtype == torch.int8
    assert data[INTERACTS].time.tolist() == [30, 10, 20, 20]
    assert len(data.split_hash) == 16
    assert int(data.split_hash, 16) >= 0


def test_numbers_and_dates_are_accepted():
    interactions = pd.DataFrame(
        {
            "user": [7.0, 7.0],
            "item": [1, 2],
            "time": ["1970-01-02", "1970-01-01T00:01Z"],
        }
    )
    items = pd.DataFrame(
        {"item": ["1", "2"], "text": ["one", 2.0], "tags": [[1, 2], []]}
    )
    data = assemble(interactions, items)
    assert data["user"].id == ["7"]
    assert data[INTERACTS].time.tolist() == [60, 86400]
    assert data[INTERACTS].edge_index.tolist() == [[0, 0], [1, 0]]
    assert data["item"].text == ["one", "2"]
    assert data["item"].tags == ["1, 2", ""]


FRACTIONS = ["10:00:00.900Z", "10:00:00.600Z", "10:00:00.300Z", "09:00:00Z"]
DATES = [f"2024-05-01T{time}" for time in FRACTIONS]


@pytest.mark.parametrize("times", [DATES, [9.9, 9.6, 9.3, 5], ["9.9", "9.6", "9.3", 5]])
def test_fractions_of_a_second_count_for_the_order(times):
    items = pd.DataFrame({"item": list("abcd"), "text": "thing"})
    interactions = pd.DataFrame({"user": "u", "item": list("dcba"), "time": times})
    store = assemble(interactions, items)[INTERACTS]
    assert store.edge_index[1].tolist() == [0, 1, 2, 3]
    assert store.time.dtype == torch.int64
    assert (store.time - store.time[-1]).tolist()[1:] == [0, 0, 0]


@pytest.mark.filterwarnings("error::UserWarning")
def test_twice_within_a_second_is_not_the_same_twice():
    interactions = pd.DataFrame({"user": "u", "item": "a", "time": [5.9, 5.1]})
    store = assemble(interactions, tables()[1])[INTERACTS]
    assert store.time.tolist() == [5, 5]


events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 3)),
    min_size=1,
    unique=True,
)


@given(events)
def test_order_is_that_of_a_stable_sort(rows):
    interactions = pd.DataFrame(rows, columns=["user", "item", "time"])
    items = pd.DataFrame({"item": range(6), "text": "thing"})
    data = assemble(interactions, items)
    store = data[INTERACTS]
    users = list(dict.fromkeys(user for user, _, _ in rows))
    assert data["user"].id == [str(user) for user in users]
    expected = sorted(rows, key=lambda row: (users.index(row[0]), row[2]))
    got = zip(*store.edge_index.tolist(), store.time.tolist(), strict=True)
    assert [(users[user], item, time) for user, item, time in got] == expected


@given(events, st.randoms(use_true_random=False), st.data())
def test_hash_follows_the_split_and_not_the_numbering(rows, random, draw):
    frame = pd.DataFrame(rows, columns=["user", "item", "time"])
    frame["time"] = range(len(frame))  # the order within a user survives shuffling
    frame["split"] = 0
    items = pd.DataFrame({"item": range(6), "text": "thing"})
    data = assemble(frame, items)
    order = random.sample(range(len(frame)), len(frame))
    shuffled = assemble(frame.iloc[order], items.sample(frac=1, random_state=len(rows)))
    assert split_hash(shuffled) == data.split_hash
    changed = draw.draw(st.integers(0, len(rows) - 1))
    frame.loc[changed, "split"] = 2
    assert assemble(frame, items).split_hash != data.split_hash


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 12))
def test_shared_values_link_members_up_to_the_cap(values, max_partners):
    value = np.array(values, dtype=np.int64)
    pairs = shared_value_pairs(np.arange(len(value)), value, max_partners)
    links = set(map(tuple, pairs.T.tolist()))
    assert all(values[i] == values[j] and i != j for i, j in links)
    assert links == {(j, i) for i, j in links}
    for i, code in enumerate(values):
        partners = sum(source == i for source, _ in links)
        size = values.count(code)
        assert partners <= max_partners
        if size - 1 <= max_partners:
            assert partners == size - 1
    for code in set(values):
        size = values.count(code)
        if size > max_partners:  # one of an odd number is without a last partner
            partners = sum(values[source] == code for source, _ in links)
            assert partners == size * max_partners // 2 * 2


@pytest.mark.parametrize("max_partners", [1, 2, 29, 30])
@pytest.mark.parametrize("size", [100, 1000])
def test_a_large_group_costs_linear_room(size, max_partners):
    value = np.zeros(size, dtype=np.int64)
    pairs = shared_value_pairs(np.arange(size), value, max_partners)
    assert pairs.shape == (2, max_partners * size)


@pytest.mark.parametrize("max_partners", [0, -3])
def test_somebody_needs_to_be_a_partner(max_partners):
    message = rf"'max_partners' needs .* positive integer .*\(got {max_partners}\)"
    with pytest.raises(ValueError, match=message):
        assemble(*tables(), shared=["brand"], max_partners=max_partners)
