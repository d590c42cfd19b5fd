import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrdgraph.datasets import INTERACTS
from lrdgraph.habits import LAGS, count_chances, count_habits, typical_habits
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut

NUM_ITEMS = 5
KEY = [i * NUM_ITEMS + j for i in range(NUM_ITEMS) for j in range(NUM_ITEMS) if i != j]

item = st.integers(0, NUM_ITEMS - 1)
histories = st.lists(st.lists(item, min_size=1, max_size=26), min_size=1, max_size=4)
keys = st.sets(st.sampled_from(KEY), min_size=1).map(sorted)


def bucket(lag: int) -> int:
    return next(place for place, last in enumerate(LAGS) if lag <= last)


def trained(items: list[int]) -> list[int]:
    return items[:-2] if len(items) > 2 else items


def naive(histories: list[list[int]], key: list[int]) -> list[list[float]]:
    counts = {place: [0.0] * (len(LAGS) + 1) for place in key}
    for items in map(trained, histories):
        for place, source in enumerate(items):
            later = items[place + 1 : place + 1 + LAGS[-1]]
            for pair in key:
                if pair // NUM_ITEMS == source:
                    target = pair % NUM_ITEMS
                    came = target in later
                    column = bucket(later.index(target) + 1) if came else -1
                    counts[pair][column] += 1
    return [counts[pair] for pair in key]


@given(histories, keys)
def test_counts_are_those_of_a_naive_loop(histories, key):
    data = LeaveOneOut()(make_shop(histories, NUM_ITEMS))
    assert count_habits(data, torch.tensor(key)).tolist() == naive(histories, key)


def test_an_accessory_comes_at_once_and_a_refill_later():
    data = make_shop([[0, 1, 3, 3, 2], [0, 1, 3, 3, 3, 2]], NUM_ITEMS)
    data[INTERACTS].split = torch.zeros(11, dtype=torch.int8)
    accessory, refill, never = count_habits(data, torch.tensor([1, 2, 4])).tolist()
    assert accessory == [2, 0, 0, 0, 0, 0, 0]
    assert refill == [0, 0, 0, 1, 1, 0, 0]
    assert never == [0, 0, 0, 0, 0, 0, 2]


def test_a_shopper_who_buys_the_target_again_is_one_who_came():
    data = make_shop([[0, *9 * [1]], *9 * [[0, 2]]], NUM_ITEMS)
    data[INTERACTS].split = torch.zeros(28, dtype=torch.int8)
    assert count_habits(data, torch.tensor([1])).tolist() == [[1, 0, 0, 0, 0, 0, 9]]


def test_nothing_is_counted_without_a_split_or_without_pairs():
    data = make_shop([[0, 1, 2, 3]], NUM_ITEMS)
    assert not count_habits(data, torch.tensor(KEY)).any()
    assert not count_chances(data).any()
    counts = count_habits(LeaveOneOut()(data), torch.empty(0, dtype=torch.long))
    assert counts.shape == (0, len(LAGS) + 1)


@given(histories)
def test_chances_are_those_of_shuffled_items(histories):
    """Expected followers per purchase, over all the places that two items may take.

    Less the part that comes too soon after the same, of what comes that late.
    """
    data = LeaveOneOut()(make_shop(histories, NUM_ITEMS))
    bought = list(map(trained, histories))
    total = sum(map(len, bought))
    expected = [[0.0] * len(LAGS) for _ in range(NUM_ITEMS)]
    for item in range(NUM_ITEMS):
        share = sum(items.count(item) for items in bought) / total
        for lag in range(1, LAGS[-1] + 1):
            late = [
                item not in items[place - lag + 1 : place]
                for items in bought
                for place in range(lag, len(items))
                if items[place] == item
            ]
            part = sum(late) / len(late) if late else 1.0
            places = sum(max(0, len(items) - lag) for items in bought)
            expected[item][bucket(lag)] += part * share * places / total
    found = count_chances(data)
    assert found.flatten().tolist() == pytest.approx(sum(expected, []), abs=1e-6)


def test_what_is_drawn_by_chance_comes_as_often_as_by_chance():
    torch.manual_seed(0)
    share = torch.tensor([0.6, 0.2, 0.1, 0.06, 0.04])
    histories = [
        share.multinomial(int(length), replacement=True).tolist()
        for length in torch.randint(3, 30, (3000,))
    ]
    data = make_shop(histories, NUM_ITEMS)
    data[INTERACTS].split = torch.zeros(sum(map(len, histories)), dtype=torch.int8)
    counts = count_habits(data, torch.tensor(KEY))
    came = counts[:, :-1] / counts.sum(1, keepdim=True)
    chance = count_chances(data)[torch.tensor(KEY) % NUM_ITEMS]
    enough = counts[:, :-1] > 400
    assert enough.sum() > 40
    assert (came / chance)[enough].sub(1).abs().max() < 0.15


def test_typical_habits_are_those_that_pairs_were_drawn_from():
    torch.manual_seed(0)
    planted = torch.tensor([[0.3, 0.1, 0.0, 0.6], [0.0, 0.1, 0.2, 0.7]])
    drawn = torch.distributions.Multinomial(50, planted.repeat(200, 1)).sample()
    never = torch.tensor([[0.0, 0.0, 0.0, 50.0]]).repeat(1000, 1)
    found = typical_habits(torch.cat([drawn, never]), 2)
    assert torch.allclose(found, planted.flip(0), atol=0.02)  # followed least first
    assert (found > 0).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("times", [1, 4])
def test_too_few_different_pairs_that_are_followed_make_no_groups(times):
    lags = torch.tensor([[0.0, 0.0, 9.0], [1.0, 2.0, 4.0]]).repeat(times, 1)
    habits = typical_habits(lags, 3)
    assert habits.shape == (3, 3)
    assert habits.equal(habits[:1].repeat(3, 1))
    assert torch.allclose(habits.sum(1), torch.ones(3))
    assert habits[0, 2] > habits[0, 1] > habits[0, 0]
