import copy

import pytest
import torch
from torch_geometric.data import HeteroData

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories, TrainingWindows
from lrdgraph.models import LRDRec, SASRec, lrd_rec
from lrdgraph.nn.conv.typed_mean import mean_weight
from lrdgraph.nn.scoring import history_paths, last_rows
from lrdgraph.testing import make_shop
from lrdgraph.transforms import LeaveOneOut, Transitions
from lrdgraph.typing import Batch

LENGTH = 6


def make_model(shop: HeteroData, num_latent: int = 2, **options: float) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, num_latent=num_latent, state_channels=8)
    model = LRDRec(graph, 8, max_length=LENGTH, **options)
    torch.nn.init.normal_(model.scorer.decay)
    torch.nn.init.normal_(model.bias)
    return model


def make_batch(shop: HeteroData) -> Batch:
    windows = TrainingWindows(Histories.from_data(shop), LENGTH)
    return windows.__getitems__(list(range(20)))


def without_messages(model: LRDRec, history: torch.Tensor) -> torch.Tensor:
    """Scores after each history that the typed edges have no part in."""
    states = model.item_states()
    users = model.user_states(states, history)[:, -1]
    return torch.addmm(model.item_bias(), users, states.t()).detach()


def test_score_is_that_of_sasrec_plus_messages(shop):
    model = make_model(shop, num_convs=0).eval()
    history = make_batch(shop)["history"]
    paths = history_paths(history, last_rows(history), model.num_items)
    expected = without_messages(model, history)
    edges, gates = model.edges(), model.scorer.gates()
    for row, item, distance in zip(*map(torch.Tensor.tolist, paths), strict=True):
        leaving = edges.edge_index[0] == item
        sent = edges.weight[leaving] @ gates[:, distance]
        expected[row].index_add_(0, edges.edge_index[1, leaving], sent.detach())
    assert torch.allclose(model(history), expected, atol=1e-4)


@pytest.mark.parametrize("kept", [lrd_rec.KEPT, 1])
def test_scores_are_the_same_where_edges_are_kept(shop, monkeypatch, kept):
    monkeypatch.setattr(lrd_rec, "KEPT", kept)
    model, history = make_model(shop).eval(), make_batch(shop)["history"]
    expected, weighed = model(history), []
    forward = model.graph.forward
    model.graph.forward = lambda edge: weighed.append(edge) or forward(edge)
    with model.edges_kept():
        there = len(weighed)
        assert torch.allclose(model(history), expected, atol=1e-6)
        assert (len(weighed) > there) == (kept == 1)
    torch.nn.init.normal_(model.graph.dvae.outcome.bias, std=9)
    assert not torch.allclose(model(history), expected, atol=1e-2)


def test_kept_edges_are_not_trained_on(shop):
    model, batch = make_model(shop, num_convs=0), make_batch(shop)
    with model.edges_kept():
        model.loss(batch)["next_item"].backward()
    assert model.graph.dvae.outcome.weight.grad.any()


@pytest.mark.parametrize("num_latent", [0, 1, 2])
def test_losses_and_their_gradients(shop, num_latent):
    model = make_model(shop, num_latent)
    losses = model.loss(make_batch(shop))
    discovery = ["relation", "presence"] if num_latent else []
    assert list(losses) == ["next_item", *discovery]
    torch.stack(list(losses.values())).sum().backward()
    untouched = [name for name, p in model.named_parameters() if p.grad is None]
    assert untouched == []
    silent = [name for name, p in model.named_parameters() if not p.grad.any()]
    assert silent == []
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_recommending_trains_the_dvae_through_the_edges(shop):
    model = make_model(shop, num_convs=0)
    model.loss(make_batch(shop))["next_item"].backward()
    assert model.graph.dvae.project.weight.grad.any()
    assert model.graph.dvae.outcome.weight.grad.any()


def test_weights_of_discovery(shop):
    names = ("relation_weight", "spread_weight", "information_weight")
    once, thrice = (
        make_model(shop, **dict.fromkeys(names, w)).loss(make_batch(shop))
        for w in (1.0, 3.0)
    )
    assert torch.allclose(thrice["information"], 3 * once["information"], rtol=0.2)
    assert torch.allclose(thrice["spread"], 3 * once["spread"], rtol=0.2)
    assert thrice["relation"] > 2 * once["relation"]


def test_convolution_follows_the_types_when_evaluating(shop):
    model = make_model(shop).eval()
    before = model.item_states()
    torch.nn.init.normal_(model.graph.dvae.outcome.weight)
    assert not torch.allclose(model.item_states(), before, atol=1e-4)
    alone = make_model(shop, num_convs=0).eval()
    assert len(alone.convs) == 0
    assert alone.item_states().equal(SASRec.item_states(alone))


def test_convolution_keeps_its_types_while_training(shop):
    model = make_model(shop, dropout=0.0).train()
    before = model.item_states()
    torch.nn.init.normal_(model.graph.dvae.outcome.weight)
    assert model.item_states().equal(before)


def test_a_model_in_training_can_be_copied_and_moved(shop):
    model = make_model(shop).train()
    states = model.eval().item_states().detach()
    model.train().item_states()  # edges are typed, for some time
    assert torch.equal(copy.deepcopy(model).eval().item_states(), states)
    wider = model.double()  # a device that every machine has
    assert wider.item_states().dtype == torch.double


