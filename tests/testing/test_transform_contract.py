from collections.abc import Callable

import pytest
import torch
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.testing import TransformContract


def make_data() -> HeteroData:
    return HeteroData(item={"id": ["a", "b"], "x": torch.ones(2, 1), "num_nodes": 2})


class AddLength(BaseTransform):
    """Right: a new attribute, and a refusal of what it cannot read."""

    def forward(self, data: HeteroData) -> HeteroData:
        if "x" not in data["item"]:
            raise ValueError("'AddLength' needs vectors (got none)")
        data["item"].length = data["item"].x.norm(dim=1)
        return data


class Doubles(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].x = 2 * data["item"].x
        return data


class InPlace(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].x += 1
        return data


class Renames(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].id[0] = "c"
        return data


class Random(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].x = torch.randn(2, 1)
        return data


class LinksNobody(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item", "goes", "item"].edge_index = torch.tensor([[0], [9]])
        return data


class Trusting(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        data["item"].length = len(data["item"].id)
        return data


class Nameless(AddLength):
    def forward(self, data: HeteroData) -> HeteroData:
        if "x" not in data["item"]:
            raise ValueError("needs vectors (got none)")
        return data


@pytest.fixture
def broken(broken_rules) -> Callable[[type], set[str]]:
    def data(self: TransformContract) -> HeteroData:
        return make_data()

    def bad_data(self: TransformContract) -> dict[str, HeteroData]:
        return {r"needs vectors \(got none\)": HeteroData(item={"id": ["a"]})}

    def broken(transform: type) -> set[str]:
        make = staticmethod(transform)
        return broken_rules(TransformContract, make=make, data=data, bad_data=bad_data)

    return broken


@pytest.mark.parametrize(
    ("transform", "rule"),
    [
        (Doubles, "second_time_changes_nothing"),
        (InPlace, "given_data_is_not_changed"),
        (Renames, "given_data_is_not_changed"),
        (Random, "result_is_valid_and_always_the_same"),
        (LinksNobody, "result_is_valid_and_always_the_same"),
        (Trusting, "bad_data_is_refused"),
        (Nameless, "bad_data_is_refused"),
    ],
)
def test_broken_transforms(broken, transform, rule):
    assert rule in broken(transform)


def test_right_transform(broken):
    assert broken(AddLength) == set()
