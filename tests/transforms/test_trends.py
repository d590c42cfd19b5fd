from math import log1p

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.datasets import INTERACTS
from lrdgraph.testing import TransformContract, make_shop
from lrdgraph.transforms import LeaveOneOut, Trends
from lrdgraph.typing import TEST, TRAIN, VAL

NUM_ITEMS = 4


def make(events: list[tuple[int, int, int]]) -> HeteroData:
    """Interactions of a single user: item, time and part of the split."""
    data = make_shop([[item for item, _, _ in events]], NUM_ITEMS)
    store = data[INTERACTS]
    store.time = torch.tensor([time for _, time, _ in events])
    store.split = torch.tensor([part for _, _, part in events], dtype=torch.int8)
    return data


class TestTrends(TransformContract):
    def make(self) -> Trends:
        return Trends(num_periods=3)

    def data(self) -> HeteroData:
        return LeaveOneOut()(make_shop([[0, 1, 2, 3], [3, 1], [1, 0, 1, 2, 3]], 4))

    def bad_data(self) -> dict[str, HeteroData]:
        without_split, without_time, untrained = (self.data() for _ in range(3))
        del without_split[INTERACTS].split
        del without_time[INTERACTS].time
        untrained[INTERACTS].split[:] = TEST
        bad = (without_split, without_time, untrained)
        return {rf"a training part \(got .*{i * ' *'}": d for i, d in enumerate(bad)}


item, part = st.integers(0, NUM_ITEMS - 1), st.sampled_from([TRAIN, TRAIN, VAL, TEST])
events = st.lists(st.tuples(item, st.integers(0, 9), part), min_size=1, max_size=30)
some_events = events.filter(lambda events: any(part == TRAIN for *_, part in events))


@given(some_events, st.integers(1, 6))
def test_features_are_those_of_a_naive_loop(events, num_periods):
    data = Trends(num_periods)(make(events))
    period, trend = data[INTERACTS].period.tolist(), data["item"].trend
    assert trend.shape == (NUM_ITEMS, num_periods + 1, 6)
    for item in range(NUM_ITEMS):
        for now in range(num_periods + 1):
            ages = [
                now - 1 - p
                for (i, _, part), p in zip(events, period, strict=True)
                if i == item and part == TRAIN and p < now
            ]
            expected = [
                log1p(sum(kept**age for age in ages))
                for kept in (0.0, 0.5, 0.8, 0.95, 1.0)
            ]
            found = trend[item, now].tolist()
            assert found == pytest.approx([*expected, float(bool(ages))], abs=1e-5)


@given(some_events, st.integers(1, 6))
def test_periods_follow_time_and_share_the_training_part(events, num_periods):
    period = Trends(num_periods)(make(events))[INTERACTS].period.tolist()
    times = [time for _, time, _ in events]
    by_time = sorted(zip(times, period, strict=True))
    assert [p for _, p in by_time] == sorted(period)
    assert len(set(by_time)) == len(set(times))  # equal times share a period
    last = max(time for _, time, part in events if part == TRAIN)
    for time, p in by_time:
        assert (p == num_periods) == (time > last)


def test_periods_hold_as_many_training_interactions_each():
    data = make([(0, time, TRAIN) for time in range(60)] + [(1, 99, TEST)])
    period = Trends(num_periods=6)(data)[INTERACTS].period
    assert period.bincount().tolist() == [10] * 6 + [1]


def test_nothing_of_the_future_or_of_the_test_part_is_seen():
    past = [(0, 1, TRAIN), (1, 2, TRAIN), (2, 3, TRAIN)]
    before = Trends(num_periods=3)(make(past))["item"].trend
    for later in ((3, 4, VAL), (3, 2, TEST), (3, 1, VAL)):
        after = Trends(num_periods=3)(make([*past, later]))["item"].trend
        assert after.equal(before)


def test_number_of_periods_is_positive():
    with pytest.raises(ValueError, match=r"'num_periods' .* in 'Trends' \(got 0\)"):
        Trends(num_periods=0)


def test_repr():
    assert repr(Trends()) == "Trends(num_periods=64)"
