import copy
from collections import Counter

import pandas as pd
import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import user_histories
from lrdgraph.datasets import INTERACTS
from lrdgraph.explain import TELLING, contributions
from lrdgraph.models import LRDRec
from lrdgraph.models.recommending import COLUMNS
from lrdgraph.transforms import Trends
from lrdgraph.typing import TRAIN


@pytest.fixture(scope="module")
def model(shop) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, num_latent=2, state_channels=8)
    model = LRDRec(graph, 8, max_length=4)
    for parameter in (model.scorer.strength, model.scorer.decay, model.bias):
        torch.nn.init.normal_(parameter)
    return model.eval()


@pytest.fixture(scope="module")
def histories(shop) -> dict[str, list[str]]:
    some = dict(list(user_histories(shop).items())[:30])
    return {**some, "nobody yet": []}


def test_histories_are_those_of_the_data(shop):
    histories = user_histories(shop)
    assert list(histories) == shop["user"].id
    user, item = shop["user", "interacts", "item"].edge_index.tolist()
    expected = {name: [] for name in shop["user"].id}
    for who, what in zip(user, item, strict=True):
        expected[shop["user"].id[who]].append(shop["item"].id[what])
    assert histories == expected


@pytest.mark.parametrize("options", [{}, {"max_per_relation": 1}, {"seen": True}])
def test_a_table_holds_what_each_user_is_recommended_alone(model, histories, options):
    table = model.recommend_all(histories, k=4, batch_size=7, progress=False, **options)
    assert tuple(table.columns) == COLUMNS
    assert table["user"].unique().tolist() == list(histories)
    for user, rows in table.groupby("user", sort=False):
        alone = model.recommend(histories[user], k=4, **options)
        assert rows["item"].tolist() == [entry.item for entry in alone]
        assert rows["rank"].tolist() == [1, 2, 3, 4]
        assert rows["score"].tolist() == pytest.approx(
            [e.score for e in alone], abs=1e-4
        )
        for row, entry in zip(rows.itertuples(), alone, strict=True):
            if not entry.reasons:
                assert pd.isna(row.because)
                assert pd.isna(row.contribution)
                continue
            reason = entry.reasons[0]
            assert row.contribution == pytest.approx(reason.contribution, rel=1e-4)
            if len(entry.reasons) == 1 or entry.reasons[1][-1] < 0.99 * reason[-1]:
                assert (row.because, row.relation) == reason[:2]
                assert row.probability == pytest.approx(reason.probability, rel=1e-4)


def test_a_table_says_what_people_call_a_relation(model, histories):
    named = copy.deepcopy(model)
    names = {key: f"called {key}" for key in named.graph.relations[:-1]}
    named.graph.relation_names = names
    table = named.recommend_all(histories, k=4, progress=False)
    told = table.dropna(subset="relation")
    assert told["name"].str.startswith("called").any()
    assert (told["name"] == [names.get(key, key) for key in told["relation"]]).all()


def test_a_table_tells_no_reason_that_adds_next_to_nothing(model, histories) -> None:
    quiet = copy.deepcopy(model)
    torch.nn.init.constant_(quiet.scorer.strength, -12.0)
    history = next(iter(histories.values()))
    table = quiet.recommend_all({"u": history}, k=4, progress=False)
    item = torch.tensor([[quiet.graph.index(item) for item in table["item"]]])
    slots = torch.tensor([[quiet.graph.index(item) for item in history[-4:]]])
    assert 0 < contributions(quiet, slots, item).max() < TELLING
    reasons = ["because", "relation", "name", "probability", "contribution"]
    assert table[reasons].isna().to_numpy().all()


def test_states_that_are_given_are_not_computed_again(model, histories, monkeypatch):
    states = model.item_states()
    expected = model.recommend_all(histories, k=4, progress=False)
    monkeypatch.delattr(type(model), "item_states")
    found = model.recommend_all(histories, k=4, states=states, progress=False)
    pd.testing.assert_frame_equal(found, expected)


