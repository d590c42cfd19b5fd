import pytest
import torch
from torch import nn

from lrdgraph.nn.dropout import Dropout


def test_as_many_are_lost_as_wanted_and_the_mean_stays():
    x = torch.ones(300, 401)  # no whole number of words
    out = Dropout(0.3)(x)
    lost = (out == 0).float().mean().item()
    assert lost == pytest.approx(0.3, abs=0.01)
    assert out.mean().item() == pytest.approx(1, abs=0.01)
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)


def test_rows_columns_and_neighbours_are_lost_apart_from_each_other():
    lost = (Dropout(0.5)(torch.ones(4096, 64)) == 0).float()
    assert torch.corrcoef(lost.T).fill_diagonal_(0).abs().max() < 0.1
    assert lost.mean(0).sub(0.5).abs().max() < 0.05


def test_the_gradient_goes_where_the_number_went():
    x = torch.randn(50, 7, requires_grad=True)
    out = Dropout(0.4)(x)
    out.sum().backward()
    assert x.grad is not None
    assert torch.allclose(x.grad * x, out)


def test_a_seed_is_what_it_depends_on():
    x, layer = torch.ones(1000), Dropout(0.5)
    first, again, other = ((torch.manual_seed(seed), layer(x))[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("p", [0.0, 1e-9, 1.0])
def test_none_or_all(p):
    x = torch.randn(9)
    assert torch.equal(Dropout(p)(x), x if p < 1 else torch.zeros(9))


def test_nothing_is_lost_in_evaluation():
    x = torch.randn(9)
    assert Dropout(0.9).eval()(x) is x


@pytest.mark.parametrize("p", [-0.1, 1.1])
def test_a_probability_that_is_none_is_refused(p):
    with pytest.raises(ValueError, match="probability"):
        Dropout(p)


def test_half_precision_stays_and_nothing_may_be_empty():
    assert Dropout(0.5)(torch.ones(5, dtype=torch.bfloat16)).dtype == torch.bfloat16
    assert Dropout(0.5)(torch.ones(0, 4)).shape == (0, 4)


def test_it_compiles():
    layer = torch.compile(nn.Sequential(nn.Linear(8, 8), Dropout(0.5)), backend="eager")
    assert (layer(torch.ones(4, 8)) == 0).any()
