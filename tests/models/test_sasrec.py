from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from pytorch_lightning import Trainer

from lrdgraph.data.datamodule import SequenceDataModule
from lrdgraph.metrics import rank_of_target, ranking_metrics
from lrdgraph.models import SASRec
from lrdgraph.testing import make_shop
from lrdgraph.training import NextItem
from lrdgraph.transforms import LeaveOneOut, Trends
from lrdgraph.typing import Batch

NUM_ITEMS, LENGTH = 7, 4

TREND = torch.rand(NUM_ITEMS, 3, 2, generator=torch.Generator().manual_seed(0))


def make_batch(
    history: list[list[int]], target: list[list[int]], period: list[list[int]]
) -> Batch:
    """A batch in which everything is bought a second after the item before it."""
    items = torch.tensor(history)
    time = torch.arange(items.size(1)).expand_as(items)
    return {
        "history": items,
        "history_time": time,
        "target": torch.tensor(target),
        "time": time + 1,
        "period": torch.tensor(period),
    }


MAKE: dict[str, Callable[[], SASRec]] = {
    "ids": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH),
    "text": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH, x=torch.eye(NUM_ITEMS)),
    "trend": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH, trend=TREND),
    "encoder": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH, encoder="gru4rec"),
}


@pytest.fixture(params=MAKE)
def model(request) -> SASRec:
    torch.manual_seed(0)
    model = MAKE[request.param]()
    torch.nn.init.normal_(model.bias)
    if model.trend is not None:
        torch.nn.init.normal_(model.trend.weight)
    return model.eval()


def test_score_is_user_state_times_item_state_plus_bias(model):
    history = torch.tensor([[7, 7, 0, 1], [2, 3, 4, 5]])
    states = model.item_states()
    users = model.user_states(states, history)[:, -1]
    expected = torch.stack([(states * user).sum(1) + model.bias for user in users])
    if model.trend is not None:
        expected = expected + TREND[:, -1] @ model.trend.weight  # asked now
    assert torch.allclose(model(history), expected, atol=1e-5)
    assert model(history, states).equal(model(history))


def test_an_earlier_period_is_scored_by_its_own_trend():
    torch.manual_seed(0)
    model = MAKE["trend"]().eval()
    torch.nn.init.normal_(model.trend.weight)
    history = torch.tensor([[7, 7, 0, 1], [2, 3, 4, 5]])
    now, then = model(history), model(history, period=torch.tensor([2, 0]))
    change = (TREND[:, 0] - TREND[:, 2]) @ model.trend.weight
    assert torch.allclose(then[0], now[0], atol=1e-5)
    assert torch.allclose(then[1], now[1] + change, atol=1e-5)


def test_texts_are_left_to_the_data(model) -> None:
    assert "x" not in model.state_dict()


def test_text_enters_the_item_states():
    torch.manual_seed(0)
    model = MAKE["text"]().eval()
    assert model.item_states().shape == (NUM_ITEMS, 8)
    with torch.no_grad():
        model.id.weight.zero_()
    assert model.item_states().any(dim=1).all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64])
def test_text_vectors_may_be_of_any_type(dtype):
    x, history = torch.eye(NUM_ITEMS), torch.tensor([[7, 7, 0, 1]])
    scores = []
    for given in (x, x.to(dtype)):
        torch.manual_seed(0)
        scores.append(SASRec(NUM_ITEMS, 8, max_length=LENGTH, x=given).eval()(history))
    assert scores[0].equal(scores[1])


