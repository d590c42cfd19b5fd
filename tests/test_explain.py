import pytest
import torch
from torch.nn.functional import softplus
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.explain import LENT, TELLING, relation_keys
from lrdgraph.explain import explain as explain_items
from lrdgraph.models import LRDRec
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, Transitions
from lrdgraph.typing import Reason

NUM_ITEMS, LENGTH = 8, 4
RELATIONS = {"bought": [(0, 1), (0, 2), (3, 1)], "viewed": [(0, 1), (1, 4)]}


@pytest.fixture
def data() -> HeteroData:
    histories = [[0, 1, 2, 5, 3], [3, 0, 1, 2, 4], [5, 0, 4]]
    return Transitions()(LeaveOneOut()(make_shop(histories, NUM_ITEMS, RELATIONS)))


@pytest.fixture
def model(data) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=2, state_channels=8)
    model = LRDRec(graph, 8, max_length=LENGTH)
    torch.nn.init.normal_(model.scorer.strength)
    torch.nn.init.normal_(model.scorer.decay)
    return model


def explain(
    model: LRDRec, history: list[str], item: int, *num_reasons: int
) -> tuple[Reason, ...]:
    """The reasons of a single item."""
    items = torch.tensor([item])
    return explain_items(model, slots(history), items, *num_reasons)[0]


def slots(history: list[str]) -> torch.Tensor:
    items = [int(name[1:]) for name in history][-LENGTH:]
    return torch.tensor([NUM_ITEMS] * (LENGTH - len(items)) + items)


def score(model: LRDRec, history: list[str], *, edges: bool) -> torch.Tensor:
    """Scores of the catalogue with or without what comes along the typed edges."""
    model.eval()
    batch = slots(history).unsqueeze(0)
    if edges:
        return model(batch).squeeze(0).detach()
    states = model.item_states()
    users = model.user_states(states, batch)[:, -1]
    return torch.addmm(model.item_bias(), users, states.t()).squeeze(0).detach()


def silence_encoder(model: LRDRec) -> None:
    """Leave typed edges and biases as all there is to a score."""
    with torch.no_grad():
        for parameter in model.encoder.norm.parameters():
            parameter.zero_()
        model.scorer.decay.zero_()  # and distance without effect


@pytest.mark.parametrize(
    "history", [["i0"], ["i5", "i0", "i3"], ["i0", "i3", "i0"], ["i0", *["i6"] * 4]]
)
def test_reasons_add_up_to_what_typed_edges_add(model, history, monkeypatch):
    monkeypatch.setattr("lrdgraph.explain.TELLING", 1e-12)
    added = score(model, history, edges=True) - score(model, history, edges=False)
    for item in range(NUM_ITEMS):
        reasons = explain(model, history, item, 999)
        total = sum(reason.contribution for reason in reasons)
        assert total == pytest.approx(float(added[item]), abs=1e-5)
        assert all(reason.contribution > 0 for reason in reasons)
        strength = [reason.contribution for reason in reasons]
        assert strength == sorted(strength, reverse=True)


def test_an_item_bought_several_times_is_one_reason(model):
    once, thrice = (explain(model, n * ["i0"], 1, 999) for n in (1, 3))
    paths = [reason[:2] for reason in thrice]
    assert len(set(paths)) == len(paths)
    assert set(paths) == {reason[:2] for reason in once}
    gates = model.scorer.gates()[:, :3].sum(1) / model.scorer.gates()[:, 0]
    for reason in once:
        [same] = [other for other in thrice if other[:2] == reason[:2]]
        more = gates[model.graph.relations.index(reason.relation)]
        assert same.contribution == pytest.approx(
            reason.contribution * float(more.detach())
        )


def test_what_adds_next_to_nothing_is_no_reason(model):
    [weakest] = explain(model, ["i0"], 1, 999)[-1:]
    with torch.no_grad():
        gate = 0.9 * TELLING / weakest.contribution * softplus(model.scorer.strength)
        model.scorer.strength.copy_(gate.expm1().log())
    assert weakest[:2] not in [reason[:2] for reason in explain(model, ["i0"], 1, 999)]


