from collections import Counter
from math import isqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrdgraph.candidates import relation_pairs, unite
from lrdgraph.habits import count_chances, count_habits
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, Transitions

NUM_ITEMS = 6

item = st.integers(0, NUM_ITEMS - 1)
histories = st.lists(st.lists(item, min_size=1, max_size=8), min_size=1, max_size=4)
pairs = st.sets(st.tuples(item, item).filter(lambda pair: pair[0] != pair[1]))


@given(histories, pairs.filter(len), pairs)
def test_pairs_are_united_as_in_a_naive_loop(histories, bought, viewed):
    relations = {"bought": bought, "viewed": viewed}
    data = LeaveOneOut()(make_shop(histories, NUM_ITEMS, relations))
    data = Transitions(window=2)(data)
    counted = data["item", "transition", "item"]
    count = Counter(
        dict(
            zip(
                zip(*counted.edge_index.tolist(), strict=True),
                counted["count"].tolist(),
                strict=True,
            )
        )
    )
    united = sorted({*bought, *viewed, *count})
    found = unite(data)
    assert list(zip(*found.edge_index.tolist(), strict=True)) == united
    assert found.key.tolist() == [i * NUM_ITEMS + j for i, j in united]
    assert found.start.tolist() == [
        sum(source < first for source, _ in united) for first in range(NUM_ITEMS + 1)
    ]
    present = [found for found in (bought, viewed) if found]
    assert found.observed.tolist() == [
        [float(pair in holds) for holds in present] for pair in united
    ]
    assert found.static.tolist() == [pair in {*bought, *viewed} for pair in united]
    assert found.transitions.tolist() == [count[pair] for pair in united]
    assert found.lags.equal(count_habits(data, found.key))
    assert found.chance.equal(count_chances(data))
    bought_last = [history[-2:] for history in histories if len(history) > 2]
    training = Counter(item for history in histories for item in history)
    training.subtract(item for items in bought_last for item in items)
    assert found.popularity.tolist() == [training[i] for i in range(NUM_ITEMS)]
    static = {*bought, *viewed}
    leaving, coming = Counter(i for i, _ in static), Counter(j for _, j in static)
    for (i, j), scale in zip(united, found.scale.tolist(), strict=True):
        assert scale == pytest.approx(max(1, leaving[i] * coming[j]) ** -0.25)


@given(histories, pairs.filter(len))
def test_sampling_weights_are_three_quarters_by_the_root_and_one_quarter_equal(
    histories, bought
):
    data = LeaveOneOut()(make_shop(histories, NUM_ITEMS, {"bought": bought}))
    found = unite(Transitions(window=2)(data))
    followed = [
        isqrt(10_000 * int(sum(row[:-1]))) if static else 0
        for row, static in zip(found.lags.tolist(), found.static, strict=True)
    ]
    everyone = sum(followed) or 1
    expected = [
        3 * count / everyone + 1 / len(bought) if static else 0
        for count, static in zip(followed, found.static, strict=True)
    ]
    running = found.cumulative_weight
    assert running.dtype == torch.long
    share = running.diff(prepend=running.new_zeros(1)) / running[-1]
    assert share.tolist() == pytest.approx([w / sum(expected) for w in expected])


def test_relations_between_other_things_and_empty_ones_are_no_candidates():
    data = make_shop([[0, 1]], NUM_ITEMS, {"bought": [(0, 1)]})
    data["item", "empty", "item"].edge_index = torch.empty(2, 0, dtype=torch.long)
    data["user", "follows", "user"].edge_index = torch.tensor([[0], [0]])
    assert list(relation_pairs(data)) == ["bought"]
