import subprocess
import sys
import time
from pathlib import Path

import torch

from lrdgraph.testing import HashTextEncoder
from lrdgraph.text import VectorCache

TEXTS = [f"text {number}" for number in range(60)]
SLOW_RUN = """
import sys, time
from lrdgraph.testing import HashTextEncoder
from lrdgraph.text import VectorCache

class SlowEncoder(HashTextEncoder):
    fingerprint = HashTextEncoder(8).fingerprint

    def __call__(self, texts):
        time.sleep(0.2)
        return super().__call__(texts)

VectorCache(SlowEncoder(8), sys.argv[1], chunk_size=4)(
    [f"text {number}" for number in range(60)]
)
"""


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SLOW_RUN, str(folder)])


def test_a_killed_run_goes_on_where_it_stopped(counting, tmp_path: Path) -> None:
    run = start(tmp_path)
    deadline = time.monotonic() + 90
    while len(list(tmp_path.rglob("*.safetensors"))) < 3:
        assert run.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    run.kill()
    assert run.wait() != 0
    kept = 4 * len(list(tmp_path.rglob("*.safetensors")))
    assert 12 <= kept < 60
    encoder = counting()
    vectors = VectorCache(encoder, tmp_path)(TEXTS)
    assert len(encoder.seen) == len(set(encoder.seen)) == 60 - kept
    assert torch.equal(vectors, HashTextEncoder(8)(TEXTS))
    again = counting()
    assert torch.equal(VectorCache(again, tmp_path)(TEXTS), vectors)
    assert again.seen == []


def test_two_processes_lose_nothing(counting, tmp_path: Path) -> None:
    runs = [start(tmp_path), start(tmp_path)]
    assert [run.wait(120) for run in runs] == [0, 0]
    encoder = counting()
    vectors = VectorCache(encoder, tmp_path)(TEXTS)
    assert encoder.seen == []
    assert torch.equal(vectors, HashTextEncoder(8)(TEXTS))
