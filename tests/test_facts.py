import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.discovery import discover
from lrdgraph.facts import count_facts, typical_facts
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut

RELATIONS = {
    "text_knn": [(0, 1), (2, 3), (4, 5)],
    "also": [(0, 1), (0, 2), (3, 0)],
    "brand": [(0, 1), (4, 1)],
}


@pytest.fixture
def graph() -> LatentRelationGraph:
    histories = [[0, 1, 2, 3], [4, 5, 0, 1], [2, 3, 4, 5]]
    shop = LeaveOneOut()(make_shop(histories, 6, RELATIONS))
    return LatentRelationGraph(shop, 2, 4, objective="facts")


def test_counts_are_those_of_a_naive_loop(graph):
    for item in range(6):
        counts = [
            sum(pair[end] == item for pair in RELATIONS[name])
            for end in (0, 1)
            for name in graph.dvae.facts
        ]
        expected = torch.tensor(counts).float().log1p()
        assert torch.allclose(graph.known[item], expected)


def test_texts_and_counts_are_read(graph):
    item = torch.tensor([3, 0])
    assert graph.read(item).equal(torch.cat([graph.x, graph.known], dim=1)[item])
    plain = LatentRelationGraph(graph.candidates, 2, 4)
    assert plain.read(item).equal(graph.x[item])


def test_any_pair_is_inferred_and_candidates_alike(graph):
    edge_id = torch.arange(graph.num_edges).flip(0)
    found = graph.infer(graph.edge_index[:, edge_id])
    assert torch.allclose(found, graph.posterior(edge_id))
    assert graph.find(torch.tensor([5]), torch.tensor([2])).item() == -1
    other = graph.infer(torch.tensor([[5], [2]]))
    assert other.sum().item() == pytest.approx(1.0)


def test_items_of_which_nothing_is_known_count_nothing():
    edge_index = torch.tensor([[0, 1], [1, 0]])
    assert not count_facts(edge_index, torch.ones(2, 3), 4)[2:].any()


def test_facts_are_discovered_where_nobody_went_from_one_to_the_other():
    shop = make_shop([[0, 1, 2]], 6, RELATIONS)  # without a split
    graph = LatentRelationGraph(shop, 2, 4, objective="facts")
    before = graph.dvae.fact.clone()
    discover(graph, 5, progress=False)
    assert not graph.dvae.fact.equal(before)
    with pytest.raises(ValueError, match=r"training interactions .* \(got none for"):
        discover(LatentRelationGraph(shop, 2, 4), 5, progress=False)


def test_typical_facts_are_the_groups_that_pairs_were_drawn_from():
    torch.manual_seed(0)
    groups = torch.tensor([[0.0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]])
    drawn = groups[torch.randint(3, (500,))]
    assert torch.allclose(typical_facts(drawn, 3), groups.clamp(0.05, 0.95))


def test_fewer_kinds_of_pairs_than_groups_are_repeated():
    facts = typical_facts(torch.tensor([[1.0, 0], [0, 0], [1, 0]]), 5)
    few, many = torch.tensor([0.05, 0.05]), torch.tensor([0.95, 0.05])
    assert torch.allclose(facts, torch.stack([few, many, few, many, few]))
