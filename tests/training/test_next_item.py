from types import SimpleNamespace

import pytest
import torch
from pytorch_lightning import Trainer

from lrdgraph import LatentRelationGraph
from lrdgraph.breadth import Breadth
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.metrics import rank_among, rank_of_target, ranking_metrics
from lrdgraph.models import LRDRec, Popularity, SASRec
from lrdgraph.testing import make_shop
from lrdgraph.training import NextItem
from lrdgraph.transforms import LeaveOneOut

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")


def test_logged_metrics_are_those_of_a_direct_computation(shop):
    task = NextItem(LRDRec(LatentRelationGraph(shop, 3, 16), 16))
    module = SequenceDataModule(shop)
    trainer = Trainer(logger=False, enable_progress_bar=False, devices=1)
    logged = trainer.test(task, module, verbose=False)[0]
    model = task.model.eval()
    ranks, breadth = [], Breadth(module.test.histories.training_count())
    for question in module.test_dataloader():
        seen = (question["seen_row"], question["seen_item"])
        scores, target = model(question["history"]), question["target"]
        ranks.append(rank_of_target(scores, target, seen))
        breadth.update(scores, ranks[-1], target, seen)
    expected = ranking_metrics(torch.cat(ranks)) | breadth.compute()
    assert logged == pytest.approx({f"test/{k}": v for k, v in expected.items()})


def test_given_negatives_are_ranked_for_users_who_have_some():
    data = LeaveOneOut()(make_shop([[0, 1, 3, 2], [3, 1, 0, 4], [0, 3, 1, 5]], 6))
    negatives = torch.tensor([[5, 4], [-1, -1], [1, 2]])
    data["user"].test_negatives = negatives
    module = SequenceDataModule(data, 3, batch_size=1)
    task = NextItem(Popularity(torch.tensor([9.0, 8, 3, 1, 4, 5])))
    trainer = Trainer(logger=False, enable_progress_bar=False, devices=1)
    logged = trainer.test(task, module, verbose=False)[0]
    scores, target = task.model.count.expand(2, -1), torch.tensor([2, 5])
    expected = ranking_metrics(rank_among(scores, target, negatives[[0, 2]]))
    sampled = {k.split("/")[-1]: v for k, v in logged.items() if "sampled" in k}
    assert sampled == pytest.approx(expected)
    assert logged["test/MRR"] < 1


def test_every_parameter_is_in_one_group(shop):
    task = NextItem(LRDRec(LatentRelationGraph(shop, 3, 16), 16))
    groups = task.configure_optimizers().param_groups
    rates = sorted((group["lr"], group["weight_decay"]) for group in groups)
    assert rates == [(3e-3, 0.01), (1e-2, 0.3), (2e-2, 0.0)]
    of = {id(p): g for g in groups for p in g["params"]}
    assert len(of) == sum(len(group["params"]) for group in groups)
    for name, parameter in task.named_parameters():
        group = of[id(parameter)]
        rates = {"scorer": 2e-2, "newcomers": 2e-2, "graph": 1e-2}
        assert group["lr"] == rates.get(name.split(".")[1], 3e-3)
    trending = NextItem(SASRec(5, 8, trend=torch.zeros(5, 3, 2)))
    rest, trend = trending.configure_optimizers().param_groups
    assert (rest["lr"], trend["lr"], len(trend["params"])) == (3e-3, 2e-2, 1)


@pytest.mark.parametrize(
    ("device", "processes", "sparse"),
    [("cpu", 2, True), ("cuda", 1, True), ("cuda", 2, False)],
)
def test_gradients_are_dense_between_gpus(monkeypatch, device, processes, sparse):
    strategy = SimpleNamespace(root_device=torch.device(device))
    trainer = SimpleNamespace(
        strategy=strategy, world_size=processes, gradient_clip_val=None
    )
    monkeypatch.setattr(NextItem, "trainer", trainer)
    model = SASRec(20, 8, num_negatives=5)
    NextItem(model).setup("fit")
    assert model.id.sparse == sparse


@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_gradients_of_few_items_can_be_clipped(shop, algorithm):
    task = NextItem(SASRec(shop["item"].num_nodes, 8, num_negatives=5))
    before = task.model.id.weight.detach().clone()
    trainer = Trainer(
        fast_dev_run=True,
        logger=False,
        enable_progress_bar=False,
        devices=1,
        gradient_clip_val=1e-3,
        gradient_clip_algorithm=algorithm,
    )
    trainer.fit(task, SequenceDataModule(shop))
    assert not task.model.id.weight.equal(before)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (SASRec(193, 8), r"have the 193 items of the model \(got 192\)"),
        (Popularity(torch.ones(192, 5)), r"have the 5 periods .* \(got 0\)"),
    ],
)
def test_a_test_needs_the_items_and_periods_of_the_model(shop, model, message):
    trainer = Trainer(logger=False, enable_progress_bar=False, devices=1)
    module = SequenceDataModule(shop)
    for questions in (module, module.test_dataloader()):
        with pytest.raises(ValueError, match=message):
            trainer.test(NextItem(model), questions, verbose=False)


def test_what_is_validated_before_training_is_no_epoch(shop):
    task = NextItem(LRDRec(LatentRelationGraph(shop, 3, 16), 16))
    options = {"enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=2, logger=False, devices=1, **options)
    assert trainer.num_sanity_val_steps > 0
    trainer.fit(task, SequenceDataModule(shop))
    assert [len(figures) for figures in task.health.values()] == [2, 2, 2]
