import pandas as pd
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.datasets import INTERACTS, assemble, split_hash
from lrdgraph.testing import TransformContract
from lrdgraph.testing.transform_contract import assert_same_data
from lrdgraph.transforms import (
    LeaveOneOut,
    TemporalSplit,
    TrainOnAll,
    Transitions,
    Trends,
)


def make(rows: list[tuple[int, int, int]]) -> HeteroData:
    interactions = pd.DataFrame(rows, columns=["user", "item", "time"])
    return assemble(interactions, pd.DataFrame({"item": range(5), "text": "thing"}))


def with_negatives() -> HeteroData:
    data = make([(0, item, item) for item in range(5)])
    data["user"].test_negatives = torch.zeros(1, 99, dtype=torch.long)
    return data


class TestLeaveOneOut(TransformContract):
    def make(self) -> LeaveOneOut:
        return LeaveOneOut()

    def data(self) -> HeteroData:
        return with_negatives()


class TestTemporalSplit(TransformContract):
    def make(self) -> TemporalSplit:
        return TemporalSplit(0.3, 0.3)

    def data(self) -> HeteroData:
        return with_negatives()

    def bad_data(self) -> dict[str, HeteroData]:
        same_time = make([(0, item, 3) for item in range(5)])
        return {r"different times \(got .* \[0, 0, 5\]\)": same_time}


class TestTrainOnAll(TransformContract):
    def make(self) -> TrainOnAll:
        return TrainOnAll()

    def data(self) -> HeteroData:
        return with_negatives()


events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 9)),
    min_size=1,
    max_size=40,
    unique=True,
)


def parts_of_users(data: HeteroData) -> list[list[int]]:
    store = data[INTERACTS]
    user = store.edge_index[0]
    users = range(data["user"].num_nodes)
    return [store.split[user == number].tolist() for number in users]


@given(events)
def test_leave_one_out(rows):
    data = LeaveOneOut()(make(rows))
    for part in parts_of_users(data):
        expected = [0] * (len(part) - 2) + [1, 2] if len(part) >= 3 else [0] * len(part)
        assert part == expected
    assert data[INTERACTS].split.dtype == torch.int8
    assert data.split_hash == split_hash(data)


def test_leave_one_out_keeps_the_file_order_of_ties():
    data = LeaveOneOut()(make([(0, 3, 7), (0, 1, 7), (0, 4, 7), (0, 0, 2)]))
    store = data[INTERACTS]
    assert store.edge_index[1].tolist() == [0, 3, 1, 4]
    assert store.split.tolist() == [0, 0, 1, 2]


@given(events, st.floats(0.05, 0.45), st.floats(0.05, 0.45))
def test_temporal_split_is_the_same_moment_for_all(rows, val, test):
    data = make(rows)
    try:
        data = TemporalSplit(val, test)(data)
    except ValueError:
        reject()  # too few different times
    store = data[INTERACTS]
    latest = [store.time[store.split == part].max() for part in (0, 1)]
    earliest = [store.time[store.split == part].min() for part in (1, 2)]
    assert latest[0] < earliest[0]
    assert latest[1] < earliest[1]
    assert (store.split == 2).sum() >= round(test * len(rows))
    for part in parts_of_users(data):
        assert part == sorted(part)
    assert data.split_hash == split_hash(data)


def test_temporal_split_cuts_at_quantiles():
    rows = [(row % 3, row % 5, row) for row in range(20)]
    data = TemporalSplit(val=0.2, test=0.1)(make(rows))
    store = data[INTERACTS]
    assert store.time[store.split == 1].sort().values.tolist() == [14, 15, 16, 17]
    assert store.time[store.split == 2].sort().values.tolist() == [18, 19]


def test_both_shares_are_those_of_all_interactions() -> None:
    rows = [(row % 3, row % 5, row) for row in range(20)]
    split = TemporalSplit(val=0.4, test=0.2)(make(rows))[INTERACTS].split
    assert torch.bincount(split).tolist() == [8, 8, 4]


@pytest.mark.parametrize("transform", [LeaveOneOut(), TemporalSplit(0.3, 0.3)])
def test_what_is_known_of_an_interaction_moves_with_it(transform) -> None:
    data = make([(0, item, item) for item in range(5)])
    store, order = data[INTERACTS], torch.tensor([3, 0, 4, 2, 1])
    store.edge_index, store.time = store.edge_index[:, order], store.time[order]
    store.rating, data["user"].age = 10 * store.time, torch.tensor([33])
    found = transform(data)
    assert found[INTERACTS].rating.tolist() == [0, 10, 20, 30, 40]
    assert found["user"].age.tolist() == [33]