def test_each_reason_is_a_path_of_the_graph(model):
    graph, history = model.graph, ["i3", "i0"]
    reasons = explain(model, history, 1, 999)
    paths = {(reason.item, reason.relation): reason for reason in reasons}
    assert len(paths) == len(reasons)
    assert ("i0", "bought") in paths
    assert ("i0", "viewed") in paths
    assert ("i3", "bought") in paths
    assert ("i3", "viewed") not in paths
    gates = model.scorer.gates()
    for reason in reasons:
        source = graph.index(reason.item)
        edge_id = graph.find(torch.tensor([source]), torch.tensor([1]))
        column = graph.relations.index(reason.relation)
        probability = graph.probability(edge_id)[0, column]
        distance = {"i0": 0, "i3": 1}[reason.item]
        sent = gates[column, distance] * graph(edge_id).weight[0, column]
        assert reason.probability == pytest.approx(float(probability))
        assert reason.contribution == pytest.approx(float(sent.detach()))
    assert paths["i0", "bought"].probability == 1


def test_a_transition_to_what_was_bought_once_is_not_lent(model) -> None:
    graph, item = model.graph, torch.arange(3).repeat(2)
    graph.popularity[:3] = torch.tensor([0.0, 1.0, 2.0])
    relation = [graph.relations.index(name) for name in ("transition", "bought")]
    keys = relation_keys(graph, torch.tensor(relation).repeat_interleave(3), item)
    assert keys == [LENT, "transition", "transition", *["bought"] * 3]


def test_the_strongest_reasons_are_given(model):
    every = explain(model, ["i3", "i0"], 1, 999)
    assert explain(model, ["i3", "i0"], 1) == every[:3]
    assert explain(model, ["i3", "i0"], 1, 0) == ()


def test_without_the_item_of_the_strongest_reason_the_score_falls(model):
    silence_encoder(model)
    history = ["i5", "i3", "i0"]
    for entry in model.recommend(history, k=5):
        if entry.reasons:
            strongest = entry.reasons[0]
            rest = [item for item in history if item != strongest.item]
            item = model.graph.index(entry.item)
            fallen = score(model, rest, edges=True)[item]
            assert entry.score - fallen >= strongest.contribution - 1e-5


def test_recommendations_are_the_best_unseen_items(model):
    history = ["i5", "i3", "i0"]
    found = model.recommend(history, k=3)
    scores = score(model, history, edges=True)
    scores[[5, 3, 0]] = -torch.inf
    value, index = scores.topk(3)
    assert [entry.item for entry in found] == [f"i{i}" for i in index.tolist()]
    assert [entry.score for entry in found] == pytest.approx(value.tolist(), abs=1e-6)
    for entry in found:
        item = model.graph.index(entry.item)
        expected = explain(model, history, item)
        assert [r[:2] for r in entry.reasons] == [r[:2] for r in expected]
        shares = [reason.contribution for reason in expected]
        assert [r.contribution for r in entry.reasons] == pytest.approx(shares)
        assert all(isinstance(reason, Reason) for reason in entry.reasons)
        assert {reason.item for reason in entry.reasons} <= set(history)


def test_all_unseen_items_where_more_are_wanted(model):
    history = ["i7", "i0", "i1", "i2", "i3", "i0"]  # longer than the model looks back
    found = model.recommend(history, k=99)
    assert sorted(entry.item for entry in found) == ["i4", "i5", "i6"]
    assert model.recommend([f"i{i}" for i in range(NUM_ITEMS)]) == []


def test_item_without_a_path_has_no_reasons(model):
    reasons = {entry.item: entry.reasons for entry in model.recommend(["i0"], k=99)}
    assert reasons["i7"] == ()
    assert reasons["i1"] != ()


@pytest.mark.parametrize("training", [True, False])
def test_recommending_leaves_the_mode_as_it_is(model, training):
    model.train(training)
    first, second = model.recommend(["i0"]), model.recommend(["i0"])
    assert first == second  # no dropout
    assert model.training == model.encoder.training == training