@pytest.mark.parametrize("at_once", [3, 1 << 12])  # pairs, of some hundred
def test_types_are_those_of_the_graph_but_for_transitions(
    shop, monkeypatch, at_once: int
) -> None:
    monkeypatch.setattr("lrdgraph.inference._PAIRS", at_once)
    model = make_model(shop)
    graph, every = model.graph, torch.arange(shop["item"].num_nodes)
    torch.nn.init.normal_(graph.dvae.outcome.weight)
    edges = graph(graph.static.nonzero().squeeze(1))
    typed = torch.tensor([name != "transition" for name in graph.relations])
    target, weight = edges.edge_index[1], edges.weight[:, typed].detach()
    share = mean_weight(edges.edge_index, weight, len(every))
    strongest = torch.stack([weight[target == item].max() for item in target])
    expected = share.where(weight > 0.05 * strongest.unsqueeze(1), 0)
    assert 0 < (expected == 0).sum() < expected.numel()
    assert torch.allclose(model.type_edges().share, expected, atol=1e-6)


def test_neighbours_are_heard_once_until_the_catalogue_is_asked_for(shop) -> None:
    model = make_model(shop, dropout=0.0, newness=0.0).train()
    item, *others = model.newcomers.known.nonzero().squeeze(1).split(10)
    before = model.item_states(item)
    model.id.weight.data[torch.cat(others)] += 1
    assert model.item_states(item).equal(before)
    model.eval().item_states()
    after = model.train().item_states(item)
    assert not torch.allclose(after, before, atol=1e-3)
    model.id.weight.data[torch.cat(others)] += 1
    assert not torch.allclose(model.eval().item_states(item), after, atol=1e-3)


def test_who_is_new_is_drawn_in_each_step(shop) -> None:
    model, drawn = make_model(shop, newness=0.5), []
    for _ in range(2):
        model.loss(make_batch(shop))
        drawn.append(model.newcomers.drawn)
    assert drawn[0].any()
    assert not drawn[0].equal(drawn[1])


def test_arguments_are_what_the_model_was_made_with(shop) -> None:
    graph = LatentRelationGraph(shop, num_latent=2, state_channels=16)
    given = {"hidden_channels": 16, "max_length": 5, "num_layers": 2, "num_convs": 0}
    given |= {"encoder": "gru4rec", "dropout": 0.1, "newness": 0.3}
    names = ("relation", "presence", "confidence", "spread", "information")
    given |= {f"{name}_weight": 2.0 + place for place, name in enumerate(names)}
    given |= {"num_negatives": 7, "in_batch": 0.25}
    assert LRDRec(graph, **given).arguments == given


def test_padding_alone_gets_no_message(shop):
    model = make_model(shop).eval()
    history = torch.full((1, LENGTH), model.num_items)
    assert torch.allclose(model(history), without_messages(model, history))


def test_a_graph_of_transitions_alone_or_of_observed_relations_alone():
    relations = {"bought": [(0, 1), (1, 2)]}
    histories = [[0, 1, 2, 3], [0, 1, 3, 2]]
    observed = LeaveOneOut()(make_shop(histories, 5, relations))
    counted = Transitions()(LeaveOneOut()(make_shop(histories, 5)))
    for shop, relation in ((observed, "bought"), (counted, "transition")):
        model = make_model(shop, num_latent=0)
        assert model.graph.relations == (relation,)
        windows = TrainingWindows(Histories.from_data(shop), LENGTH)
        losses = model.loss(windows.__getitems__([0, 1]))
        losses["next_item"].backward()
        assert losses["next_item"].isfinite()
        assert [r.item for r in model.recommend(["i0"], k=9)] != []


def test_state_dict_round_trip(shop, tmp_path):
    model = make_model(shop).eval()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.manual_seed(1)
    other = LRDRec(
        LatentRelationGraph(shop, num_latent=2, state_channels=8), 8, max_length=LENGTH
    ).eval()
    history = make_batch(shop)["history"]
    assert not torch.allclose(other(history), model(history))
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    assert other(history).equal(model(history))


def test_recommends_what_is_in_fashion_now(shop):
    graph = LatentRelationGraph(shop, num_latent=2, state_channels=8)
    trend = torch.zeros(graph.num_items, 3, 1)
    trend[7, :2], trend[9, 2] = 99.0, 99.0  # of the past, of today
    model = LRDRec(graph, 8, max_length=LENGTH, trend=trend)
    torch.nn.init.ones_(model.trend.weight)
    first, *_, last = model.recommend([graph.ids[0]], k=graph.num_items - 1)
    assert first.item == graph.ids[9]
    assert first.score > 50 > last.score
    batch = make_batch(shop)
    history, past = batch["history"], torch.zeros(20, dtype=torch.long)
    assert (model.eval()(history, period=past).argmax(1) == 7).all()
    model.train().newcomers.drawn[7] = True  # as if it was new
    assert (model(history, period=past).argmax(1) != 7).all()


def test_what_learns_from_whole_histories_is_refused_before_training(shop) -> None:
    graph = LatentRelationGraph(shop, 2, 8, "released")
    with pytest.raises(ValueError, match=r"'released' .* RCF or KDA \(got LRDRec\)"):
        LRDRec(graph, 8)
