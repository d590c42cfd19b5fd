from copy import deepcopy

import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data import user_histories
from lrdgraph.models import LRDRec
from lrdgraph.testing import HashTextEncoder, make_shop, tiny_shop
from lrdgraph.transforms import (
    EmbedText,
    LeaveOneOut,
    Normalize,
    SameVectors,
    SetVectors,
    TextKNN,
    Transitions,
)

ENCODER = HashTextEncoder(8)
HISTORIES = [[0, 1, 2, 3], [3, 2, 1, 4], [0, 2, 4, 5], [5, 1, 0, 3]]
FITS, SIMILAR = [(0, 5), (2, 4)], [(0, 5), (2, 4), (1, 3), (5, 2)]


def shop(histories: list[list[int]], num_items: int) -> HeteroData:
    return LeaveOneOut()(TextKNN(3)(make_shop(histories, num_items)))


def related(relations: dict[str, list[tuple[int, int]]]) -> HeteroData:
    data = TextKNN(2)(make_shop(HISTORIES, 6, relations))
    return Transitions()(LeaveOneOut()(data))


def make_model(data: HeteroData, objective: str = "marginal", **options) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, 2, 8, objective)
    model = LRDRec(graph, 8, max_length=4, **options)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model.eval()


def scores(model: LRDRec, history: list[str], items: list[str]) -> torch.Tensor:
    found = model.recommend(history, k=99, seen=True)
    by_item = {entry.item: entry.score for entry in found}
    return torch.tensor([by_item[item] for item in items])


def test_over_an_equal_graph_it_is_the_same_model():
    model = make_model(shop(HISTORIES, 6))
    model.graph.relation_names = {"latent_1": "refill"}
    other = model.over(LatentRelationGraph(shop(HISTORIES, 6), 2, 8))
    assert other.recommend(["i0", "i3"], k=4) == model.recommend(["i0", "i3"], k=4)
    assert other.graph.relation_names == {"latent_1": "refill"}
    assert not other.training
    assert other.arguments == model.arguments


def test_parameters_follow_their_items():
    model = make_model(shop(HISTORIES, 6))
    graph = LatentRelationGraph(shop(HISTORIES, 8), 2, 8)
    graph.ids = ["i7", *graph.ids[:7]]  # as if the catalogue had another order
    other = model.over(graph)
    for name, place in (("i0", 1), ("i5", 6)):
        assert other.id.weight[place].equal(model.id.weight[model.graph.index(name)])
        assert other.bias[place].equal(model.bias[model.graph.index(name)])
    assert other.bias[[0, 7]].eq(model.newcomers.bias).all()


def test_an_unknown_item_starts_from_the_ids_of_those_it_reads_like():
    model = make_model(shop(HISTORIES, 6))
    graph = LatentRelationGraph(shop([*HISTORIES, [6, 1, 2, 3], [2, 6, 7, 0]], 8), 2, 8)
    assert graph.popularity[6] > 0
    other = model.over(graph)
    column = graph.relations.index("text_knn")
    near = [n for n in range(6) if graph.find(*torch.tensor([[6], [n]])) >= 0]
    pairs = graph.find(torch.tensor([6] * len(near)), torch.tensor(near))
    near = [
        n
        for n, text in zip(near, graph.observed[pairs, column], strict=True)
        if text > 0
    ]
    assert near
    share = (10 * torch.cosine_similarity(graph.x[[6]], graph.x[near])).softmax(0)
    expected = share @ model.id.weight[near]
    assert torch.allclose(other.id.weight[6], expected, atol=1e-6)


def test_trends_that_do_not_fit_are_refused_as_such():
    model = make_model(shop(HISTORIES, 6))
    graph = LatentRelationGraph(shop(HISTORIES, 6), 2, 8)
    with pytest.raises(ValueError, match=r"'trend' needs to be None, as in the model"):
        model.over(graph, torch.rand(6, 3, 2))
    timed = make_model(shop(HISTORIES, 6), trend=torch.rand(6, 3, 2))
    with pytest.raises(ValueError, match=r"'trend' needs to be a Tensor, as in"):
        timed.over(graph)
    with pytest.raises(ValueError, match=r"\[6, T, 2\] \(got \[5, 3, 2\]\)"):
        timed.over(graph, torch.rand(5, 3, 2))
    assert timed.over(graph, torch.rand(6, 4, 2)).num_periods == 4


