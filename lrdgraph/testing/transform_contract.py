"""What every step from data to data has to keep to."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from torch import Tensor
from torch.testing import assert_close
from torch_geometric.data import HeteroData


class TransformContract(ABC):
    """Tests of a transform, ``HeteroData -> HeteroData``.

    Example:
        >>> from lrdgraph.testing import TransformContract, make_shop
        >>> from lrdgraph.transforms import LeaveOneOut
        >>> class TestLeaveOneOut(TransformContract):
        ...     def make(self):
        ...         return LeaveOneOut()
        ...
        ...     def data(self):
        ...         return make_shop([[0, 1, 2], [2, 1]], num_items=3)
    """

    idempotent = True
    """Whether a second time changes nothing more."""

    @abstractmethod
    def make(self) -> Callable[[HeteroData], HeteroData]:
        """The transform."""

    @abstractmethod
    def data(self) -> HeteroData:
        """Data to apply it to."""

    def bad_data(self) -> Mapping[str, HeteroData]:
        """Data that it refuses, by a regular expression for the error's message."""
        return {}

    def test_given_data_is_not_changed(self) -> None:
        """Neither its attributes nor what is in them."""
        data = self.data()
        before = deepcopy(data)
        self.make()(data)
        assert_same_data(data, before)

    def test_result_is_valid_and_always_the_same(self) -> None:
        """No random number acts."""
        result = self.make()(self.data())
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".* isolated")
            result.validate(raise_on_error=True)
        assert_same_data(self.make()(self.data()), result)

    def test_second_time_changes_nothing(self) -> None:
        """As far as :attr:`idempotent` promises it."""
        once = self.make()(self.data())
        if self.idempotent:
            assert_same_data(self.make()(once), once)

    def test_bad_data_is_refused(self) -> None:
        """By a ``ValueError`` that names the transform, and with the data kept."""
        for message, data in self.bad_data().items():
            transform, before = self.make(), deepcopy(data)
            error = _refusal(transform, data)
            name = repr(type(transform).__name__)
            assert name in error, f"{name} is not in the message: {error}"
            assert re.search(message, error), f"no {message!r} in the message: {error}"
            assert_same_data(data, before)


def assert_same_data(data: HeteroData, other: HeteroData) -> None:
    """Assert that two data objects hold the same, number by number."""
    found, expected = _flat(data), _flat(other)
    assert found.keys() == expected.keys(), found.keys() ^ expected.keys()
    for place, value in found.items():
        if isinstance(value, Tensor):
            assert_close(value, expected[place], atol=0, rtol=0, equal_nan=True)
        else:
            assert value == expected[place], f"{place} differs"


def _refusal(transform: Callable[[HeteroData], HeteroData], data: HeteroData) -> str:
    try:
        transform(data)
    except ValueError as error:
        return str(error)
    raise AssertionError(f"{data} is not refused")


def _flat(data: HeteroData) -> dict[tuple[Any, ...], Any]:
    flat: dict[tuple[Any, ...], Any] = {
        (store, name): value
        for store, content in data.to_dict().items()
        for name, value in content.items()
    }
    steps = flat.pop(("item", "vector_steps"), [])
    for place, step in enumerate(steps):
        flat |= {("item", place, name): tensor for name, tensor in step.items()}
    return flat
