import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.health import Health, health


def with_posterior(
    monkeypatch, graph: LatentRelationGraph, rows
) -> LatentRelationGraph:
    """The graph with a posterior that goes through the given rows."""
    table = torch.tensor(rows)
    monkeypatch.setattr(graph, "posterior", lambda places: table[places % len(table)])
    return graph


@pytest.fixture
def graph(shop) -> LatentRelationGraph:
    return LatentRelationGraph(shop, num_latent=3)


def test_certain_relations_used_alike_are_the_best_there_is(monkeypatch, graph):
    graph.static[:] = True
    graph.static[graph.num_edges // 4 * 4 :] = False
    found = health(with_posterior(monkeypatch, graph, torch.eye(4).tolist()))
    assert found == pytest.approx((4, 1, 2), rel=1e-5)
    assert found.warning() is None


def test_one_relation_for_all_pairs_is_a_collapse(monkeypatch, graph):
    found = health(with_posterior(monkeypatch, graph, [[0.0, 1.0, 0.0, 0.0]]))
    assert found == pytest.approx((1, 1, 0), abs=1e-6)
    assert "collapsing: 1.0 latent" in found.warning()


def test_few_pairs_that_are_told_surely_are_no_collapse(monkeypatch, graph):
    rows = [[0.0, 1, 0, 0]] + [[1.0, 0, 0, 0]] * 7
    found = health(with_posterior(monkeypatch, graph, rows))
    assert found.perplexity < 1.5 < 3 * found.information
    assert found.warning() is None


def test_the_same_distribution_for_all_pairs_tells_nothing(monkeypatch, graph):
    found = health(with_posterior(monkeypatch, graph, [[0.25] * 4]))
    assert found == pytest.approx((4, 0.25, 0), abs=1e-6)
    assert "0.00 bits" in found.warning()


def test_figures_of_some_pairs_are_near_those_of_all(graph):
    every, some = health(graph), health(graph, num_pairs=graph.num_edges // 3)
    assert isinstance(some, Health)
    assert some != every
    assert some == pytest.approx(every, rel=0.2)


def test_as_many_pairs_as_there_are_are_all_of_them(graph) -> None:
    assert health(graph, num_pairs=int(graph.static.sum())) == health(graph)


def test_pairs_of_transitions_alone_do_not_count(monkeypatch, graph):
    asked = []
    posterior = graph.posterior
    monkeypatch.setattr(
        graph, "posterior", lambda places: asked.append(places) or posterior(places)
    )
    health(graph)
    assert asked[0].equal(graph.static.nonzero().squeeze(-1))


def test_a_graph_without_latent_relations_has_none(shop):
    with pytest.raises(ValueError, match="needs latent relations"):
        health(LatentRelationGraph(shop, num_latent=0))
