from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph.data import Histories, Questions, TrainingWindows, user_histories
from lrdgraph.datasets import INTERACTS
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut
from lrdgraph.typing import TEST, TRAIN, VAL

NUM_ITEMS = 6

item = st.integers(0, NUM_ITEMS - 1)
user = st.lists(st.tuples(item, st.integers(TRAIN, TEST)), min_size=1, max_size=12)
users = st.lists(user, min_size=1, max_size=5)
lengths = st.integers(1, 6)


def make_data(users: list[list[tuple[int, int]]]) -> tuple[HeteroData, list]:
    """Data with any split in which each user's parts follow one another."""
    items = [[item for item, _ in events] for events in users]
    parts = [sorted(part for _, part in events) for events in users]
    data = make_shop(items, NUM_ITEMS)
    data[INTERACTS].split = torch.tensor(sum(parts, []), dtype=torch.int8)
    users = zip(items, parts, strict=True)
    return data, [list(zip(*pair, strict=True)) for pair in users]


def padded(items: list[int], length: int) -> list[int]:
    items = items[-length:]
    return [NUM_ITEMS] * (length - len(items)) + items


@given(users, lengths)
def test_each_new_item_of_training_is_a_target_exactly_once(users, length):
    data, users = make_data(users)
    windows = TrainingWindows(Histories.from_data(data), length)
    assert len(windows) == sum(
        -(-max(0, sum(part == TRAIN for _, part in events) - 1) // length)
        for events in users
    )
    if not len(windows):
        return
    batch = windows.__getitems__(list(range(len(windows))))
    assert batch["history"].shape == batch["target"].shape == (len(windows), length)
    found = Counter()
    pairs = (batch[name].tolist() for name in ("history", "target"))
    for history, target in zip(*pairs, strict=True):
        filled = [i for i in history if i != NUM_ITEMS]
        goals = target[length - len(filled) :]
        assert history == padded(filled, length)
        assert set(target[: length - len(filled)]) <= {NUM_ITEMS}
        assert filled
        followed = zip(filled[1:], goals[:-1], strict=True)
        assert all(goal in (item, NUM_ITEMS) for item, goal in followed)
        found.update(p for p in zip(filled, goals, strict=True) if p[1] != NUM_ITEMS)
    trained = [[item for item, part in events if part == TRAIN] for events in users]
    assert found == Counter(
        pair
        for items in trained
        for place, pair in enumerate(pairwise(items), start=1)
        if pair[1] not in items[:place]
    )


def test_parts_of_a_user_that_are_not_in_order_are_refused():
    data = make_shop([[0, 1, 2]], NUM_ITEMS)
    data[INTERACTS].split = torch.tensor([TRAIN, TEST, TRAIN])
    with pytest.raises(ValueError, match=r"'split' .* \(got 0 after 2 at place 2\)"):
        Histories.from_data(data)


def test_users_in_turns_are_refused():
    data = make_shop([[0, 1], [2]], NUM_ITEMS)
    data[INTERACTS].edge_index = torch.tensor([[0, 1, 0], [0, 2, 1]])
    data[INTERACTS].split = torch.zeros(3, dtype=torch.int8)
    for read in (Histories.from_data, user_histories):
        with pytest.raises(ValueError, match=r"\(got user 0 after 1 at place 2\)"):
            read(data)


@given(users, lengths, st.sampled_from([VAL, TEST]))
def test_questions_are_asked_of_exactly_what_came_before(users, length, part):
    data, users = make_data(users)
    questions = Questions(Histories.from_data(data), part, length)
    expected = [
        ([item for item, _ in events[:place]], item)
        for events in users
        for place, (item, which) in enumerate(events)
        if which == part and place
    ]
    assert len(questions) == len(expected)
    if not expected:
        return
    asked = questions.__getitems__(list(range(len(expected))))
    assert asked["history"].tolist() == [padded(past, length) for past, _ in expected]
    assert asked["target"].tolist() == [target for _, target in expected]
    assert asked["negatives"].shape == (len(expected), 0)
    seen = list(
        zip(asked["seen_row"].tolist(), asked["seen_item"].tolist(), strict=True)
    )
    assert seen == [
        (row, item) for row, (past, _) in enumerate(expected) for item in past
    ]


def test_questions_in_any_order_keep_their_negatives():
    data = LeaveOneOut()(make_shop([[0, 1, 2], [3], [3, 4, 5, 0]], NUM_ITEMS))
    negatives = torch.tensor([[4, 5], [-1, -1], [1, 2]])
    questions = Questions(Histories.from_data(data), TEST, 2, negatives)
    asked = questions.__getitems__([1, 0])
    assert asked["target"].tolist() == [0, 2]
    assert asked["history"].tolist() == [[4, 5], [0, 1]]
    assert asked["negatives"].tolist() == [[1, 2], [4, 5]]


def test_some_questions_are_drawn_from_all_and_always_the_same():
    data = LeaveOneOut()(make_shop([[u % 6, 1, 2, 3] for u in range(200)], NUM_ITEMS))
    histories = Histories.from_data(data)
    every, some, again, first, more = (
        Questions(histories, TEST, 2, num_questions=number).position.tolist()
        for number in (None, 50, 50, 20, 1000)
    )
    assert len(some) == len(set(some)) == 50
    assert some == again == sorted(some)
    assert set(first) < set(some) < set(every)
    assert some != every[:50]
    assert more == every
    with pytest.raises(ValueError, match=r"'num_questions' needs to be .*got 0"):
        Questions(histories, TEST, 2, num_questions=0)


def test_held_out_interactions_enter_no_batch():
    data = LeaveOneOut()(make_shop([[0, 1, 2, 4, 5], [3, 1, 4, 5]], NUM_ITEMS))
    batch = TrainingWindows(Histories.from_data(data), 3).__getitems__([0, 1])
    for name in ("history", "target"):
        assert not {4, 5} & set(batch[name].flatten().tolist())
    for name in ("history_time", "time"):
        assert not {3, 4, 7, 8} & set(batch[name].flatten().tolist())


def test_a_split_is_needed():
    data = make_shop([[0, 1, 2]], NUM_ITEMS)
    with pytest.raises(ValueError, match=r"'split' .*got none.*LeaveOneOut"):
        Histories.from_data(data)


def test_periods_are_those_of_the_targets():
    parts = [TRAIN, TRAIN, TRAIN, VAL, TEST]
    data, _ = make_data([list(enumerate(parts)), list(enumerate(parts))])
    data[INTERACTS].period = torch.tensor([0, 0, 1, 1, 2, 3, 4, 5, 6, 7])
    histories = Histories.from_data(data)
    batch = TrainingWindows(histories, 3).__getitems__([0, 1])
    assert batch["target"].tolist() == [[NUM_ITEMS, 1, 2]] * 2
    assert batch["period"][:, 1:].tolist() == [[0, 1], [4, 5]]
    asked = Questions(histories, TEST, 3).__getitems__([0, 1])
    assert asked["period"].tolist() == [2, 7]


def test_times_are_those_of_history_and_targets():
    parts = [TRAIN, TRAIN, TRAIN, VAL, TEST]
    data, _ = make_data([list(enumerate(parts)), list(enumerate(parts))])
    data[INTERACTS].time = torch.tensor([3, 4, 6, 9, 10, 1, 1, 2, 5, 5])
    histories = Histories.from_data(data)
    batch = TrainingWindows(histories, 3).__getitems__([0, 1])
    assert batch["history"].tolist() == [[NUM_ITEMS, 0, 1]] * 2
    assert batch["history_time"].tolist() == [[3, 3, 4], [1, 1, 1]]
    assert batch["time"].tolist() == [[3, 4, 6], [1, 1, 2]]
    asked = Questions(histories, TEST, 3).__getitems__([1, 0])
    assert asked["history_time"].tolist() == [[1, 2, 5], [4, 6, 9]]
    assert asked["time"].tolist() == [5, 10]
