from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.transforms import BaseTransform, Compose

from lrdgraph.datasets.identity import identity
from lrdgraph.transforms import EmbedText, KCore, Normalize


class Model(nn.Module):
    """Has the same ``repr`` whatever it has learned or holds beside it."""

    def __init__(self, weight: Tensor, prompt: str = "") -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.prompt = prompt

    def encode(self, texts: list[str]) -> Tensor:
        return self.weight.expand(len(texts), -1)

    def decode(self, texts: list[str]) -> Tensor:
        return -self.encode(texts)


@dataclass(frozen=True)
class Held:
    values: Tensor


class Holder(BaseTransform):
    def __init__(self, held: object) -> None:
        self.held = held

    def forward(self, data: Data) -> Data:
        return data


class Fingerprinted:
    """Its ``repr`` shows where it lies in memory."""

    def __init__(self, x: Tensor) -> None:
        self.fingerprint = str(x.sum().item())

    def __call__(self, texts: list[str]) -> Tensor:
        return torch.zeros(len(texts), 1)


KNOWN: dict[str, Callable[[Tensor], Any]] = {
    "a method of a model": lambda x: EmbedText(Model(x).encode),
    "a model": lambda x: EmbedText(Model(x)),
    "a dataclass": lambda x: Holder(Held(x)),
    "a tensor": Holder,
    "of half precision": lambda x: Holder(x.bfloat16()),
    "an array of objects": lambda x: Holder(x.numpy().astype(object)),
    "keys": lambda x: Holder({tuple(x.tolist()): 1}),
    "a set": lambda x: Holder(set(x.tolist())),
    "a fingerprint": lambda x: Compose([EmbedText(Fingerprinted(x)), Normalize()]),
}
UNKNOWN = {
    "a function": lambda data: data,
    "a table": Holder(pd.DataFrame({"a": range(1000)})),
    "a graph": Holder(Data(x=torch.zeros(3, 1))),
    "a method of a table": Holder(pd.Series([1]).map),
    "a sparse tensor": Holder(torch.eye(3).to_sparse()),
    "an array of functions": Holder(np.array([len], dtype=object)),
    "an object": Holder([object()]),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_what_is_told_apart(kind: str) -> None:
    one, other = torch.arange(2000.0), torch.arange(2000.0)
    other[1000] = -1
    names = [identity(KNOWN[kind](x)) for x in (one, other, one.clone())]
    assert None not in names
    assert names[0] == names[2] != names[1]


def test_methods_and_plain_attributes_count() -> None:
    x = torch.ones(2)
    models = Model(x), Model(x, "query: ")
    methods = [m for model in models for m in (model.encode, model.decode)]
    assert len({*map(identity, (*methods, *models, KCore(1), KCore(2)))}) == 8
    assert identity(1) != identity(True) != identity("True")


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_cannot_be_told_apart(kind: str) -> None:
    assert identity(UNKNOWN[kind]) is None


def test_what_holds_itself_cannot_be_told_apart() -> None:
    step = Holder(None)
    step.held = step.forward
    assert identity(step) is None
