"""Half precision where it does no harm."""

import pytest
import torch
from pytorch_lightning import seed_everything
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.models import LRDRec, SASRec
from lrdgraph.nn.encoder import ENCODERS
from lrdgraph.nn.precision import in_single_precision
from lrdgraph.testing import tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer


@in_single_precision
def product(a: Tensor, b: Tensor) -> Tensor:
    return a @ b


def test_only_what_is_decorated_stays_single():
    a = torch.randn(8, 64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert (a @ a.T).dtype == torch.bfloat16
        assert torch.equal(product(a, a.T), product(a, a.T).float())
        assert product(a.bfloat16(), a.T).dtype == torch.float32
    assert product(a.bfloat16(), a.T.bfloat16()).dtype == torch.bfloat16


@pytest.mark.parametrize("encoder", ENCODERS)
@torch.no_grad()
def test_scores_are_no_coarser_than_their_factors(encoder):
    torch.manual_seed(0)
    x, history = torch.randn(500, 24), torch.randint(500, (20, 10))
    time = torch.arange(10).expand(20, -1)
    model = SASRec(500, 16, max_length=10, encoder=encoder, x=x).eval()
    exact = model(history, history_time=time)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        scores = model(history, history_time=time)
    assert scores.dtype == torch.float32
    assert 0 < (scores - exact).std() < 0.02 * exact.std()
    same = [row.unique().numel() for row in scores]
    assert min(same) > 490, "scores are tied"


@pytest.mark.parametrize("num_negatives", [None, 60])
def test_training_in_half_precision_learns_as_much(tmp_path, num_negatives):
    data = tiny_shop()
    module = SequenceDataModule(data, 10, 64)

    def reached(precision: str) -> tuple[float, Tensor]:
        seed_everything(0, verbose=False)
        graph = LatentRelationGraph(data, num_latent=4, state_channels=16)
        model = LRDRec(graph, 16, max_length=10, num_negatives=num_negatives)
        task, options = NextItem(model), {"max_epochs": 5, "progress": False}
        folder = tmp_path / precision
        trainer = make_trainer(folder, precision=precision, **options)
        fit(trainer, task, module)
        assert all(p.dtype == torch.float32 for p in model.parameters())
        found = trainer.validate(task, module, verbose=False)[0]
        return found["val/NDCG@10"], model.text[0].weight

    (single, weight), (half, other) = reached("32-true"), reached("bf16-mixed")
    assert not torch.equal(weight, other), "nothing was in half precision"
    assert half == pytest.approx(single, abs=0.02)


@torch.no_grad()
def test_trends_are_no_coarser_than_their_factors():
    model = SASRec(500, 16, trend=torch.rand(500, 3, 6)).eval()
    torch.nn.init.normal_(model.trend.weight)
    exact = model.item_trend()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert model.item_trend().equal(exact)
