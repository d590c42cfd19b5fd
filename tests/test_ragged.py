import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrdgraph.ragged import (
    ascending,
    by_parts,
    distinct,
    largest,
    ragged_arange,
    relabel,
    starts,
)

ranges = st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 5)), max_size=8)


@given(ranges)
def test_ranges_are_those_of_a_loop(ranges):
    start, length = torch.tensor(ranges, dtype=torch.long).view(-1, 2).unbind(1)
    owner, element = ragged_arange(start, length)
    expected = [
        (i, first + step)
        for i, (first, count) in enumerate(ranges)
        for step in range(count)
    ]
    assert list(zip(owner.tolist(), element.tolist(), strict=True)) == expected
    assert owner.dtype == element.dtype == torch.long


@given(st.lists(st.integers(0, 9), max_size=12).map(sorted))
def test_starts_are_those_of_a_loop(owners):
    found = starts(torch.tensor(owners, dtype=torch.long), 10)
    expected = [sum(owner < first for owner in owners) for first in range(11)]
    assert found.tolist() == expected


@given(st.lists(st.integers(0, 9), max_size=12), st.sampled_from([10, 1000]))
def test_distinct_is_unique(items, size):
    index = torch.tensor(items, dtype=torch.long)
    expected = index.unique(return_inverse=True)
    assert all(map(torch.equal, distinct(index, size), expected))


def test_distinct_keeps_the_shape():
    index = torch.tensor([[3, 1], [1, 7]])
    items, place = distinct(index, 8)
    assert items[place].equal(index)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12))
def test_the_largest_of_each_owner_are_those_of_a_loop(pairs):
    owner, value = torch.tensor(pairs, dtype=torch.long).view(-1, 2).unbind(1)
    ahead = [
        sum(
            other == mine and (-high, place) < (-low, here)
            for place, (other, high) in enumerate(pairs)
        )
        for here, (mine, low) in enumerate(pairs)
    ]
    expected = [here for here, number in enumerate(ahead) if number < 2]
    assert largest(owner, value, 2).tolist() == expected


@given(st.lists(st.lists(st.integers(0, 6), max_size=5), min_size=1, max_size=3))
def test_relabelled_indices_mean_the_same_items(lists):
    index = [torch.tensor(one, dtype=torch.long) for one in lists]
    items, places = relabel(6, *index)  # 6 is padding
    assert items.tolist() == sorted({i for one in lists for i in one if i < 6})
    padded = torch.cat([items, torch.tensor([6])])
    assert all(padded[p].equal(i) for p, i in zip(places, index, strict=True))


@pytest.mark.parametrize("number", [0, 1, 4, 7])
def test_by_parts_gives_what_all_at_once_gives(number):
    sizes, index = [], torch.arange(number).flip(0)

    def squares(part: torch.Tensor) -> torch.Tensor:
        sizes.append(len(part))
        return part.unsqueeze(1).float() ** torch.tensor([1, 2])

    assert torch.equal(by_parts(squares, index, 3), squares(index))
    assert max(sizes[:-1]) <= 3


def test_ascending_is_sorted_where_numpy_cannot_reach():
    index = torch.tensor([3, 1, 2])
    assert ascending(index).tolist() == [1, 2, 3]
    assert ascending(index.to("meta")).device.type == "meta"
