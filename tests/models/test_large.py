import pytest
import torch
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.data.sequences import Histories, TrainingWindows
from lrdgraph.models import LRDRec, SASRec, large, sampled
from lrdgraph.testing import make_shop, tiny_shop
from lrdgraph.training import NextItem, fit, make_trainer
from lrdgraph.transforms import LeaveOneOut, TextKNN, Transitions
from lrdgraph.typing import Batch

NUM_ITEMS, LENGTH = 40, 6

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pytorch_lightning")
RELATIONS = {"also_bought": [(0, 1), (1, 2), (5, 3), (7, 3)]}


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    histories = [
        torch.randint(NUM_ITEMS - 2, (9,), generator=generator).tolist()
        for _ in range(30)
    ]
    shop = LeaveOneOut()(make_shop(histories, NUM_ITEMS, RELATIONS))
    return Transitions()(TextKNN(5)(shop))


def batch(data) -> Batch:
    windows = TrainingWindows(Histories.from_data(data), LENGTH)
    return windows.__getitems__(list(range(len(windows))))


def lrdrec(data, num_negatives: int | None, **options) -> LRDRec:
    torch.manual_seed(0)
    graph = LatentRelationGraph(data, num_latent=2, state_channels=8)
    options = {"dropout": 0.0, "max_length": LENGTH, "newness": 0.2, **options}
    model = LRDRec(graph, 8, num_negatives=num_negatives, **options)
    for part in (model.scorer, model.newcomers):
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter)
    return model


def sasrec(data, num_negatives: int | None) -> SASRec:
    torch.manual_seed(0)
    options = {"max_length": LENGTH, "dropout": 0.0, "x": data["item"].x}
    return SASRec(NUM_ITEMS, 8, num_negatives=num_negatives, **options)


def losses(model, data) -> dict[str, Tensor]:
    torch.manual_seed(1)
    return model.train().loss(batch(data))


def gradients(model, loss: Tensor) -> dict[str, Tensor]:
    model.zero_grad()
    loss.backward(retain_graph=True)
    named = model.named_parameters()
    return {n: p.grad.to_dense() for n, p in named if p.grad is not None}


@pytest.mark.parametrize("num_convs", [0, 1, 2])
def test_with_everything_drawn_it_is_the_softmax(data, monkeypatch, num_convs):
    monkeypatch.setattr(large, "NEAR", 1e-6)
    newness = 0.0 if num_convs else 0.2  # neighbours are heard as known ones
    whole = lrdrec(data, None, num_convs=num_convs, newness=newness)
    drawn = lrdrec(data, NUM_ITEMS, num_convs=num_convs, newness=newness)
    expected = losses(whole, data)["next_item"]
    found = losses(drawn, data)["next_item"]
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    if num_convs == 0:  # what neighbours said has no gradient
        wanted, got = gradients(whole, expected), gradients(drawn, found)
        assert wanted.keys() == got.keys()
        for name, gradient in wanted.items():
            assert torch.allclose(got[name], gradient, atol=1e-5), name


def test_so_it_is_without_a_graph(data):
    whole, drawn = sasrec(data, None), sasrec(data, NUM_ITEMS)
    expected, found = (losses(m, data)["next_item"] for m in (whole, drawn))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    wanted, got = gradients(whole, expected), gradients(drawn, found)
    for name, gradient in wanted.items():
        assert torch.allclose(got[name], gradient, atol=1e-5), name


@pytest.mark.parametrize("in_batch", [0.0, 0.4])
def test_what_is_drawn_sums_to_the_catalogue_on_average(data, monkeypatch, in_batch):
    monkeypatch.setattr(large, "NEAR", 2)
    model = lrdrec(data, 8, num_convs=0, newness=0.0, in_batch=in_batch)
    whole = lrdrec(data, None, num_convs=0, newness=0.0)
    one = {name: value[:1, :] for name, value in batch(data).items()}

    def odds(net, loss):  # of anything else against the target, in the last row
        return loss.exp().item() - 1

    rows = (one["target"] < NUM_ITEMS).nonzero()
    one["target"] = one["target"].clone()
    one["target"][0, : rows[-1, 1]] = NUM_ITEMS
    expected = odds(whole, whole.train().loss(one)["next_item"])
    torch.manual_seed(0)
    drawn = [odds(model, model.train().loss(one)["next_item"]) for _ in range(500)]
    spread = torch.tensor(drawn)
    error = spread.std().item() / len(drawn) ** 0.5
    assert spread.mean().item() == pytest.approx(expected, abs=4 * error)
    assert error < 0.1 * expected


