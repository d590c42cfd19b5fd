"""The endpoint client against a real server, llama.cpp.

``LRDGRAPH_TEST_LLAMA_PYTHON`` names an interpreter with ``llama-cpp-python[server]``,
``LRDGRAPH_TEST_GGUF`` the model that it serves.
"""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import torch
from torch.nn.functional import cosine_similarity

from lrdgraph.text import EndpointEncoder, TextEncoder, VectorCache

pytestmark = pytest.mark.slow
TEXTS = ["HP 12C financial calculator", "ruled notebook", "a scientific calculator"]


@pytest.fixture(scope="module")
def base_url(gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    python = os.environ.get("LRDGRAPH_TEST_LLAMA_PYTHON")
    if python is None:
        pytest.skip("LRDGRAPH_TEST_LLAMA_PYTHON names no interpreter")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [python, "-m", "llama_cpp.server", "--model", str(gguf)]
    command += ["--embedding", "true", "--host", "127.0.0.1", "--port", port]
    command += ["--n_threads", "1", "--n_ctx", "512"]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        _wait_for(f"http://127.0.0.1:{port}/v1/models", server, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(20)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while server.poll() is None and time.monotonic() < deadline:
        try:
            urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")


def test_one_vector_per_text_whatever_the_batch_size(base_url: str) -> None:
    together = EndpointEncoder(base_url, "smollm2")(TEXTS)
    alone = EndpointEncoder(base_url, "smollm2", batch_size=1)(TEXTS)
    assert together.shape == (3, 576)
    assert cosine_similarity(together, alone).min() > 0.999


def test_agrees_with_the_same_model_in_process(base_url: str, gguf: Path) -> None:
    served = EndpointEncoder(base_url, "smollm2")(TEXTS)
    local = TextEncoder(gguf, device="cpu")(TEXTS)
    alike = cosine_similarity(served[:, None], local[None], dim=2)  # [3, 3]
    assert alike.diagonal().min() > 0.98
    assert torch.equal(alike.argmax(dim=1), torch.arange(3))


def test_behind_a_cache_the_server_is_asked_once(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = VectorCache(EndpointEncoder(base_url, "smollm2"), tmp_path)(TEXTS)
    monkeypatch.setattr("lrdgraph.text.endpoint.post_json", None)
    again = VectorCache(EndpointEncoder(base_url, "smollm2"), tmp_path)(TEXTS[::-1])
    assert torch.equal(again, vectors.flip(0))
