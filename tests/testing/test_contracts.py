"""Every part of a kind that users may add to is tested by the contract of its kind."""

import ast
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from inspect import isabstract
from pathlib import Path

import pytest
from torch import nn
from torch_geometric.transforms import BaseTransform

from lrdgraph.nn.encoder import ENCODERS
from lrdgraph.testing import (
    ConvContract,
    EncoderContract,
    TextEncoderContract,
    TransformContract,
)

TESTS = Path(__file__).resolve().parents[1]


def is_text_encoder(part: type) -> bool:
    return hasattr(part, "fingerprint") and not getattr(part, "_is_protocol", False)


def is_module(part: type) -> bool:
    return issubclass(part, nn.Module)


def is_transform(part: type) -> bool:
    return issubclass(part, BaseTransform)


KINDS: list[tuple[type, str, Callable[[type], bool]]] = [
    (ConvContract, "lrdgraph.nn.conv", is_module),
    (EncoderContract, "lrdgraph.nn.encoder", is_module),
    (TextEncoderContract, "lrdgraph.text", is_text_encoder),
    (TextEncoderContract, "lrdgraph.testing", is_text_encoder),
    (TransformContract, "lrdgraph.transforms", is_transform),
]


def classes(package: str) -> Iterator[type]:
    """Classes that a package defines for its users, exported or not."""
    for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
        name = f"{package}.{module.name}"
        for value in vars(importlib.import_module(name)).values():
            local = isinstance(value, type) and value.__module__ == name
            if local and not value.__name__.startswith("_") and not isabstract(value):
                yield value


def signed(contract: type) -> set[str]:
    """The parts that have a test class ``Test<part>`` with the contract as its base."""
    names = {
        node.name.removeprefix("Test")
        for path in TESTS.rglob("test_*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef)
        and contract.__name__ in map(ast.unparse, node.bases)
    }
    if "EveryEncoder" in names:  # that go by a name
        names |= {kind.__name__ for kind in ENCODERS.values()}
    return names


@pytest.mark.parametrize(("contract", "package", "belongs"), KINDS)
def test_every_part_of_a_kind_is_tested_by_its_contract(contract, package, belongs):
    parts = {part.__name__ for part in classes(package) if belongs(part)}
    assert parts
    assert parts - signed(contract) == set()
