"""The service as a process of its own, on a free port of this machine."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")

from lrdgraph.cli import main
from lrdgraph.serve import serve

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def server(kept, port) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "lrdgraph", "serve", kept, "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    for _ in range(1200):
        assert process.poll() is None, process.stderr.read()
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health").close()
            break
        except urllib.error.URLError:
            time.sleep(0.1)
    yield process
    process.kill()
    process.wait()


def send(port: int, request: bytes) -> bytes:
    """The beginning of the answer to bytes of any kind."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request)
        return connection.recv(4096)


def test_a_process_serves_and_stops_when_asked(server, port, model, ids) -> None:
    body = json.dumps({"history": ids.history, "k": 3}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/recommend", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        got = [item["id"] for item in json.load(answer)["items"]]
        assert "server" not in answer.headers
    assert got == [one.item for one in model.recommend(ids.history, 3)]
    for bad in (
        b"\x00\xff\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n",
    ):
        assert send(port, bad).startswith(b"HTTP/1.1 4")
    server.send_signal(signal.SIGTERM)
    noted = server.communicate(timeout=30)[1]
    assert "POST /recommend 200" in noted
    assert ids.history[0] not in noted
    assert "Traceback" not in noted


@pytest.mark.parametrize("port", [65536, 99999, -1])
def test_there_is_no_such_port(port, kept) -> None:
    with pytest.raises(ValueError, match=rf"from 0 to 65535 \(got {port}\)"):
        serve(kept, port=port)


def test_a_folder_without_a_model(tmp_path, port, capsys) -> None:
    assert main(["serve", str(tmp_path), "--port", str(port)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_before_the_model_is_read(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"'127.0.0.1' port {port} is not to be had"):
            serve(tmp_path / "no model", port=port)
