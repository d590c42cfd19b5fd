import re

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData

from lrdgraph.testing import HashTextEncoder, TransformContract
from lrdgraph.transforms import EmbedText


def make(*texts: str) -> HeteroData:
    data = HeteroData()
    data["item"].id = [f"B{row}" for row in range(len(texts))]
    data["item"].text = list(texts)
    data["item"].num_nodes = len(texts)
    return data


class TestEmbedText(TransformContract):
    def make(self) -> EmbedText:
        return EmbedText(HashTextEncoder(16))

    def data(self) -> HeteroData:
        return make("red pen", "blue notebook")

    def bad_data(self) -> dict[str, HeteroData]:
        data = self.data()
        del data["item"].text
        return {r"needs data\['item'\].text \(got \['id', 'num_nodes'\]\)": data}


def test_items_get_the_vectors_of_their_texts() -> None:
    x = EmbedText(HashTextEncoder(16))(make("red pen", "blue notebook"))["item"].x
    assert x.dtype == torch.float32
    assert torch.equal(x, HashTextEncoder(16)(["red pen", "blue notebook"]))


def test_blank_texts_get_zeros_and_one_warning_and_are_not_encoded() -> None:
    given: list[str] = []

    def encode(texts: list[str]) -> Tensor:
        given.extend(texts)
        return torch.ones(len(texts), 2)

    with pytest.warns(UserWarning, match=r"3 of 5 .*'B0', 'B2', 'B3'") as warned:
        x = EmbedText(encode)(make("", "pen", "  ", "\t", "ink"))["item"].x
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert given == ["pen", "ink"]
    assert x.tolist() == [[0, 0], [1, 1], [0, 0], [0, 0], [1, 1]]


def test_a_catalogue_without_any_text_gets_zeros() -> None:
    with pytest.warns(UserWarning, match="2 of 2 items"):
        x = EmbedText(HashTextEncoder(4))(make("", ""))["item"].x
    assert torch.equal(x, torch.zeros(2, 4))


def test_arrays_of_other_precision_become_float32() -> None:
    x = EmbedText(lambda texts: np.ones((len(texts), 3)))(make("pen"))["item"].x
    assert x.dtype == torch.float32


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.ones(2, 3), "shape [3, C]"),
        (torch.ones(3), "got [3]"),
        (torch.ones(3, 0), "got [3, 0]"),
        (torch.tensor([[1.0], [float("nan")], [1.0]]), "nan for 'B1'"),
        (torch.tensor([[1.0], [1.0], [float("inf")]]), "inf for 'B2'"),
        (np.array([[1.0], [1.0], [1e300]]), "inf for 'B2'"),
    ],
)
def test_unusable_vectors_are_refused(vectors: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        EmbedText(lambda texts: vectors)(make("pen", "ink", "pad"))


def test_repr_names_the_encoder() -> None:
    assert repr(EmbedText(HashTextEncoder(8))) == "EmbedText(HashTextEncoder(8))"
