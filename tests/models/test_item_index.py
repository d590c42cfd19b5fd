"""An index gives what the whole catalogue gives, at less cost."""

import re

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import user_histories
from lrdgraph.models import ItemIndex, LRDRec, item_index
from lrdgraph.testing import tiny_shop
from lrdgraph.transforms import Trends

pytest.importorskip("faiss")

SHOP = tiny_shop(num_users=200, num_items=384, seed=3)


def make(timed: bool = False) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(SHOP, num_latent=2, state_channels=8)
    trend = Trends(8)(SHOP)["item"].trend if timed else None
    model = LRDRec(graph, 8, max_length=4, trend=trend)
    parameters = [model.scorer.strength, model.scorer.decay, model.bias]
    if model.trend is not None:
        parameters.append(model.trend.weight)  # which is 0 at first
    for parameter in parameters:
        torch.nn.init.normal_(parameter)
    graph.popularity += torch.linspace(0, 0.5, graph.num_items)  # nothing is tied
    return model.eval()


@pytest.fixture(scope="module")
def model() -> LRDRec:
    return make()


@pytest.fixture(scope="module")
def histories(model) -> dict[str, list[str]]:
    some = dict(list(user_histories(SHOP).items())[:40])
    return {**some, "nobody yet": [], "all of it": list(model.graph.ids)[:350]}


OPTIONS = [
    {},
    {"seen": True},
    {"max_per_relation": 1},
    {"among": SHOP["item"].id[::3]},
    {"k": 30},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("num_candidates", [380, 384])
def test_with_all_cells_it_is_the_whole_catalogue(
    model, histories, options, num_candidates
):
    index = ItemIndex(model, 10_000, num_candidates)
    for history in histories.values():
        found = model.recommend(history, index=index, **options)
        whole = model.recommend(history, **options)
        assert [one.item for one in found] == [one.item for one in whole]
        for one, other in zip(found, whole, strict=True):
            assert len(one.reasons) == len(other.reasons)
            for told, expected in zip(one.reasons, other.reasons, strict=True):
                assert told[:2] == expected[:2]  # the numbers may be rounded otherwise
                assert told[2:] == pytest.approx(expected[2:], abs=1e-5)
        scores = [one.score for one in whole]
        assert [one.score for one in found] == pytest.approx(scores, abs=1e-4)


def test_all_at_once_as_one_by_one(model, histories):
    index = ItemIndex(model, num_probes=2, num_candidates=8)
    table = model.recommend_all(histories, 5, index=index, progress=False)
    for user, rows in table.groupby("user", sort=False):
        alone = model.recommend(histories[user], 5, index=index)
        assert rows["item"].tolist() == [one.item for one in alone]


def test_what_is_in_fashion_counts(histories):
    model = make(True)
    index = ItemIndex(model, num_candidates=300)
    for history in histories.values():
        found = model.recommend(history, index=index)
        assert [o.item for o in found] == [o.item for o in model.recommend(history)]


def test_neighbours_of_the_history_are_never_missed(model, histories):
    """Whatever has an edge from the history is there with its exact score."""
    slots = torch.tensor([[5, 17, 200, 380]])
    score, item = ItemIndex(model, num_probes=1, num_candidates=1).candidates(slots, 1)
    _, edge_id = model.graph.edges_from(slots[0])
    near = model.graph.edge_index[1, edge_id]
    assert set(near.tolist()) <= set(item[0].tolist())
    whole = model(slots)[0]
    assert torch.allclose(score[0], whole[item[0]], atol=1e-4)


def test_more_cells_and_candidates_miss_less(model, histories, monkeypatch):
    monkeypatch.setattr(item_index, "_LONGEST", 0)
    missed, some = [], {"k": 3, "seen": True}
    for num_probes, num_candidates in ((1, 3), (4, 20), (1000, 300)):
        index = ItemIndex(model, num_probes, num_candidates)
        pairs = [
            (model.recommend(h, **some), model.recommend(h, index=index, **some))
            for h in histories.values()
        ]
        missed.append(
            sum(len({o.item for o in a} - {o.item for o in b}) for a, b in pairs)
        )
    assert missed[0] >= missed[1] >= missed[2] == 0
    assert missed[0] > 0


def test_what_is_wrong_is_said(model):
    for name in ("num_probes", "num_candidates"):
        message = f"{name!r} needs to be a positive integer in 'ItemIndex' (got 0)"
        with pytest.raises(ValueError, match=re.escape(message)):
            ItemIndex(model, **{name: 0})
    with pytest.raises(ValueError, match="'index' needs to be that of the model"):
        make().recommend([], index=ItemIndex(model))


@pytest.mark.parametrize("length", [1.0, 30.0])
def test_one_item_far_longer_than_the_others_hides_none(histories, length):
    model = make()
    states = model.item_states().detach()
    states[7] *= length
    model.item_states = lambda item=None: states
    index = ItemIndex(model, 10_000, num_candidates=60)
    found = model.recommend_all(histories, 5, index=index, progress=False)
    whole = model.recommend_all(histories, 5, progress=False)
    assert (found["item"] == whole["item"]).mean() > 0.9


def test_cells_that_hold_too_few_are_not_all_that_is_ranked(model, histories):
    index = ItemIndex(model, num_probes=1, num_candidates=100)
    for history in histories.values():
        left = model.num_items - len(set(history))
        assert len(model.recommend(history, 100, index=index)) == min(100, left)
