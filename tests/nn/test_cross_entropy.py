import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from lrdgraph.nn import cross_entropy
from lrdgraph.nn.cross_entropy import catalogue_cross_entropy, score_log_sum_exp
from lrdgraph.nn.scoring import Messages

NUM_ROWS, NUM_ITEMS, CHANNELS = 7, 11, 3


def messages(number: int) -> Messages:
    """Some of them to the same pair, and none to the last row."""
    row = torch.randint(NUM_ROWS - 1, (number,)).sort().values
    item = torch.randint(NUM_ITEMS, (number, 2))
    return Messages(row, item, torch.randn(number, 2).double().requires_grad_())


def dense(users: Tensor, states: Tensor, bias: Tensor, sent: list[Messages]) -> Tensor:
    scores = users @ states.t() + bias
    for row, item, value in sent:
        scores = scores.index_put((row.unsqueeze(1), item), value, accumulate=True)
    return scores


@pytest.mark.parametrize("num_messages", [[], [0], [40], [9, 30]])
@pytest.mark.parametrize("rows_at_once", [1, 2, 3, NUM_ROWS, 2 * NUM_ROWS])
def test_equals_the_cross_entropy_of_all_scores(
    monkeypatch, num_messages, rows_at_once
):
    monkeypatch.setattr(cross_entropy, "CHUNK", rows_at_once * NUM_ITEMS)
    torch.manual_seed(0)
    users, states, bias = (
        torch.randn(*size, dtype=torch.double, requires_grad=True)
        for size in ((NUM_ROWS, CHANNELS), (NUM_ITEMS, CHANNELS), (NUM_ITEMS,))
    )
    sent = [messages(number) for number in num_messages]
    target = torch.randint(NUM_ITEMS, (NUM_ROWS,))
    found = catalogue_cross_entropy(users, states, bias, sent, target)
    scores = dense(users, states, bias, sent)
    expected = F.cross_entropy(scores, target, reduction="sum")
    assert torch.allclose(found, expected)
    inputs = (users, states, bias, *(m.value for m in sent))
    for one, other in zip(
        torch.autograd.grad(3 * found, inputs),
        torch.autograd.grad(3 * expected, inputs),
        strict=True,
    ):
        assert torch.allclose(one, other)


def test_no_row_costs_nothing():
    none = torch.empty(0, dtype=torch.long)
    sent = Messages(none, none.view(0, 1), torch.empty(0, 1))
    users, states = torch.empty(0, 3, requires_grad=True), torch.randn(4, 3)
    loss = catalogue_cross_entropy(users, states, torch.zeros(4), [sent], none)
    loss.backward()
    assert loss == 0
    assert users.grad.shape == (0, 3)


@pytest.mark.parametrize("rows_at_once", [1, 3, NUM_ROWS, 2 * NUM_ROWS])
def test_equals_the_log_sum_exp_of_scores_that_count(monkeypatch, rows_at_once):
    monkeypatch.setattr(cross_entropy, "CHUNK", rows_at_once * NUM_ITEMS)
    torch.manual_seed(0)
    users, states, bias = inputs = [
        torch.randn(*size, dtype=torch.double, requires_grad=True)
        for size in ((NUM_ROWS, CHANNELS), (NUM_ITEMS, CHANNELS), (NUM_ITEMS,))
    ]
    left_out = torch.rand(NUM_ROWS, NUM_ITEMS) < 0.4
    scores = dense(users, states, bias, []).masked_fill(left_out, -torch.inf)
    expected = scores.logsumexp(1)
    found = score_log_sum_exp(users, states, bias, lambda rows: left_out[rows])
    assert torch.allclose(found, expected)
    weight = torch.randn(NUM_ROWS).double()
    for one, other in zip(
        torch.autograd.grad(found @ weight, inputs),
        torch.autograd.grad(expected @ weight, inputs),
        strict=True,
    ):
        assert torch.allclose(one, other)


@pytest.mark.parametrize("num_rows", [0, 2])
def test_where_nothing_counts_the_sum_has_no_share(num_rows):
    users = torch.zeros(num_rows, 3, requires_grad=True)
    states, bias = torch.randn(4, 3), torch.zeros(4)
    found = score_log_sum_exp(
        users, states, bias, lambda rows: torch.ones(num_rows, 4, dtype=torch.bool)
    )
    found.sum().backward()
    assert found.shape == (num_rows,)
    assert (found < -9000).all()
    assert users.grad is not None
    assert users.grad.isfinite().all()