@pytest.mark.parametrize("transform", [LeaveOneOut(), TrainOnAll()])
def test_users_in_turns_come_one_after_another(transform) -> None:
    data = make([(0, item, item) for item in range(4)])
    data["user"].num_nodes, data["user"].id = 2, ["a", "b"]
    store = data[INTERACTS]
    store.edge_index = torch.tensor([[0, 1] * 4, [0, 1, 1, 0, 2, 3, 3, 2]])
    store.time = torch.arange(8)
    assert data.validate()
    found = transform(data)[INTERACTS]
    assert found.edge_index.tolist() == [[0] * 4 + [1] * 4, [0, 1, 2, 3, 1, 0, 3, 2]]
    assert found.time.tolist() == [0, 2, 4, 6, 1, 3, 5, 7]
    held_out = [0, 0, 1, 2] if isinstance(transform, LeaveOneOut) else [0] * 4
    assert found.split.tolist() == held_out * 2


@pytest.mark.parametrize(("val", "test"), [(0.5, 0.5), (0.0, 0.1), (0.1, -0.1)])
def test_shares_of_temporal_split(val, test):
    with pytest.raises(
        ValueError, match=rf"positive with a sum below 1.*got {val} and"
    ):
        TemporalSplit(val, test)


@pytest.mark.parametrize(
    "transform", [LeaveOneOut(), TemporalSplit(0.3, 0.3), TrainOnAll()]
)
def test_old_negatives_are_dropped(transform):
    assert "test_negatives" not in transform(with_negatives())["user"]


def test_different_splits_have_different_hashes():
    data = make([(0, item, item) for item in range(5)])
    splits = (LeaveOneOut(), TemporalSplit(0.2, 0.4))
    assert len({split(data).split_hash for split in splits}) == 2


def test_repr_has_all_arguments():
    assert str(TemporalSplit(0.2, 0.1)) == "TemporalSplit(val=0.2, test=0.1)"
    assert str(LeaveOneOut()) == "LeaveOneOut()"


def with_another_split() -> HeteroData:
    """Of one user, whose first purchase came as the test and whose last to train on."""
    rows = pd.DataFrame({"user": 0, "item": range(5), "time": range(1, 6)})
    rows["split"] = [2, 0, 0, 1, 0]
    return assemble(rows, pd.DataFrame({"item": range(5), "text": "thing"}))


@pytest.mark.parametrize("transform", [LeaveOneOut(), TemporalSplit(0.2, 0.2)])
def test_a_split_that_came_with_the_data_leaves_nothing_of_itself(transform):
    data = with_another_split()
    given = data[INTERACTS].time.clone()
    found = transform(data)[INTERACTS]
    assert found.time.tolist() == [1, 2, 3, 4, 5]
    assert found.edge_index.tolist() == [[0] * 5, [0, 1, 2, 3, 4]]
    assert found.split.tolist() == [0, 0, 0, 1, 2]
    assert data[INTERACTS].time.equal(given)
    assert data[INTERACTS].split.tolist() == [0, 0, 0, 1, 2]


def test_all_is_training_in_the_order_of_time():
    data = TrainOnAll()(with_another_split())
    assert data[INTERACTS].split.tolist() == [0] * len(data[INTERACTS].split)
    assert data[INTERACTS].time.tolist() == LeaveOneOut()(data)[INTERACTS].time.tolist()
    assert data.split_hash != LeaveOneOut()(data).split_hash


@pytest.mark.parametrize("count", [Transitions(), Trends(2)])
@pytest.mark.parametrize("transform", [LeaveOneOut(), TemporalSplit(0.2, 0.2)])
def test_what_was_counted_by_another_split_tells_of_the_test(transform, count):
    data = count(TrainOnAll()(make([(0, item, item) for item in range(5)])))
    name = type(transform).__name__
    with pytest.raises(
        ValueError, match=rf"'{name}' needs .* not been counted \(got .*: apply it bef"
    ):
        transform(data)


def test_what_was_counted_by_the_same_split_stays():
    data = Transitions()(LeaveOneOut()(make([(0, item, item) for item in range(5)])))
    assert_same_data(TemporalSplit(0.2, 0.2)(LeaveOneOut()(data)), data)


def test_what_was_counted_in_another_order_is_of_another_split():
    data = make([(0, item, item) for item in range(5)])
    data = TrainOnAll()(data)
    data[INTERACTS].time = torch.arange(5, 0, -1)
    with pytest.raises(ValueError, match=r"'TrainOnAll' needs .* not been counted"):
        TrainOnAll()(Transitions()(data))