def test_the_table_goes_through_parquet(model, histories, tmp_path):
    table = model.recommend_all(histories, k=3, progress=False)
    table.to_parquet(tmp_path / "all.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "all.parquet"), table)
    nobody = model.recommend_all({}, progress=False)
    assert len(nobody) == 0
    assert tuple(nobody.columns) == COLUMNS


def test_items_of_the_history_come_only_when_wanted(model, histories):
    history = next(iter(histories.values()))
    everything = model.num_items
    unseen = model.recommend(history, k=everything)
    seen = model.recommend(history, k=everything, seen=True)
    assert {r.item for r in seen} - {r.item for r in unseen} == set(history)
    kept = [entry.item for entry in seen if entry.item not in history]
    assert kept == [entry.item for entry in unseen]


def test_only_items_of_the_choice_are_recommended(model, histories):
    history = next(iter(histories.values()))
    stock = set(model.graph.ids[::7])
    found = model.recommend(history, k=model.num_items, among=stock)
    assert {entry.item for entry in found} == stock - set(history)
    best = [r.item for r in model.recommend(history, k=model.num_items)]
    assert [r.item for r in found] == [item for item in best if item in stock]
    assert model.recommend(history, among=[]) == []
    assert len(model.recommend_all({"u": history}, among=[], progress=False)) == 0


def taken_in_turn(model: LRDRec, history: list[str], k: int, most: int) -> list[str]:
    """Items of which at most some share a relation, filled up, in order of scores."""
    pool, count = model.recommend(history, k=10 * k), Counter()
    chosen, others = [], []
    for entry in pool:
        relation = entry.reasons[0].relation if entry.reasons else None
        count[relation] += 1
        (chosen if count[relation] <= most else others).append(entry.item)
    kept = [*chosen, *others][:k]
    return [entry.item for entry in pool if entry.item in kept]


@pytest.mark.parametrize(("k", "most"), [(6, 2), (9, 1), (5, 3), (4, 9), (30, 1)])
def test_a_diverse_list_has_few_items_of_each_relation(model, histories, k, most):
    for history in histories.values():
        found = model.recommend(history, k=k, max_per_relation=most)
        expected = taken_in_turn(model, history, k, most)
        assert [entry.item for entry in found] == expected
        scores = [entry.score for entry in found]
        assert scores == sorted(scores, reverse=True)


def test_a_relation_that_adds_next_to_nothing_crowds_no_list(model, histories) -> None:
    quiet = copy.deepcopy(model)
    torch.nn.init.constant_(quiet.scorer.strength, -12.0)
    for history in list(histories.values())[:5]:
        found = quiet.recommend(history, k=6, max_per_relation=2)
        assert found == quiet.recommend(history, k=6)


def test_a_model_in_training_recommends_the_same(model, histories):
    expected = model.recommend_all(histories, k=4, progress=False)
    first = [model.recommend(history, k=4) for history in histories.values()]
    model.train()
    model.newcomers.draw()
    found = model.recommend_all(histories, k=4, progress=False)
    pd.testing.assert_frame_equal(found, expected)
    assert [model.recommend(history, k=4) for history in histories.values()] == first
    assert model.training
    model.eval()


def test_a_new_user_gets_what_most_have_bought(model, shop):
    found = model.recommend([], k=5)
    user, item = shop[INTERACTS].edge_index[:, shop[INTERACTS].split == TRAIN]
    bought = torch.bincount(item, minlength=model.num_items)
    most = bought.topk(5).values.tolist()
    assert [bought[model.graph.index(entry.item)] for entry in found] == most
    assert all(entry.reasons == () for entry in found)


def test_a_new_user_of_a_model_with_trends_gets_what_is_in_fashion(shop):
    data = Trends(4)(shop)
    graph = LatentRelationGraph(data, num_latent=2, state_channels=8)
    model = LRDRec(graph, 8, trend=data["item"].trend)
    torch.nn.init.ones_(model.trend.weight)
    found = model.recommend([], k=5)
    history = torch.full((1, model.max_length), model.num_items)
    best = model.eval()(history).squeeze(0).topk(5).indices.tolist()
    assert [entry.item for entry in found] == [model.graph.ids[i] for i in best]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, ValueError, r"'k' needs to be a positive integer \(got 0\)"),
        ({"max_per_relation": 0}, ValueError, r"'max_per_relation' needs .*got 0"),
        ({"batch_size": 0}, ValueError, r"'batch_size' needs .* integer \(got 0\)"),
        ({"batch_size": -1}, ValueError, r"'batch_size' needs .* integer \(got -1\)"),
        ({"among": ["B00X"]}, KeyError, r"item 'B00X' needs to be one of the 192"),
        ({"histories": {"u": ["B00X"]}}, KeyError, r"item 'B00X' needs"),
        ({"histories": {"u": "P1"}}, ValueError, r"sequence of item ids .*'P1'"),
    ],
)
def test_bad_wishes_are_refused_and_the_model_stays_as_it_is(
    model, histories, options, error, message
):
    model.train()
    with pytest.raises(error, match=message):
        model.recommend_all(**{"histories": histories, "progress": False, **options})
    assert model.training
    model.eval()


def test_a_frozen_part_stays_so(model, histories):
    model.train()
    model.graph.dvae.eval()
    model.recommend(next(iter(histories.values())), k=1)
    assert model.training
    assert not any(part.training for part in model.graph.dvae.modules())
    model.eval()