def test_new_items_are_recommended_and_recommended_after_at_once():
    model = make_model(shop(HISTORIES, 6))
    before = scores(model, ["i0"], model.graph.ids)
    other = model.with_items(["new"], ["thing i9"], ENCODER, k=3)
    assert model.num_items == 6
    assert "new" in [r.item for r in other.recommend(["i0"], k=6)]
    found = other.recommend(["i1", "new"], k=6)
    assert len(found) == 5
    reasons = {reason.item for entry in found for reason in entry.reasons}
    assert "new" in reasons
    after = scores(other, ["i0"], model.graph.ids)
    assert torch.corrcoef(torch.stack([before, after]))[0, 1] > 0.9


def test_prominence_is_added_to_the_scores_of_what_nobody_has_bought():
    model = make_model(shop(HISTORIES, 6))
    items = [*model.graph.ids, "new"]
    new = (["new"], ["thing i9"], ENCODER)
    plain = scores(model.with_items(*new), ["i0"], items)
    raised = scores(model.with_items(*new, prominence=2.5), ["i0"], items)
    bought = {f"i{item}" for history in HISTORIES for item in history[:-2]}
    expected = torch.tensor([0.0 if item in bought else 2.5 for item in items])
    assert expected.unique().numel() == 2
    assert torch.allclose(raised - plain, expected, atol=1e-5)
    with pytest.raises(ValueError, match=r"'prominence' needs to be finite"):
        model.with_items(*new, prominence=float("nan"))


def test_what_was_lent_to_an_item_stays_its_own_once_it_is_bought():
    model = make_model(shop(HISTORIES, 6)).with_items(["i6"], ["thing i6"], ENCODER)
    lent = model.item_ids()[6]
    assert lent.any()
    later = shop([*HISTORIES, [6, 1, 2], [2, 6, 0]], 7)
    other = model.over(LatentRelationGraph(later, 2, 8))
    assert torch.allclose(other.id.weight[6], lent)
    assert other.bias[6] == model.newcomers.bias


def test_a_model_that_knows_trends_knows_none_of_new_items():
    trend = torch.rand(6, 3, 2)
    model = make_model(shop(HISTORIES, 6), trend=trend)
    other = model.with_items(["new"], ["thing i9"], ENCODER)
    assert other.trend.trend.shape == (7, 3, 2)
    assert other.trend.trend[:6].equal(trend)
    assert not other.trend.trend[6].any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_latent": 3}, r"the relations of the model, \(.*got .*latent_3"),
        ({"objective": "lrd"}, r"the 'objective' of the model, marginal \(got lrd\)"),
        ({"state_channels": 4}, r"the 'state_channels' of the model, 8 \(got 4\)"),
    ],
)
def test_another_kind_of_graph_is_refused(options, message):
    model = make_model(shop(HISTORIES, 6))
    graph = LatentRelationGraph(
        shop(HISTORIES, 6), **{"num_latent": 2, "state_channels": 8, **options}
    )
    with pytest.raises(ValueError, match=message):
        model.over(graph)


@pytest.mark.parametrize("objective", ["marginal", "facts", "lrd"])
def test_observed_relations_may_come_in_another_order(objective):
    model = make_model(related({"fits": FITS, "similar": SIMILAR}), objective)
    swapped = related({"similar": SIMILAR, "fits": FITS})
    graph = LatentRelationGraph(swapped, 2, 8, objective)
    assert graph.relations != model.graph.relations
    other = model.over(graph)
    assert other.graph is graph
    assert graph.relations == model.graph.relations
    assert graph.observed_relations == model.graph.observed_relations
    expected, found = dict(model.named_buffers()), dict(other.named_buffers())
    assert found.keys() == expected.keys()
    assert [n for n, value in expected.items() if not found[n].equal(value)] == []
    history = ["i0", "i2"]
    assert other.recommend(history, k=4) == model.recommend(history, k=4)
    assert graph.neighbors("i0") == model.graph.neighbors("i0")
    assert graph.to_frame(0).equals(model.graph.to_frame(0))
    again = other.over(LatentRelationGraph(swapped, 2, 8, objective))
    assert again.recommend(history, k=4) == model.recommend(history, k=4)


def test_a_relation_that_lost_its_last_pair_adds_nothing():
    model = make_model(related({"fits": FITS, "similar": SIMILAR}))
    graph = LatentRelationGraph(related({"similar": SIMILAR}), 2, 8)
    with pytest.warns(UserWarning, match=r"have no pairs in the graph: \['fits'\]"):
        other = model.over(graph)
    assert graph.relations == model.graph.relations
    assert graph.neighbors("i0", "fits") == []
    expected = deepcopy(model)
    expected.graph.observed[:, graph.relations.index("fits")] = 0
    found = other.recommend(["i0", "i2"], k=4)
    assert found == expected.recommend(["i0", "i2"], k=4)
    assert found != model.recommend(["i0", "i2"], k=4)


