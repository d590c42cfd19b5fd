import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from torch_geometric.data import HeteroData

from lrdgraph.testing import tiny_shop

# Ray tells nobody that tests run; read when it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# How long an example takes is no property of the code on a busy machine.
settings.register_profile("any machine", deadline=None, max_examples=50)
settings.load_profile("any machine")


def pytest_runtest_setup() -> None:
    """What a test draws does not hang on which ones ran before it in its process."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the real data sets (``office/``, ``amazon-beauty/``, ``ml-100k/``).

    ``LRDGRAPH_DATA`` names it; else ``../shared/data`` beside the checkout is tried.
    """
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("LRDGRAPH_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data sets not found in {folder} (set LRDGRAPH_DATA)")
    return folder


@pytest.fixture(scope="session")
def shop() -> HeteroData:
    """A shop with planted relations, complete up to the candidate pairs."""
    return tiny_shop()


@pytest.fixture(scope="session")
def gguf() -> Path:
    """The GGUF file of a language model: ``LRDGRAPH_TEST_GGUF`` names it."""
    if "LRDGRAPH_TEST_GGUF" not in os.environ:
        pytest.skip("LRDGRAPH_TEST_GGUF names no GGUF file")
    return Path(os.environ["LRDGRAPH_TEST_GGUF"])
