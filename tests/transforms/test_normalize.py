import re

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.transforms import Normalize


def normalized(x: Tensor) -> Tensor:
    data = HeteroData()
    data["item"].x = x
    result = Normalize()(data)["item"].x
    assert data["item"].x is x
    return result


def test_rows_are_centred_and_as_long_as_the_fourth_root_of_the_channels() -> None:
    given = torch.randn(50, 16, generator=torch.manual_seed(0)) + 10
    x = normalized(given)
    centred = given - given.mean(dim=0)
    assert torch.allclose(x.norm(dim=1), torch.tensor(2.0))
    assert torch.allclose(x, 2 * centred / centred.norm(dim=1, keepdim=True), atol=1e-4)


def test_shift_and_scale_of_all_vectors_do_not_matter() -> None:
    given = torch.randn(20, 8, generator=torch.manual_seed(0))
    assert torch.allclose(normalized(given), normalized(7 * given + 3), atol=1e-4)


def test_zero_rows_stay_zero_and_do_not_enter_the_mean() -> None:
    given = torch.randn(20, 8, generator=torch.manual_seed(0)) + 5
    with_zeros = torch.cat([torch.zeros(30, 8), given])
    x = normalized(with_zeros)
    assert torch.equal(x[:30], torch.zeros(30, 8))
    assert torch.equal(x[30:], normalized(given))


@pytest.mark.parametrize(
    "given", [torch.zeros(3, 4), torch.full((999, 4), 0.1), torch.empty(0, 4)]
)
def test_vectors_without_differences_become_zero(given: Tensor) -> None:
    assert torch.allclose(normalized(given), torch.zeros_like(given), atol=1e-3)


def test_data_without_vectors_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Normalize' needs vectors \[N, C\]"):
        Normalize()(HeteroData(item={"num_nodes": 3}))
    with pytest.raises(ValueError, match=re.escape("got [3]")):
        normalized(torch.ones(3))


def test_repr() -> None:
    assert repr(Normalize()) == "Normalize()"
