from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from lrdgraph.models import SASRec

NUM_ITEMS, LENGTH = 7, 4

MAKE: dict[str, Callable[[], SASRec]] = {
    "ids": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH),
    "text": lambda: SASRec(NUM_ITEMS, 8, max_length=LENGTH, x=torch.eye(NUM_ITEMS)),
}


@pytest.fixture(params=MAKE)
def model(request) -> SASRec:
    torch.manual_seed(0)
    model = MAKE[request.param]()
    torch.nn.init.normal_(model.bias)
    return model.eval()


def test_score_is_user_state_times_item_state_plus_bias(model):
    history = torch.tensor([[7, 7, 0, 1], [2, 3, 4, 5]])
    states = model.item_states()
    users = model.user_states(states, history)[:, -1]
    expected = torch.stack([(states * user).sum(1) + model.bias for user in users])
    assert torch.allclose(model(history), expected, atol=1e-5)
    assert model(history, states).equal(model(history))


def test_text_enters_the_item_states():
    torch.manual_seed(0)
    model = MAKE["text"]().eval()
    assert model.item_states().shape == (NUM_ITEMS, 8)
    with torch.no_grad():
        model.id.weight.zero_()
    assert model.item_states().any(dim=1).all()


def test_loss_is_the_cross_entropy_over_unseen_items(model):
    batch = {
        "history": torch.tensor([[7, 7, 0, 1], [2, 3, 2, 4]]),
        "target": torch.tensor([[7, 7, 1, 5], [3, 2, 4, 6]]),
    }
    expected = []
    for history, target in zip(*map(torch.Tensor.tolist, batch.values()), strict=True):
        for slot, goal in enumerate(target):
            seen = [item for item in history[: slot + 1] if item != NUM_ITEMS]
            if goal != NUM_ITEMS and goal not in seen:
                states = model.item_states()
                user = model.user_states(states, torch.tensor([history]))[0, slot]
                scores = states @ user + model.bias
                scores[seen] = -torch.inf
                expected.append(F.cross_entropy(scores, torch.tensor(goal)))
    assert len(expected) == 5  # 2 after [2, 3] is a repeat
    loss = model.loss(batch)["next_item"]
    assert torch.allclose(loss, torch.stack(expected).mean(), atol=1e-5)


def test_a_batch_of_nothing_but_repeats_costs_nothing(model):
    history = torch.tensor([[7, 7, 0, 0]])
    target = torch.tensor([[7, 7, 0, 0]])
    loss = model.loss({"history": history, "target": target})["next_item"]
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_every_parameter_learns(model):
    batch = {
        "history": torch.tensor([[3, 2, 0, 1]]),
        "target": torch.tensor([[2, 0, 1, 5]]),
    }
    model.loss(batch)["next_item"].backward()
    assert [n for n, p in model.named_parameters() if not p.grad.any()] == []


def test_padding_alone_gives_finite_scores(model):
    assert model(torch.full((1, LENGTH), NUM_ITEMS)).isfinite().all()


def test_state_dict_round_trip(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / "model.pt")
    text = {} if model.x is None else {"x": model.x}
    other = SASRec(NUM_ITEMS, 8, max_length=LENGTH, **text).eval()
    other.load_state_dict(torch.load(tmp_path / "model.pt", weights_only=True))
    history = torch.tensor([[7, 1, 2, 3]])
    assert other(history).equal(model(history))
