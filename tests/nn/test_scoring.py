import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from lrdgraph import LatentRelationGraph
from lrdgraph.nn import RelationalScorer
from lrdgraph.nn.scoring import (
    Paths,
    best,
    history_paths,
    inner_products,
    last_rows,
    own_transitions,
)
from lrdgraph.testing import make_shop
from lrdgraph.typing import Rows

NUM_ITEMS, LENGTH = 6, 5

item = st.integers(0, NUM_ITEMS - 1)
history = st.lists(item, max_size=LENGTH).map(
    lambda items: [NUM_ITEMS] * (LENGTH - len(items)) + items
)
batch = st.lists(history, min_size=1, max_size=3)
pairs = st.sets(
    st.tuples(item, item).filter(lambda pair: pair[0] != pair[1]), min_size=1
)


@given(batch)
def test_paths_are_those_of_a_naive_loop(batch):
    histories = torch.tensor(batch)
    rows = Rows(*(histories >= 0).nonzero(as_tuple=True))
    paths = history_paths(histories, rows, NUM_ITEMS)
    expected = [
        (row, batch[b][place], slot - place)
        for row, (b, slot) in enumerate(
            zip(*map(torch.Tensor.tolist, rows), strict=True)
        )
        for place in range(slot + 1)
        if batch[b][place] != NUM_ITEMS
    ]
    assert list(zip(*map(torch.Tensor.tolist, paths), strict=True)) == expected


def test_last_rows():
    assert last_rows(torch.zeros(2, 4)).batch.tolist() == [0, 1]
    assert last_rows(torch.zeros(2, 4)).slot.tolist() == [3, 3]


@given(history, st.integers(1, 4))
def test_own_transitions_are_those_of_a_naive_loop(history, window):
    histories = torch.tensor([history])
    paths = history_paths(histories, last_rows(histories), NUM_ITEMS)
    recent = history[-window:]
    expected = [item in recent for item in history if item != NUM_ITEMS]
    assert own_transitions(paths, window, NUM_ITEMS).tolist() == expected


@settings(max_examples=40)
@given(batch, pairs, pairs, st.integers(0, 99))
def test_messages_equal_a_loop_over_candidates(batch, bought, viewed, seed):
    torch.manual_seed(seed)
    shop = make_shop([[0]], NUM_ITEMS, {"bought": bought, "viewed": viewed})
    graph = LatentRelationGraph(shop, num_latent=2)
    scorer = RelationalScorer(len(graph.relations), LENGTH)
    torch.nn.init.normal_(scorer.strength)
    torch.nn.init.normal_(scorer.decay)
    histories = torch.tensor(batch)
    paths = history_paths(histories, last_rows(histories), NUM_ITEMS)

    distinct, place = paths.item.unique(return_inverse=True)
    owner, edge_id = graph.edges_from(distinct)
    degree = torch.bincount(owner, minlength=distinct.numel())
    sent = scorer(paths._replace(item=place), graph(edge_id), degree)
    found = torch.zeros(len(batch), NUM_ITEMS)
    sent.add_to(found)
    assert sent.row.equal(sent.row.sort().values)

    gates, edges = scorer.gates(), graph()
    united = zip(*edges.edge_index.tolist(), strict=True)
    weight = dict(zip(united, edges.weight, strict=True))
    expected = torch.zeros(len(batch), NUM_ITEMS)
    for row, items in enumerate(batch):
        for candidate in range(NUM_ITEMS):
            for distance, source in enumerate(reversed(items)):
                for relation in range(len(graph.relations)):
                    if (source, candidate) in weight:
                        w = weight[source, candidate][relation]
                        expected[row, candidate] += gates[relation, distance] * w
    assert torch.allclose(found, expected, atol=1e-5)


def test_gates_are_positive_and_fall_with_the_decay():
    scorer = RelationalScorer(num_relations=2, max_length=3)
    torch.nn.init.constant_(scorer.strength, -5.0)
    with torch.no_grad():
        scorer.decay[0] = torch.tensor([0.0, 1.0, 9.0])
    gates = scorer.gates()
    assert gates.shape == (2, 3)
    assert (gates > 0).all()
    assert gates[0].tolist() == sorted(gates[0].tolist(), reverse=True)


def test_a_gate_is_a_share_of_its_strength_at_every_distance() -> None:
    scorer = RelationalScorer(num_relations=2, max_length=4)
    torch.nn.init.normal_(scorer.strength)
    torch.nn.init.normal_(scorer.decay, std=3.0)
    gates, strength = scorer.gates(), scorer.strength.exp().log1p()
    kept = 1 / (1 + scorer.decay.exp())
    assert_close(gates, strength.unsqueeze(1) * kept)
    assert (gates < strength.unsqueeze(1)).all()


def test_no_path_sends_no_message():
    scorer = RelationalScorer(num_relations=3, max_length=LENGTH)
    shop = make_shop([[0]], NUM_ITEMS, {"bought": [(0, 1)]})
    graph = LatentRelationGraph(shop, num_latent=2)
    nothing = torch.empty(0, dtype=torch.long)
    sent = scorer(Paths(nothing, nothing, nothing), graph(nothing), nothing)
    assert [len(part) for part in sent] == [0, 0, 0]


@pytest.mark.parametrize("num_items", [1, 15, 16, 17])
def test_inner_products_are_the_same_with_and_without_a_gradient(num_items):
    generator = torch.Generator().manual_seed(0)
    users = torch.randn(5, 8, generator=generator)
    items = torch.randn(8, num_items, generator=generator)
    bias = torch.randn(num_items, generator=generator)
    expected = (users.unsqueeze(2) * items).sum(1) + bias
    for enabled in (True, False):
        with torch.set_grad_enabled(enabled):
            found = inner_products(bias, users, items)
        assert_close(found[:, :num_items], expected)


@pytest.mark.parametrize("num_items", [2, 511, 512, 513, 1024, 2047])
@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("levels", [3, 10**6])  # many ties, and none
def test_the_best_are_those_of_topk(num_items, k, levels):
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(levels, (50, num_items), generator=generator).float()
    scores[0], scores[1, -1], scores[2, 0] = -torch.inf, torch.inf, torch.nan
    value, item = best(scores, k)
    assert_close(value, scores.topk(k).values, equal_nan=True)
    assert_close(value, scores.gather(1, item), equal_nan=True)
    assert (item.sort(1).values.diff(dim=1) > 0).all()
