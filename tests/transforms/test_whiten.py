import pytest
import torch
from sklearn.decomposition import PCA
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.testing import TransformContract
from lrdgraph.transforms import Whiten


def correlated(num_items: int = 200, num_channels: int = 6) -> Tensor:
    generator = torch.manual_seed(0)
    mixing = torch.randn(num_channels, num_channels, generator=generator)
    return torch.randn(num_items, num_channels, generator=generator) @ mixing + 4


def make(x: Tensor) -> HeteroData:
    return HeteroData(item={"x": x})


class TestWhiten(TransformContract):
    idempotent = False  # all directions are equal then, and any order of them right

    def make(self) -> Whiten:
        return Whiten(4)

    def data(self) -> HeteroData:
        return make(correlated())

    def bad_data(self) -> dict[str, HeteroData]:
        few, same = correlated(num_items=3), torch.ones(5, 4)
        return {
            r"at least 4 directions \(got 2 from 3 items\)": make(few),
            r"at least 4 directions \(got 0 from 5 items\)": make(same),
            r"at least 4 directions \(got 0 from 0 items\)": make(0 * same),
            r"'Whiten' needs vectors \[N, C\].*got \[5\]": make(same[:, 0]),
        }


def whitened(x: Tensor, num_channels: int | None = None) -> Tensor:
    return Whiten(num_channels)(make(x))["item"].x


@pytest.mark.parametrize("num_channels", [None, 6, 3, 1])
def test_channels_are_uncorrelated_with_variance_one(num_channels: int | None) -> None:
    x = whitened(correlated(), num_channels)
    size = num_channels or 6
    assert x.dtype == torch.float32
    assert x.shape == (200, size)
    assert torch.allclose(x.mean(dim=0), torch.zeros(size), atol=1e-5)
    assert torch.allclose(x.T @ x / 200, torch.eye(size), atol=1e-4)


def test_it_is_the_whitening_pca_of_scikit_learn() -> None:
    given = correlated()
    theirs = torch.from_numpy(PCA(4, whiten=True).fit_transform(given.numpy()))
    ours = whitened(given, 4) * (199 / 200) ** 0.5  # they divide by N - 1
    assert torch.allclose(ours.abs(), theirs.abs().float(), atol=1e-3)


def test_the_largest_entry_of_each_direction_is_positive() -> None:
    for given in (correlated(), -correlated()):
        [step] = Whiten()(make(given))["item"].vector_steps
        largest = step["directions"].abs().argmax(dim=0, keepdim=True)
        assert (step["directions"].gather(0, largest) > 0).all()


def test_zero_rows_stay_zero_and_take_no_part() -> None:
    given = correlated()
    x = whitened(torch.cat([torch.zeros(50, 6), given]))
    assert torch.equal(x[:50], torch.zeros(50, 6))
    assert torch.equal(x[50:], whitened(given))


def test_directions_without_differences_are_left_out() -> None:
    given = correlated()
    doubled = torch.cat([given, given, torch.ones(200, 1)], dim=1)
    assert whitened(doubled).shape == (200, 6)
    assert whitened(correlated(num_items=4)).shape == (4, 3)


@pytest.mark.parametrize(
    ("given", "num_channels", "message"),
    [
        (correlated(), 7, r"at least 7 directions \(got 6 from 200 items\)"),
        (torch.ones(5, 4), None, r"at least 1 directions \(got 0 from 5 items\)"),
        (correlated(), 0, r"'num_channels' needs to be positive .*got 0"),
    ],
)
def test_what_cannot_be_whitened_is_refused(
    given: Tensor, num_channels: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        whitened(given, num_channels)


def test_repr() -> None:
    assert repr(Whiten(64)) == "Whiten(num_channels=64)"
