import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingWindows
from lrdgraph.models import LRDRec
from lrdgraph.nn import FactDVAE, LRDRelationDVAE, RelationDVAE, ReleasedLRD
from lrdgraph.objectives import OBJECTIVES


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


def test_what_the_released_code_learns_from_is_no_pairs(shop):
    graph = LatentRelationGraph(shop, 2, 8, objective="released")
    batch = TrainingWindows(Histories.from_data(shop), 6).__getitems__([0, 1])
    with pytest.raises(ValueError, match=r"'released' learns from whole histories"):
        LRDRec(graph, 8, max_length=6).loss(batch)


def test_unknown_objective(shop):
    message = r"'objective' .* \('marginal', 'facts', 'lrd', 'released'\) \(got 'LRD'\)"
    with pytest.raises(ValueError, match=message):
        LatentRelationGraph(shop, objective="LRD")