def test_loss_is_the_cross_entropy_over_unseen_items(model):
    rows = [
        ([7, 7, 0, 1], [7, 7, 1, 5], [0, 0, 1, 2]),
        ([2, 3, 2, 4], [3, 2, 4, 6], [1, 1, 0, 2]),
    ]
    expected = []
    for history, target, period in rows:
        for slot, goal in enumerate(target):
            seen = [item for item in history[: slot + 1] if item != NUM_ITEMS]
            if goal != NUM_ITEMS and goal not in seen:
                states = model.item_states()
                user = model.user_states(states, torch.tensor([history]))[0, slot]
                scores = states @ user + model.bias
                if model.trend is not None:
                    scores = scores + TREND[:, period[slot]] @ model.trend.weight
                scores[seen] = -torch.inf
                expected.append(F.cross_entropy(scores, torch.tensor(goal)))
    assert len(expected) == 5  # 2 after [2, 3] is a repeat
    batch = make_batch(*map(list, zip(*rows, strict=True)))
    loss = model.loss(batch)["next_item"]
    assert torch.allclose(loss, torch.stack(expected).mean(), atol=1e-5)


def test_a_batch_of_nothing_but_repeats_costs_nothing(model):
    batch = make_batch([[7, 7, 0, 0]], [[7, 7, 0, 0]], [[0, 0, 0, 0]])
    loss = model.loss(batch)["next_item"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_every_parameter_learns(model):
    batch = make_batch([[3, 2, 0, 1]], [[2, 0, 1, 5]], [[0, 1, 1, 2]])
    model.loss(batch)["next_item"].backward()
    assert [n for n, p in model.named_parameters() if not p.grad.any()] == []


def test_questions_are_answered_as_of_their_own_time() -> None:
    torch.manual_seed(0)
    histories = torch.randint(NUM_ITEMS, (12, 6)).tolist()
    data = Trends(3)(LeaveOneOut()(make_shop(histories, NUM_ITEMS)))
    options = {"encoder": "tisasrec", "trend": data["item"].trend}
    model = SASRec(NUM_ITEMS, 8, max_length=LENGTH, **options).eval()
    torch.nn.init.normal_(model.trend.weight, std=9.0)
    module = SequenceDataModule(data, LENGTH)
    [asked] = module.val_dataloader()
    seen, metrics = (asked["seen_row"], asked["seen_item"]), []
    for period in (asked["period"], None):
        time = asked["history_time"]
        scores = model(asked["history"], period=period, history_time=time)
        metrics.append(ranking_metrics(rank_of_target(scores, asked["target"], seen)))
    expected, now = metrics
    assert expected != now
    trainer = Trainer(logger=False, enable_progress_bar=False, devices=1)
    [found] = trainer.validate(NextItem(model), module, verbose=False)
    assert found == pytest.approx({f"val/{k}": v for k, v in expected.items()})


def test_padding_alone_gives_finite_scores(model):
    assert model(torch.full((1, LENGTH), NUM_ITEMS)).isfinite().all()


def test_an_encoder_that_there_is_none_of():
    with pytest.raises(ValueError, match=r"'encoder' .*'caser'.*got 'lstm'"):
        SASRec(NUM_ITEMS, encoder="lstm")


@pytest.mark.parametrize("kind", MAKE)
def test_state_dict_round_trip(kind, tmp_path):
    model, other = MAKE[kind]().eval(), MAKE[kind]().eval()
    torch.save(model.state_dict(), tmp_path / "model.pt")
    if other.trend is not None:
        other.trend.trend = torch.zeros_like(TREND)
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    history = torch.tensor([[7, 1, 2, 3]])
    assert other(history).equal(model(history))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_items": 0}, r"'num_items' needs to be a positive integer \(got 0\)"),
        ({"hidden_channels": 0}, r"'hidden_channels' .* positive integer \(got 0\)"),
        ({"hidden_channels": 15}, r"'num_heads' needs to divide 'channels', 15"),
        ({"x": torch.rand(1, 8)}, r"'x' .* the 5 items \(got \[1, 8\]\)"),
        ({"x": torch.rand(5)}, r"'x' .* 2 dimensions.* \(got \[5\]\)"),
        ({"trend": torch.rand(4, 2, 3)}, r"'trend' .* 5 items \(got \[4, 2, 3\]\)"),
    ],
)
def test_what_is_not_of_its_items_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SASRec(**{"num_items": 5, "hidden_channels": 16, **options})
