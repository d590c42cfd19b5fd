import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingWindows
from lrdgraph.facts import typical_facts
from lrdgraph.habits import typical_habits
from lrdgraph.models import LRDRec
from lrdgraph.nn import FactDVAE, LRDRelationDVAE, RelationDVAE, ReleasedLRD
from lrdgraph.objectives import OBJECTIVES
from lrdgraph.typing import PairDraw, PairEvidence


def test_names_are_those_of_the_classes(shop):
    found = {
        name: type(LatentRelationGraph(shop, 2, 8, objective=name).dvae)
        for name in OBJECTIVES
    }
    assert found == {
        "marginal": RelationDVAE,
        "facts": FactDVAE,
        "lrd": LRDRelationDVAE,
        "released": ReleasedLRD,
    }
    assert type(LatentRelationGraph(shop, 2, 8).dvae) is RelationDVAE
    for num_latent in (0, 2):
        with pytest.raises(ValueError, match=r"'objective' needs .* \(got 'marginl'\)"):
            LatentRelationGraph(shop, num_latent, 8, objective="marginl")


@pytest.mark.parametrize("objective", ["marginal", "facts", "lrd"])
def test_recommender_learns_with_each(shop, objective):
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, 2, 8, objective=objective)
    model = LRDRec(graph, 8, max_length=6)
    batch = TrainingWindows(Histories.from_data(shop), 6).__getitems__([*range(20)])
    losses = model.loss(batch)
    torch.stack(list(losses.values())).sum().backward()
    assert list(losses) == ["next_item", "relation", "presence"]
    silent = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert silent == []
    assert graph().weight.isfinite().all()


@pytest.mark.parametrize("objective", ["marginal", "facts", "lrd"])
def test_a_pair_is_explained_by_its_own_evidence(shop, objective, monkeypatch) -> None:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, 2, 8, objective=objective).eval()
    monkeypatch.setattr(FactDVAE, "unrelated_loss", lambda *given: 0.0)
    edge_id, negatives = graph.sample_pairs(30), torch.tensor([3, 90, 41])
    pair, states = graph.edge_index[:, edge_id], torch.randn(graph.num_items, 8)
    losses = graph.relation_losses(states, 30, PairDraw(edge_id, pair, negatives))
    known = graph.lags[edge_id], graph.chance[pair[1]]
    evidence = PairEvidence(pair, *known, negatives, graph.observed[edge_id])
    posterior = graph.posterior(edge_id)
    expected = graph.dvae.relation_loss(posterior, states, evidence)
    assert torch.allclose(losses["relation"], expected, rtol=1e-4)


def test_a_fourth_of_the_pairs_are_anyone_with_anyone(shop, monkeypatch) -> None:
    graph, asked = LatentRelationGraph(shop, 2, 8, objective="facts").eval(), []
    found = []
    for loss in (0.0, 4.0):
        monkeypatch.setattr(
            FactDVAE, "unrelated_loss", lambda *given, n=loss: asked.append(given) or n
        )
        torch.manual_seed(0)
        found.append(graph.relation_losses(None, 32)["relation"].item())
    assert found[1] - found[0] == pytest.approx(1.0, abs=1e-4)
    _, read, shared = asked[0]
    assert (len(read), len(shared)) == (2 * 8, 8)


def test_habits_and_facts_start_from_those_of_the_pairs_to_learn_from(shop) -> None:
    graphs = {}
    for objective in ("marginal", "facts"):
        torch.manual_seed(0)
        graphs[objective] = LatentRelationGraph(shop, 2, 8, objective=objective)
    static, lags = graphs["facts"].static, graphs["facts"].lags
    assert not static.all()
    sizes = shop["item"].x.size(1), 8, 2, lags.size(1)
    torch.manual_seed(0)
    untold = RelationDVAE(*sizes)
    told = typical_habits(lags[static], 3)
    assert torch.allclose(graphs["marginal"].dvae.habit, untold.habit + told.log())
    names, observed = graphs["facts"].observed_relations, graphs["facts"].observed
    torch.manual_seed(0)
    untold = FactDVAE(*sizes, names)
    told = typical_facts(observed[static][:, untold.place], 3)
    assert torch.allclose(graphs["facts"].dvae.guess, untold.guess + told.logit())


def test_what_the_released_code_learns_from_is_no_pairs(shop):
    graph = LatentRelationGraph(shop, 2, 8, objective="released")
    batch = TrainingWindows(Histories.from_data(shop), 6).__getitems__([0, 1])
    with pytest.raises(ValueError, match=r"'released' learns from whole histories"):
        LRDRec(graph, 8, max_length=6).loss(batch)


def test_unknown_objective(shop):
    message = r"'objective' .* \('marginal', 'facts', 'lrd', 'released'\) \(got 'LRD'\)"
    with pytest.raises(ValueError, match=message):
        LatentRelationGraph(shop, objective="LRD")
