"""What a GPU computes is what the processor computes; skipped where there is none."""

import copy
import logging

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.data import Histories
from lrdgraph.data.choices import TrainingChoices
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import TrainingWindows, user_histories
from lrdgraph.discovery import discover
from lrdgraph.health import health
from lrdgraph.knowledge import Knowledge
from lrdgraph.models import KDA, LRDRec, SASRec, large
from lrdgraph.testing import HashTextEncoder, tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.typing import PairDraw

L, C = 10, 16

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning"),
]


@pytest.fixture(scope="module")
def data():
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    return tiny_shop(num_users=200)


def lrdrec(data, **options) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=3, state_channels=C)
    options = {"dropout": 0.0, "newness": 0.0, "max_length": L, **options}
    return LRDRec(graph, C, **options)


def sasrec(data, **options) -> SASRec:
    torch.manual_seed(0)
    options = {"dropout": 0.0, "max_length": L, **options}
    return SASRec(data["item"].num_nodes, C, x=data["item"].x, **options)


def to_gpu(batch):
    return {name: value.cuda() for name, value in batch.items()}


def next_item(model, batch):
    """The loss of what comes next, and its gradients."""
    model.train().zero_grad()
    loss = model.loss(batch)["next_item"]
    loss.backward()
    named = [(n, p.grad) for n, p in model.named_parameters() if p.grad is not None]
    return loss, {name: grad.to_dense() for name, grad in named}


def same(found, expected, scale=1e-4):
    assert (found.device.type, expected.device.type) == ("cuda", "cpu")
    torch.testing.assert_close(found.cpu(), expected, atol=scale, rtol=1e-3)


@pytest.mark.parametrize("make", [lrdrec, sasrec])
@pytest.mark.parametrize("sampled", [False, True])
def test_loss_and_gradients(data, monkeypatch, make, sampled):
    monkeypatch.setattr(large, "NEAR", 1e-6)  # with all items, nothing is left to draw
    drawn = {"num_negatives": data["item"].num_nodes} if sampled else {}
    model = make(data, **drawn)
    windows = TrainingWindows(Histories.from_data(data), L)
    batch = windows.__getitems__(list(range(100)))
    expected, gradients = next_item(model, batch)
    found, got = next_item(copy.deepcopy(model).cuda(), to_gpu(batch))
    same(found.detach(), expected.detach())
    assert got.keys() == gradients.keys()
    for name, gradient in gradients.items():
        same(got[name], gradient)


def test_losses_of_discovery(data):
    model = lrdrec(data).eval()
    graph, states = model.graph, model.item_states().detach()
    edge_id = graph.static.nonzero().squeeze(-1)[:200]
    drawn = PairDraw(edge_id, graph.edge_index[:, edge_id], torch.arange(50))
    expected = graph.relation_losses(states, 200, drawn)
    on_gpu = PairDraw(*(part.cuda() for part in drawn))
    found = graph.cuda().relation_losses(states.cuda(), 200, on_gpu)
    for name, value in expected.items():
        same(found[name].detach(), value.detach())


def test_scores_of_candidates(data):
    torch.manual_seed(0)
    known = Knowledge.from_data(data, ["text_knn"], [])
    graph = LatentRelationGraph(data, 2, C)
    model = KDA(graph, known, data["user"].num_nodes, C, max_length=L).eval()
    choices = TrainingChoices(Histories.from_data(data), L, 4)
    batch = choices.__getitems__(list(range(50)))
    names = ("user", "time", "history_time")

    def scores(model, batch):
        return model(batch["history"], **{name: batch[name] for name in names})

    expected = scores(model, batch).detach()
    same(scores(model.cuda(), to_gpu(batch)).detach(), expected)
    losses = model.train().loss(to_gpu(batch))
    assert all(value.isfinite() for value in losses.values())


def test_recommendations(data):
    model = lrdrec(data).eval()
    shoppers = dict(list(user_histories(data).items())[:20])
    expected = model.recommend_all(shoppers, k=5)
    found = model.cuda().recommend_all(shoppers, k=5)
    assert found["item"].equals(expected["item"])
    arrived = model.with_items(
        ["new"], ["a thing"], HashTextEncoder(data["item"].x.size(1))
    )
    assert "new" in arrived.graph.ids


@pytest.mark.parametrize("options", [{}, {"num_negatives": 16}])
def test_training_goes_on_and_ranks(data, tmp_path, options):
    module = SequenceDataModule(data, L, batch_size=64)
    for epochs in (1, 3):  # the second goes on with the first
        task = NextItem(lrdrec(data, dropout=0.2, newness=0.1, **options))
        before = task.model.id.weight.detach().clone()
        fit(make_trainer(tmp_path, max_epochs=epochs, progress=False), task, module)
    assert not torch.equal(task.model.id.weight.cpu(), before)
    assert len(task.health["perplexity"]) == 3
    trainer = make_trainer(tmp_path, progress=False)
    figures = trainer.test(task, module, verbose=False)[0]
    assert 0 < figures["test/NDCG@10"] < 1


def test_discovery_alone(data):
    graph = LatentRelationGraph(data, num_latent=3, state_channels=C).cuda()
    discover(graph, progress=False)
    assert 1 <= health(graph).perplexity <= 4
