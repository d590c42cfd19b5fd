import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lrdgraph.nn.conv import FrozenTypedMean, typed_mean

NUM_ITEMS = 5

item = st.integers(0, NUM_ITEMS - 1)
weight = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0])
edges = st.dictionaries(
    st.tuples(item, item), st.tuples(weight, weight, st.just(0.0)), max_size=12
)


def as_tensors(edges: dict[tuple, tuple]) -> tuple[Tensor, Tensor]:
    edge_index = torch.tensor(sorted(edges), dtype=torch.long).view(-1, 2).t()
    edge_weight = torch.tensor([edges[pair] for pair in sorted(edges)]).view(-1, 3)
    return edge_index, edge_weight


def naive(x: Tensor, edges: dict[tuple, tuple]) -> Tensor:
    means = torch.zeros(3, NUM_ITEMS, x.size(1))
    for relation in range(3):
        for target in range(NUM_ITEMS):
            reached = {i: w[relation] for (i, j), w in edges.items() if j == target}
            total = max(1, sum(reached.values()))
            for source, share in reached.items():
                means[relation, target] += share / total * x[source]
    return means


@given(edges)
def test_means_are_those_of_a_naive_loop(edges):
    x = torch.randn(NUM_ITEMS, 2)
    means = typed_mean(x, *as_tensors(edges))
    assert torch.allclose(means, naive(x, edges), atol=1e-6)
    assert not means[2].any()  # a relation without an edge


@given(edges)
def test_frozen_means_and_their_gradient_are_the_same(edges):
    edge_index, edge_weight = as_tensors(edges)
    x = torch.randn(NUM_ITEMS, 2, requires_grad=True)
    comp = torch.randn(3, 4, requires_grad=True)
    direction = torch.randn(4, NUM_ITEMS, 2)
    free = torch.einsum("rb,rnc->bnc", comp, typed_mean(x, edge_index, edge_weight))
    frozen = FrozenTypedMean(edge_index, edge_weight, NUM_ITEMS)(x, comp)
    assert torch.allclose(frozen, free, atol=1e-6)
    expected = torch.autograd.grad((free * direction).sum(), (x, comp))
    found = torch.autograd.grad((frozen * direction).sum(), (x, comp))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_frozen_edges_need_to_be_sorted():
    edge_index = torch.tensor([[3, 0, 1, 0], [1, 2, 0, 1]])
    with pytest.raises(ValueError, match="'edge_index' needs to be sorted by source"):
        FrozenTypedMean(edge_index, torch.rand(4, 3), NUM_ITEMS)


def test_weights_tiny_beside_the_strongest_are_dropped():
    edge_index = torch.tensor([[0, 1], [2, 2]])
    weight = torch.tensor([[1.0], [5e-4]])
    x = torch.eye(3)
    comp = torch.eye(1)
    mean = FrozenTypedMean(edge_index, weight.clone(), 3)(x, comp)[0, 2]
    assert torch.allclose(mean, torch.tensor([1 / 1.0005, 0, 0]))
    kept = FrozenTypedMean(edge_index, weight.clone(), 3, min_weight=0.0)(x, comp)
    assert torch.allclose(kept, typed_mean(x, edge_index, weight))


@pytest.mark.parametrize("number", [20, 99, 100, 101, 1000])
def test_an_item_hears_its_neighbours_however_many_they_are(number):
    edge_index = torch.stack([torch.arange(1, number + 1), torch.zeros(number).long()])
    weight = torch.rand(number, 2) * torch.tensor([1.0, 0.2]) * number**-0.25
    x = torch.rand(number + 1, 3)
    means = typed_mean(x, edge_index, weight)[:, 0]
    heard = FrozenTypedMean(edge_index, weight.clone(), number + 1)
    assert torch.allclose(heard.rows(torch.tensor([0]), x)[0], means, rtol=0.1)


@given(edges, st.lists(item, max_size=7))
def test_means_of_some_items_are_those_of_all(edges, items):
    x, some = torch.randn(NUM_ITEMS, 2), torch.tensor(items, dtype=torch.long)
    frozen = FrozenTypedMean(*as_tensors(edges), NUM_ITEMS)
    expected = naive(x, edges)[:, some].transpose(0, 1)
    assert torch.allclose(frozen.rows(some, x), expected, atol=1e-6)
