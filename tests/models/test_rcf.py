import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories
from lrdgraph.data.choices import TrainingChoices
from lrdgraph.knowledge import Knowledge, known_relations
from lrdgraph.models import KDA, RCF
from lrdgraph.models import rcf as module
from lrdgraph.nn.distmult import pairwise_loss
from lrdgraph.testing import tiny_shop

L, C = 6, 8


@pytest.fixture(scope="module")
def data():
    data = tiny_shop(num_users=40, num_items=48)
    data["item"].brand = [f"b{i % 5}" if i % 3 else "" for i in range(48)]
    pairs = torch.arange(48).view(2, 24)
    data["item", "goes_with", "item"].edge_index = pairs
    data["item", "same_brand", "item"].edge_index = pairs
    return data


def make(data, kind=KDA, num_latent=2, objective="marginal", **options) -> RCF:
    torch.manual_seed(0)
    relations, attributes = known_relations(data)
    if objective == "released":  # the graph's observed relations are those it knows
        relations, attributes = [*relations, "text_knn"], attributes
    known = Knowledge.from_data(data, relations, attributes)
    graph = LatentRelationGraph(data, num_latent, C, objective)
    options = {"max_length": L, "num_layers": 2, "num_heads": 2, **options}
    model = kind(graph, known, data["user"].num_nodes, C, **options).eval()
    for name, parameter in model.named_parameters():
        if "norm" not in name and "dvae" not in name:
            torch.nn.init.normal_(parameter, std=0.5)
    if kind is KDA:
        torch.nn.init.constant_(model.decay.real, 5.0)
    return model


def ask(data, number=5) -> dict:
    choices = TrainingChoices(Histories.from_data(data), L, 4)
    return choices.__getitems__(list(range(number)))


def answer(model, batch, **options):
    names = ("user", "time", "history_time")
    options = {name: batch[name] for name in names} | options
    return model(batch["history"], **options)


CASES = [
    (RCF, 0, "marginal"),
    (KDA, 0, "marginal"),
    (KDA, 2, "marginal"),
    (KDA, 2, "lrd"),
    (RCF, 2, "released"),
    (KDA, 2, "released"),
]
each = pytest.mark.parametrize(("kind", "num_latent", "objective"), CASES)


def naive_score(model, batch, row, item):
    """One candidate of one history, relation by relation, item by item."""
    entity, relation = model.entity.weight, model.relation_vectors()
    slots = [t for t in range(L) if batch["history"][row, t] < model.num_items]
    age = batch["time"][row] - batch["history_time"][row]
    decay = model.decay(age.unsqueeze(0))[0] if isinstance(model, KDA) else None
    contexts = []
    known = model.relation.num_embeddings
    for r in range(len(model.relations)):
        value = entity[model.num_items]
        if model.attributes.start <= r < model.attributes.stop:
            value = entity[model.value[item, r - model.attributes.start]]
        query = entity[item] * (relation[r] + value)
        bought = entity[batch["history"][row, slots]]
        weight = (bought @ query).softmax(0)
        if decay is not None:
            weight = weight * decay[slots, r]
        if r >= known and model._by_evidence:
            weight = weight * posteriors(model, batch, row, slots, item, r - known)
        contexts.append(weight @ bought)
    taste = model.encoder(torch.stack(contexts).unsqueeze(0))[0].mean(0)
    taste = taste + model.user.weight[batch["user"][row]]
    return taste @ entity[item] + model.bias[item]


def posteriors(model, batch, row, slots, item, latent):
    found = []
    for slot in slots:
        source = batch["history"][row, slot].view(1)
        edge = model.graph.find(source, torch.tensor([item]))
        there = edge.item() >= 0 and model.graph.static[edge].item()
        found.append(model.graph.posterior(edge)[0, latent + 1] if there else 0.0)
    return torch.tensor(found)


@each
def test_score_is_that_of_a_loop(data, kind, num_latent, objective):
    model, batch = make(data, kind, num_latent, objective), ask(data)
    scores = answer(model, batch, candidates=batch["negatives"])
    with torch.no_grad():
        for row in range(len(scores)):
            for place, item in enumerate(batch["negatives"][row].tolist()):
                expected = naive_score(model, batch, row, item)
                assert torch.allclose(scores[row, place], expected, atol=1e-4)


@each
def test_candidates_score_as_in_the_whole_catalogue(
    data, kind, num_latent, objective, monkeypatch
):
    model, batch = make(data, kind, num_latent, objective), ask(data)
    whole = answer(model, batch)
    assert whole.shape == (5, 48)
    monkeypatch.setattr(module, "CANDIDATES_AT_ONCE", 7)  # parts of rows, then of both
    some = answer(model, batch, candidates=batch["negatives"])
    assert torch.allclose(whole.gather(1, batch["negatives"]), some, atol=1e-5)
    assert torch.allclose(answer(model, batch), whole, atol=1e-5)


@each
def test_every_parameter_learns(data, kind, num_latent, objective):
    model = make(data, kind, num_latent, objective).train()
    torch.stack(list(model.loss(ask(data, 40)).values())).sum().backward()
    idle = [
        n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()
    ]
    assert idle == []


@each
def test_targets_are_told_from_their_negatives_as_they_are_ranked(
    data, kind, num_latent, objective
) -> None:
    model = make(data, kind, num_latent, objective)
    for number in (2, 40):  # of short histories, and of all
        batch = ask(data, number)
        both = torch.cat([batch["target"].unsqueeze(1), batch["negatives"]], dim=1)
        scores = answer(model, batch, candidates=both)
        expected = pairwise_loss(scores[:, 0], scores[:, 1:])
        assert torch.allclose(model.loss(batch)["next_item"], expected, atol=1e-5)


