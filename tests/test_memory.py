"""A catalogue that is larger than memory: what can be done is, and nothing is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lrdgraph.files import save_tensors
from lrdgraph.text import VectorCache
from lrdgraph.training.resuming import read_checkpoint

resource = pytest.importorskip("resource", reason="memory has no limit here")
STATUS = Path("/proc/self/status")
if not STATUS.exists():
    pytest.skip("nobody says how much memory is used", allow_module_level=True)

MIB = 2**20
CHANNELS = 2048
TEXTS = [f"text {number}" for number in range(2**15)]  # whose vectors take 256 MiB


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No more memory than is in use, and so many bytes; mapped files take none."""
    [used] = re.findall(r"VmData:\s+(\d+) kB", STATUS.read_text())
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (int(used) * 1024 + size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


class Counting:
    """Vectors that hold the number of the text, and how many were asked for."""

    fingerprint = "counting"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, texts: list[str]) -> Tensor:
        self.asked += len(texts)
        number = torch.tensor([float(text.split()[1]) for text in texts])
        return number.unsqueeze(1).expand(-1, CHANNELS)


def test_vectors_are_kept_that_do_not_fit_in_memory(tmp_path: Path) -> None:
    encoder = Counting()
    with room_for(160 * MIB):
        assert VectorCache(encoder, tmp_path).fill(TEXTS) == len(TEXTS)
        with pytest.raises(MemoryError, match=r"need 0\.2 GiB .* nothing is lost"):
            VectorCache(encoder, tmp_path)(TEXTS)
        some = VectorCache(encoder, tmp_path)(TEXTS[5:7])
    assert some[:, 0].tolist() == [5, 6]
    vectors = VectorCache(encoder, tmp_path)(TEXTS)
    assert vectors[:, -1].tolist() == list(range(len(TEXTS)))
    assert encoder.asked == len(TEXTS)


def test_checkpoints_are_written_without_a_copy(tmp_path: Path) -> None:
    large = torch.arange(2**25, dtype=torch.double)  # 256 MiB
    with room_for(64 * MIB):
        save_tensors({"large": large}, tmp_path / "last.ckpt")
    assert read_checkpoint(tmp_path / "last.ckpt")["large"].equal(large)
