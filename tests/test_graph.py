import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, Normalize, TextKNN, Transitions
from lrdgraph.typing import Neighbor

NUM_ITEMS = 7
RELATIONS = {"bought": [(0, 1), (0, 2), (3, 0)], "viewed": [(0, 2), (1, 2)]}


@pytest.fixture
def data() -> HeteroData:
    histories = [[0, 4, 1, 2, 3], [4, 0, 4, 1, 2, 3], [5, 0, 4]]
    return Transitions(1)(LeaveOneOut()(make_shop(histories, NUM_ITEMS, RELATIONS)))


@pytest.fixture
def graph(data: HeteroData) -> LatentRelationGraph:
    torch.manual_seed(0)
    return LatentRelationGraph(data, num_latent=2, state_channels=4)


def place(graph: LatentRelationGraph, source: int, target: int) -> torch.Tensor:
    return graph.find(torch.tensor([source]), torch.tensor([target]))


def test_names(graph):
    assert graph.latent_relations == ("none", "latent_1", "latent_2")
    expected = ("bought", "viewed", "transition", "latent_1", "latent_2")
    assert graph.relations == expected
    assert graph.num_latent == 2
    assert repr(graph) == (
        f"LatentRelationGraph(num_items=7, num_edges=7, relations={list(expected)})"
    )


def test_find_and_edges_from(graph):
    pairs = graph.edge_index
    assert graph.find(*pairs).tolist() == list(range(graph.num_edges))
    everything = torch.cartesian_prod(torch.arange(7), torch.arange(7)).t()
    known = set(map(tuple, pairs.t().tolist()))
    found = graph.find(*everything) >= 0
    assert found.tolist() == [tuple(p) in known for p in everything.t().tolist()]
    owner, edge_id = graph.edges_from(torch.tensor([4, 6, 0, 0]))
    expected = [
        (row, (i, j))
        for row, source in enumerate([4, 6, 0, 0])
        for i, j in sorted(known)
        if i == source
    ]
    leaving = map(tuple, pairs[:, edge_id].t().tolist())
    assert list(zip(owner.tolist(), leaving, strict=True)) == expected


def test_weights_and_probabilities(graph):
    weight, probability = graph().weight, graph.probability()
    assert weight.shape == probability.shape == (7, 5)
    both = place(graph, 0, 2)  # bought and viewed: 2 leave item 0, 2 reach item 2
    assert torch.allclose(weight[both, :2], torch.tensor(4**-0.25))
    assert probability[both, :2].tolist() == [[1, 1]]
    assert probability[both, 3:].sum() < 1
    posterior = graph.posterior(both)
    assert torch.allclose(weight[both, 3:], posterior[:, 1:] * 4**-0.25)
    assert torch.allclose(probability[both, 3:], posterior[:, 1:])


def test_transitions_weigh_by_count_and_popularity(graph):
    counted = place(graph, 0, 4)  # twice in training, item 0 twice, item 4 thrice
    weight = graph().weight[counted].squeeze(0)
    assert graph.transitions[counted].tolist() == [2]
    expected = torch.tensor(3.0).log() / (graph.popularity[[0, 4]].prod() ** 0.25)
    assert torch.allclose(weight[2], expected)
    assert not weight[[0, 1, 3, 4]].any()  # no latent relation on such a pair
    share = graph.probability(counted)[0, 2]
    leaving = graph.transitions[graph.edge_index[0] == 0]
    assert share == 2 / leaving.sum()


def test_part_of_the_graph_is_that_part_of_the_whole(graph):
    edge_id = torch.tensor([5, 0, 5])
    part, whole = graph(edge_id), graph()
    assert part.edge_index.equal(whole.edge_index[:, edge_id])
    assert torch.allclose(part.weight, whole.weight[edge_id])
    assert torch.allclose(graph.probability(edge_id), graph.probability()[edge_id])


def test_gradient_reaches_the_dvae(graph):
    graph().weight.sum().backward()
    assert graph.dvae.project.weight.grad.any()


def test_sampled_pairs_are_static_and_mostly_followed(graph):
    torch.manual_seed(0)
    sampled = graph.sample_pairs(100_000)
    drawn = torch.bincount(sampled, minlength=graph.num_edges) / 100_000
    followed = graph.lags[:, :-1].sum(1) * graph.static
    expected = (3 * followed / followed.sum() + graph.static / graph.static.sum()) / 4
    assert torch.allclose(drawn, expected, atol=0.01)
    assert not drawn[~graph.static].any()
    assert (drawn[graph.static] > 0).all()


