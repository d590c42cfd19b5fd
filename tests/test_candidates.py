from collections import Counter
from math import isqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import relation_pairs, sampling_weight, unite
from lrdgraph.discovery import discover
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


def own_relation(edge_index: torch.Tensor, num_items: int = NUM_ITEMS) -> HeteroData:
    """Items with a relation that somebody set by hand."""
    items = {"x": torch.ones(num_items, 2), "id": [f"i{i}" for i in range(num_items)]}
    data = HeteroData(item={**items, "num_nodes": num_items})
    data["item", "mine", "item"].edge_index = edge_index
    return data


@pytest.mark.parametrize("dtype", [torch.int32, torch.uint16, torch.int64])
def test_small_integers_name_the_same_pairs(dtype):
    pairs = [[1, 42_950, 49_999], [2, 7, 3]]  # of keys beyond 32 bits
    found = unite(own_relation(torch.tensor(pairs).to(dtype), 50_000))
    assert found.edge_index.tolist() == pairs
    assert found.edge_index.dtype == found.key.dtype == torch.long


@pytest.mark.parametrize("wrong", [NUM_ITEMS, -1, 1.5])
def test_what_is_no_item_is_no_end_of_a_pair(wrong):
    data = own_relation(torch.tensor([[0, 1], [wrong, 2]]))
    with pytest.raises(ValueError, match=rf"'mine' needs .* 0 to 5 \(got {wrong}\)"):
        unite(data)


def test_self_loops_are_no_candidates():
    found = unite(own_relation(torch.tensor([[1, 2, 3], [2, 2, 0]])))
    assert found.edge_index.tolist() == [[1, 3], [2, 0]]
    with pytest.raises(ValueError, match="at least one candidate pair"):
        unite(own_relation(torch.tensor([[1], [1]])))


def test_transitions_without_self_loops_keep_their_counts():
    data = own_relation(torch.tensor([[0], [1]]))
    counted = data["item", "transition", "item"]
    counted.edge_index = torch.tensor([[0, 1, 4], [0, 2, 3]])
    counted.count, counted.window = torch.tensor([7, 8, 9]), 1
    data["item"].count = torch.ones(NUM_ITEMS, dtype=torch.long)
    found = unite(data)
    assert found.edge_index.tolist() == [[0, 1, 4], [1, 2, 3]]
    assert found.transitions.tolist() == [0, 8, 9]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_relations_are_learned_from_vectors_of_any_type(dtype):
    data = LeaveOneOut()(make_shop([[0, 1, 2, 3]], NUM_ITEMS, {"bought": [(0, 1)]}))
    data["item"].x = (4 * data["item"].x).to(dtype)
    graph = LatentRelationGraph(data, 2, 8)
    assert graph.x.equal(data["item"].x.float())
    discover(graph, 2, progress=False)


def test_vectors_beyond_single_precision_are_refused():
    data = own_relation(torch.tensor([[0], [1]]))
    data["item"].x = data["item"].x.double()
    data["item"].x[3, 1] = 1e300
    with pytest.raises(ValueError, match=r"'x' needs to be finite \(got inf .*'i3'"):
        unite(data)


def test_weights_of_many_pairs_are_summed_without_overflow():
    followed = torch.tensor([4.0, 1.0, 0.0, 9.0]).repeat(250)
    lags = torch.stack([followed * 1e24, followed], dim=1)  # as of 10^15 pairs
    static = torch.arange(1000) % 4 != 3
    weight = sampling_weight(lags, static)
    total = weight.cumsum(0)
    assert (total.diff() >= 0).all()
    assert total[-1] > 2**60
    # Three quarters by the root of 4 and 1, a quarter evenly.
    share = weight[:4].double() / weight.sum() * 250
    expected = torch.tensor([0.75 * 2 / 3 + 0.25 / 3, 0.75 / 3 + 0.25 / 3, 0.25 / 3, 0])
    torch.testing.assert_close(share.float(), expected, atol=1e-3, rtol=0)


def test_two_items_of_one_id_are_refused():
    data = make_shop([[0, 1, 2]], 3, {"bought": [(0, 1)]})
    data["item"].id = ["a", "b", "a"]
    with pytest.raises(ValueError, match="different .*'a' twice"):
        LatentRelationGraph(data, num_latent=0)
