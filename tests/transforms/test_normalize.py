import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.testing import TransformContract
from lrdgraph.transforms import Normalize


def make(x: Tensor) -> HeteroData:
    return HeteroData(item={"x": x})


class TestNormalize(TransformContract):
    idempotent = False  # rows of one length have a centre again

    def make(self) -> Normalize:
        return Normalize()

    def data(self) -> HeteroData:
        return make(torch.randn(5, 4, generator=torch.manual_seed(0)))

    def bad_data(self) -> dict[str, HeteroData]:
        return {
            r"needs vectors \[N, C\] .*\(got NoneType\).*'EmbedText'": HeteroData(
                item={"num_nodes": 3}
            ),
            r"needs vectors \[N, C\] .*\(got \[3\]\)": make(torch.ones(3)),
        }


def normalized(x: Tensor) -> Tensor:
    return Normalize()(make(x))["item"].x


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


def test_repr() -> None:
    assert repr(Normalize()) == "Normalize()"
