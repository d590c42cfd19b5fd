import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.discovery import discover
from lrdgraph.facts import KnownFacts, count_facts, typical_facts
from lrdgraph.objectives import relation_losses
from lrdgraph.testing import HashTextEncoder, make_shop
from lrdgraph.transforms import LeaveOneOut, Transitions

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
        assert torch.allclose(graph.facts.counts[item], expected)


def test_what_two_items_share_is_that_of_a_naive_loop():
    torch.manual_seed(0)
    num_items, num_facts = 9, 3
    holds = torch.rand(num_items, num_items, num_facts) < 0.4
    edge_index = holds.any(2).nonzero().T
    facts = KnownFacts(edge_index, holds[tuple(edge_index)].float(), num_items)
    source, target = torch.randint(num_items, (2, 5000))  # more than are compared once
    found = facts.compare(torch.stack([source, target]))
    expected = torch.zeros(num_items, num_items, num_facts)
    for item in range(num_items):
        for other in range(num_items):
            for to in range(num_items):
                expected[item, other] += (holds[item, to] & holds[other, to]).float()
    assert torch.allclose(found, expected.log1p()[source, target])
    assert facts.shared.equal(facts.compare(edge_index))


def test_a_pair_is_no_evidence_for_itself():
    with_it = torch.tensor([[0, 0, 1], [1, 2, 2]])
    both = [
        KnownFacts(pairs, torch.ones(pairs.size(1), 1), 3).compare(with_it)
        for pairs in (with_it, with_it[:, 1:])
    ]
    assert both[0][0].equal(both[1][0])
    assert both[0][0].item() == pytest.approx(torch.tensor(2.0).log().item())


def test_counts_of_others_are_those_without_the_pair():
    torch.manual_seed(0)
    holds = torch.rand(7, 7, 2) < 0.4
    edge_index = holds.any(2).nonzero().T
    facts = KnownFacts(edge_index, holds[tuple(edge_index)].float(), 7)
    anyone = torch.cartesian_prod(torch.arange(7), torch.arange(7)).T
    anyone = anyone[:, anyone[0] != anyone[1]]  # some hold one way, some both, or none
    found = facts.counts_of_others(anyone).view(2, -1, 4)
    for (one, other), counts in zip(anyone.T, found.transpose(0, 1), strict=True):
        rest = holds.clone()
        rest[one, other] = rest[other, one] = False
        pairs = rest.any(2).nonzero().T
        expected = count_facts(pairs, rest[tuple(pairs)].float(), 7)
        assert torch.allclose(counts, expected[torch.stack([one, other])], atol=1e-6)


def test_pairs_are_learned_from_as_if_nothing_was_known_of_them(graph, monkeypatch):
    read, posterior = [], graph.dvae.training_posterior

    def note(x: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        read.append(x)
        return posterior(x, *rest)

    edge_id = graph.static.nonzero().squeeze(-1)
    monkeypatch.setattr(graph.dvae, "training_posterior", note)
    monkeypatch.setattr(graph, "sample_pairs", lambda _: edge_id)
    relation_losses(graph, None, 16)
    edge_index = graph.edge_index[:, edge_id]
    x, counts = read[0].split([graph.x.size(1), 2 * len(graph.dvae.facts)], dim=1)
    assert x.equal(graph.x[edge_index.flatten()])
    assert counts.equal(graph.facts.counts_of_others(edge_index))
    assert (counts < graph.facts.counts[edge_index.flatten()]).any()


def test_without_facts_nothing_is_shared():
    graph = LatentRelationGraph(make_shop([[0, 1, 2]], 6, RELATIONS), 2, 4)
    assert graph.facts.shared.shape == (graph.num_edges, 0)
    assert graph.facts.compare(torch.tensor([[0, 1], [2, 3]])).shape == (2, 0)


def test_texts_and_counts_are_read(graph):
    item = torch.tensor([3, 0])
    expected = torch.cat([graph.x, graph.facts.counts], dim=1)[item]
    assert graph.read(item).equal(expected)
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


def test_all_pairs_that_are_known_of_are_learned_from_alike() -> None:
    shop = make_shop([[5, 4, 3, 2, 1, 0], [0, 5, 1, 4, 2, 3]], 6, RELATIONS)
    shop = Transitions()(LeaveOneOut()(shop))
    graph = LatentRelationGraph(shop, 2, 4, objective="facts")
    assert not graph.static.all()
    drawn = torch.bincount(graph.sample_pairs(20_000), minlength=graph.num_edges)
    expected = graph.static / graph.static.sum()
    assert torch.allclose(drawn / 20_000, expected, atol=0.02)
    assert not drawn[~graph.static].any()


def test_typical_facts_are_the_groups_that_pairs_were_drawn_from():
    torch.manual_seed(0)
    groups = torch.tensor([[0.0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]])
    drawn = groups[torch.randint(3, (500,))]
    assert torch.allclose(typical_facts(drawn, 3), groups.clamp(0.05, 0.95))


def test_fewer_kinds_of_pairs_than_groups_are_repeated():
    facts = typical_facts(torch.tensor([[1.0, 0], [0, 0], [1, 0]]), 5)
    few, many = torch.tensor([0.05, 0.05]), torch.tensor([0.95, 0.05])
    assert torch.allclose(facts, torch.stack([few, many, few, many, few]))


def test_a_new_item_has_nothing_in_common_and_changes_no_other(graph):
    encoder = HashTextEncoder(graph.x.size(1))
    grown = graph.with_items(["new"], ["a new item"], encoder, k=2)
    place = grown.find(*graph.edge_index)
    assert grown.facts.shared[place].equal(graph.facts.shared)
    assert torch.allclose(
        grown.posterior(place), graph.posterior(torch.arange(graph.num_edges))
    )
    into = grown.edge_index[1] == 6
    assert into.any()
    assert not grown.facts.shared[into].any()