def test_what_is_drawn_weighs_as_much_as_what_it_was_drawn_from() -> None:
    own, of_common = torch.tensor([1.0, -0.5]), torch.tensor([0.5, 2.0])
    near, of_near = torch.tensor([[0.3, -1.0], [0.0, 1.0]]), torch.tensor([0.5, 0.1])
    loss = sampled.sampled_cross_entropy(own, of_common, near, of_near)
    others = of_common.exp() + near.exp().sum(1) / of_near
    expected = (1 + others / own.exp()).log().sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("in_batch", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("num_negatives", [1, 4, 20, NUM_ITEMS])
def test_an_item_is_drawn_as_often_as_its_rate_says(num_negatives, in_batch) -> None:
    target = torch.tensor([3, 3, 3, 7, 3, 0])
    often, rate = torch.zeros(NUM_ITEMS), torch.zeros(NUM_ITEMS)
    for _ in range(2000):
        drawn = sampled.draw_common(NUM_ITEMS, num_negatives, target, in_batch)
        often[drawn.item] += 1 / 2000
        rate[drawn.item] = drawn.rate
    assert torch.allclose(often, rate, atol=0.05)
    assert often.mean().item() == pytest.approx(rate.mean().item(), abs=0.005)
    if num_negatives == 20 and in_batch:
        assert rate[3] > rate[7] > rate[1]  # what more of the batch bought is likelier


def test_nothing_is_drawn_from_a_batch_without_targets() -> None:
    drawn = sampled.draw_common(NUM_ITEMS, 4, torch.tensor([], dtype=torch.long), 0.5)
    assert 1 <= len(drawn.item) <= 4
    assert drawn.rate.eq(drawn.rate[0]).all()


@pytest.mark.parametrize("in_batch", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(data, in_batch):
    with pytest.raises(ValueError, match=r"'in_batch' needs to be in \[0, 1\) \(got"):
        lrdrec(data, 4, in_batch=in_batch)


def test_a_share_needs_a_number(data):
    with pytest.raises(ValueError, match="'in_batch' is a share of 'num_negatives'"):
        lrdrec(data, None, in_batch=0.5)


def test_a_step_touches_few_rows(data, monkeypatch):
    monkeypatch.setattr(large, "NEAR", 1)
    model = lrdrec(data, 3, newness=0.0)
    model.num_pairs = 4
    few = {name: value[:1] for name, value in batch(data).items()}
    torch.manual_seed(0)
    model.train().loss(few)["next_item"].backward()
    gradient = model.id.weight.grad
    assert gradient.is_sparse
    assert gradient.coalesce().indices().size(1) < NUM_ITEMS


@pytest.mark.parametrize("options", [{"num_negatives": 0}, {"num_negatives": -3}])
def test_a_number_that_is_none_is_refused(data, options):
    with pytest.raises(ValueError, match=r"'num_negatives' needs to be a positive"):
        lrdrec(data, **options)


def test_trends_need_the_whole_catalogue(data):
    with pytest.raises(ValueError, match="'trend' needs the softmax over the whole"):
        lrdrec(data, 5, trend=torch.zeros(NUM_ITEMS, 3, 2))


def test_it_learns_as_the_whole_softmax_does(tmp_path):
    data, found = tiny_shop(num_users=400), {}
    for num_negatives in (None, 96):
        torch.manual_seed(0)
        graph = LatentRelationGraph(data, num_latent=2, state_channels=16)
        model = LRDRec(graph, 16, num_negatives=num_negatives)
        task, batches = NextItem(model, lr=1e-2), SequenceDataModule(data)
        folder = tmp_path / str(num_negatives)
        trainer = make_trainer(folder, max_epochs=8, progress=False)
        fit(trainer, task, batches)
        [found[num_negatives]] = trainer.validate(task, batches, verbose=False)
    whole, drawn = (found[key]["val/NDCG@10"] for key in (None, 96))
    assert drawn > 0.8 * whole > 0.1


def test_a_kept_model_knows_how_it_was_trained(data, tmp_path):
    lrdrec(data, 7).save_pretrained(tmp_path)
    assert LRDRec.from_pretrained(tmp_path).num_negatives == 7


def test_every_pair_is_drawn_as_often_as_it_should_be():
    key = torch.arange(4)
    salts = torch.randint(2**62, (4000, 2))
    drawn = torch.stack([sampled._draw(key, salt, torch.tensor(0.3)) for salt in salts])
    assert (drawn.float().mean(0) - 0.3).abs().max() < 0.04


@torch.no_grad()
def test_what_neighbours_said_is_heard_anew_after_an_evaluation(data):
    model, everything = lrdrec(data, 20), batch(data)
    model.train().loss(everything)
    heard = model.convs._heard[0]
    model.loss(everything)
    assert model.convs._heard[0] is heard
    model.id.weight.mul_(2)
    model.eval().loss(everything)
    model.train().loss(everything)
    assert not torch.allclose(model.convs._heard[0], heard, atol=1e-3)
    again = model.convs._heard[0]
    model.eval().loss(everything)
    assert model.convs._heard == []
    model.train().loss(everything)
    assert model.convs._heard[0] is not again