def test_a_relation_that_is_new_is_refused():
    model = make_model(related({"similar": SIMILAR}))
    graph = LatentRelationGraph(related({"fits": FITS, "similar": SIMILAR}), 2, 8)
    with pytest.raises(ValueError, match=r"relations of the model.*got \('fits'"):
        model.over(graph)


def test_vectors_of_another_encoder_are_refused():
    data = tiny_shop(num_users=20)
    model = make_model(data)
    data["item"].encoder = "another"
    wanted = r"model's encoder, 'HashTextEncoder\(32\)' \(got 'another'\)"
    with pytest.raises(ValueError, match=wanted):
        model.over(LatentRelationGraph(data, 2, 8))


@pytest.mark.parametrize("steps", [[], [Normalize()], [Normalize(), Normalize()]])
def test_vectors_that_took_other_steps_are_refused(steps):
    model = make_model(tiny_shop(num_users=20))
    data = EmbedText(HashTextEncoder(32))(tiny_shop(num_users=20, seed=1))
    for step in steps:
        data = step(data)
    with pytest.raises(ValueError, match=r"steps of the model's, 1 .*SameVectors"):
        model.over(LatentRelationGraph(data, 2, 8))


def test_steps_may_be_taken_anew_if_they_are_the_same():
    data = tiny_shop(num_users=20)
    model = make_model(data)
    noisy = EmbedText(HashTextEncoder(32))(data)
    noisy["item"].x *= 1 + 1e-6 * torch.randn_like(noisy["item"].x)
    model.over(LatentRelationGraph(Normalize()(noisy), 2, 8))


def test_of_vectors_from_elsewhere_nothing_is_known_to_check():
    data = tiny_shop(num_users=20)
    model = make_model(data)
    model.over(LatentRelationGraph(SetVectors(data["item"].x)(data), 2, 8))


def test_with_the_same_vectors_it_recommends_the_same():
    data = tiny_shop()
    model = make_model(data)
    raw = EmbedText(HashTextEncoder(32))(data)
    later = SameVectors(model.graph)(raw)
    assert torch.allclose(later["item"].x, data["item"].x, atol=1e-6)
    other = model.over(LatentRelationGraph(later, 2, 8)).train()
    history = next(iter(user_histories(data).values()))
    found, expected = other.recommend(history), model.recommend(history)
    assert [entry.item for entry in found] == [entry.item for entry in expected]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": None}, r"'SameVectors' needs vectors"),
        ({"x": torch.ones(192, 3)}, r"\[M, 32\].*got \[192, 3\]"),
        ({"encoder": "another"}, r"encoder 'HashTextEncoder\(32\)' \(got 'another'\)"),
    ],
)
def test_vectors_that_cannot_be_the_same_are_refused(change, message):
    data = tiny_shop(num_users=20)
    transform = SameVectors(LatentRelationGraph(data))
    del data["item"].vector_steps  # as the encoder made them
    for name, value in change.items():
        data["item"][name] = value
        if value is None:
            del data["item"][name]
    with pytest.raises(ValueError, match=message):
        transform(data)


def test_what_relations_say_of_facts_goes_with_the_posterior():
    def graph(seed: int) -> LatentRelationGraph:
        pairs = [(i, j) for i in range(6) for j in range(6) if (i + j + seed) % 3 == 1]
        made = make_shop(HISTORIES, 6, {"fits": [p for p in pairs if p[0] != p[1]]})
        torch.manual_seed(seed)
        return LatentRelationGraph(LeaveOneOut()(made), 2, 8, objective="facts")

    model = LRDRec(graph(0), 8, max_length=4)
    other = model.over(graph(1))
    assert torch.equal(other.graph.dvae.fact, model.graph.dvae.fact)


def test_a_name_is_given_to_one_of_two_models():
    model = make_model(shop(HISTORIES, 6))
    for other in (
        model.over(LatentRelationGraph(shop(HISTORIES, 6), 2, 8)),
        model.with_items(["new"], ["thing"], HashTextEncoder(8)),
    ):
        other.graph.relation_names["latent_1"] = "refill"
    assert not model.graph.relation_names