def test_pairs_are_sampled_from_more_than_a_float_can_count(graph):
    torch.manual_seed(0)
    num_pairs = 2**24 + 1  # each of the same weight
    graph.cumulative_weight = torch.arange(1, num_pairs + 1)
    sampled = graph.sample_pairs(10_000)
    quarter = torch.bincount(sampled * 4 // num_pairs, minlength=4)
    last_bits = torch.bincount(sampled % 4, minlength=4)
    for count in (quarter, last_bits):
        assert torch.allclose(count / 10_000, torch.tensor(0.25), atol=0.02)


def test_neighbors(graph):
    found = graph.neighbors("i0", k=99)
    assert found[0] == Neighbor("i1", "bought", 1.0)
    assert [n.probability for n in found] == sorted(
        (n.probability for n in found), reverse=True
    )
    assert graph.neighbors("i0", k=2) == found[:2]
    bought = graph.neighbors("i0", "bought")
    assert bought == [Neighbor("i1", "bought", 1.0), Neighbor("i2", "bought", 1.0)]
    assert graph.neighbors("i6") == []


def test_neighbors_that_are_alike_in_text_alone_come_last(data):
    graph = LatentRelationGraph(TextKNN(3)(data), num_latent=2, state_channels=8)
    relations = [found.relation for found in graph.neighbors("i0", k=99)]
    alike = relations.index("text_knn")
    assert len(relations) > alike > 0
    assert set(relations[alike:]) == {"text_knn"}


@pytest.mark.parametrize("k", [0, -1])
def test_some_neighbors_are_to_be_found(graph, k):
    with pytest.raises(ValueError, match=rf"'k' .* positive integer \(got {k}\)"):
        graph.neighbors("i0", k=k)


def test_state_dict_round_trip(graph, data, tmp_path):
    torch.save(graph.state_dict(), tmp_path / "graph.pt")
    torch.manual_seed(1)
    other = LatentRelationGraph(data, num_latent=2, state_channels=4)
    assert not other().weight.equal(graph().weight)
    other.load_state_dict(torch.load(tmp_path / "graph.pt", weights_only=True))
    assert other().weight.equal(graph().weight)


def test_no_latent_relation_leaves_the_dvae_out(data):
    graph = LatentRelationGraph(data, num_latent=0)
    assert list(graph.parameters()) == []
    assert graph().weight.shape == (7, 3)
    assert graph.latent_relations == ("none",)


def test_given_data_is_not_changed(data):
    before = {store._key: sorted(store.keys()) for store in data.stores[1:]}
    LatentRelationGraph(data)
    assert {s._key: sorted(s.keys()) for s in data.stores[1:]} == before


def test_a_relation_called_like_a_latent_one():
    shop = make_shop([[0]], 4, {"latent_1": [(0, 1)], "near": [(1, 2)]})
    with pytest.raises(ValueError, match=r"other names than latent ones .*'latent_1'"):
        LatentRelationGraph(shop, num_latent=2)
    assert LatentRelationGraph(shop, num_latent=0).relations == ("latent_1", "near")


def test_what_is_done_to_one_graph_leaves_others_of_the_same_data(data):
    steps = Normalize()(data)["item"].vector_steps
    data["item"].vector_steps = steps
    first, second = (LatentRelationGraph(data, 2, 8) for _ in "12")
    third = LatentRelationGraph(first.candidates, 2, 8)
    second.half()
    third.half()
    assert first.vector_steps[0].mean.dtype == steps[0]["mean"].dtype == torch.double


def test_another_objective_draws_pairs_as_if_it_were_the_first(data):
    facts = LatentRelationGraph(data, 2, 8, objective="facts")
    found, expected = (
        LatentRelationGraph(made, 2, 8) for made in (facts.candidates, data)
    )
    assert found.cumulative_weight.equal(expected.cumulative_weight)


def test_nothing_is_inferred_without_latent_relations(data):
    graph = LatentRelationGraph(data, num_latent=0)
    with pytest.raises(ValueError, match=r"'num_latent' needs to be positive .*got 0"):
        graph.infer(torch.tensor([[0], [1]]))


def test_relations_stay_in_single_precision(graph):
    every = torch.arange(graph.num_edges)
    states = torch.randn(graph.num_items, graph.state_channels)

    def all_of_it() -> list[torch.Tensor]:
        torch.manual_seed(0)
        losses = graph.relation_losses(states, 64).values()
        return [graph.posterior(every), graph(every).weight, *losses]

    expected = all_of_it()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = all_of_it()
    assert all(map(torch.equal, found, expected))