@pytest.mark.parametrize(("kind", "first"), [(RCF, 0), (KDA, 1)])
def test_other_losses_count_by_their_weights(data, kind, first, monkeypatch) -> None:
    weights = {"knowledge_weight": 3.0, "relation_weight": 5.0, "presence_weight": 7.0}
    model, batch = make(data, kind, **weights), ask(data)
    released = make(data, kind, objective="released", **weights)
    one, asked = torch.ones(()), []
    for net in (model, released):
        monkeypatch.setattr(net.triples, "loss", lambda *given: one)
    found = {name: one for name in ("relation", "presence", "spread")}
    monkeypatch.setattr(model.graph, "relation_losses", lambda *given: found)
    learn = released.graph.dvae.history_loss
    monkeypatch.setattr(
        released.graph.dvae,
        "history_loss",
        lambda *given, **options: asked.append(options) or 0 * learn(*given) + 1,
    )
    losses = [{**net.loss(batch), "next_item": one} for net in (model, released)]
    assert losses[0] == {"next_item": 1, "knowledge": 3, "relation": 5, "presence": 7}
    assert losses[1] == {"next_item": 1, "knowledge": 3, "relation": 5}
    assert asked == [{"first": first}]


def test_a_gradient_of_ranking_reaches_the_dvae_by_its_posterior(data):
    model, batch = make(data), ask(data, 40)
    candidates = torch.arange(48).expand(40, -1)
    age = (batch["time"].unsqueeze(1) - batch["history_time"]).clamp(min=0)
    states = model.item_states()
    model.score(states, batch["history"], candidates, None, age).sum().backward()
    assert model.graph.dvae.outcome.weight.grad.any()
    assert model.graph.dvae.project.weight.grad.any()


def test_language_reaches_no_score_of_the_released_objective(data):
    model, batch = make(data, objective="released"), ask(data)
    before = answer(model, batch)
    model.graph.x.add_(1.0)
    model.graph.dvae.project.weight.data.add_(1.0)
    assert answer(model, batch).equal(before)
    model.graph.x.sub_(1.0)


def test_longer_histories_of_others_change_nothing(data):
    model, batch = make(data), ask(data, 20)
    together = answer(model, batch)
    for row in (0, 7, 19):
        alone = answer(
            model, {name: value[row : row + 1] for name, value in batch.items()}
        )
        assert torch.allclose(alone[0], together[row], atol=1e-5)


def test_somebody_new_is_scored_by_history_alone(data):
    model, batch = make(data), ask(data)
    known, new = answer(model, batch), answer(model, batch, user=None)
    taste = model.user(batch["user"]) @ model.entity.weight[:48].t()
    assert torch.allclose(known - new, taste, atol=1e-4)


def test_habits_of_one_shop_are_learned(data):
    model = make(data, RCF, 0).train()
    model.reset_parameters()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    choices = TrainingChoices(Histories.from_data(data), L)
    everything = list(range(len(choices)))
    for _ in range(60):
        losses = model.loss(choices.__getitems__(everything))
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    model.eval()
    batch = choices.__getitems__(everything)
    scores = answer(model, batch)
    ahead = (scores > scores.gather(1, batch["target"].unsqueeze(1))).sum(1).float()
    assert ahead.mean() < 12  # of 47; chance is 23.5


def test_what_does_not_fit_is_refused(data):
    graph = LatentRelationGraph(data, 2, C)
    with pytest.raises(ValueError, match=r"'hidden_channels' .* 8 \(got 16\)"):
        RCF(graph, Knowledge.from_data(data, ["goes_with"]), 3, 16)
    with pytest.raises(ValueError, match=r"'num_users' needs .*got 0"):
        RCF(graph, Knowledge.from_data(data, ["goes_with"]), 0, C)
    released = LatentRelationGraph(data, 2, C, "released")
    with pytest.raises(
        ValueError, match=r"'knowledge' needs .*'released', \d+ .*got 2"
    ):
        RCF(released, Knowledge.from_data(data, ["goes_with"]), 3, C)
    other = Knowledge.from_data(tiny_shop(num_items=60), ["text_knn"])
    with pytest.raises(ValueError, match=r"items of the graph, 48 \(got 60\)"):
        RCF(graph, other, 3, C)
    with pytest.raises(ValueError, match=r"'time' and 'history_time' .*KDA"):
        make(data)(torch.zeros(1, L, dtype=torch.long))


@each
def test_items_before_the_last_are_left_out(data, kind, num_latent, objective):
    short = make(data, kind, num_latent, objective, max_length=2)
    batch = ask(data)
    last = {name: batch[name][:, -2:] for name in ("history", "history_time")}
    assert answer(short, batch).equal(answer(short, {**batch, **last}))
    whole = make(data, kind, num_latent, objective)
    assert not torch.allclose(answer(short, batch), answer(whole, batch), atol=1e-3)
    with pytest.raises(ValueError, match=r"'max_length' needs to be positive \(got 0"):
        make(data, kind, num_latent, objective, max_length=0)


@each
@torch.no_grad()
def test_scores_and_losses_stay_single_in_half_precision(
    data, kind, num_latent, objective
):
    model, batch = make(data, kind, num_latent, objective), ask(data)
    exact = answer(model, batch)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores, losses = answer(model, batch), model.loss(batch)
    assert scores.dtype == torch.float32
    assert {loss.dtype for loss in losses.values()} == {torch.float32}
    assert (scores - exact).std() < 0.02 * exact.std()


def test_no_candidates_have_no_scores(data):
    none = torch.empty(5, 0, dtype=torch.long)
    assert answer(make(data), ask(data), candidates=none).shape == (5, 0)
