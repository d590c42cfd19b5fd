import json
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import torch

from lrdgraph.testing import HashTextEncoder, TextEncoderContract
from lrdgraph.text import EndpointEncoder, EndpointError
from lrdgraph.text import http as http_client

KEY = "sk-very-secret"
Answer = tuple[int, dict[str, str], Any]


def vectors_of(texts: list[str]) -> list[dict[str, Any]]:
    """Each text's length and number, last text first."""
    rows = [{"index": i, "embedding": [len(t), i]} for i, t in enumerate(texts)]
    return rows[::-1]


def good(texts: list[str]) -> Answer:
    return 200, {}, {"data": vectors_of(texts)}


def hashed(texts: list[str]) -> Answer:
    """What the words of each text decide, last text first."""
    rows = enumerate(HashTextEncoder(4)(texts).tolist())
    return 200, {}, {"data": [{"index": i, "embedding": row} for i, row in rows][::-1]}


class Server(ThreadingHTTPServer):
    """Answers with what is in ``answers``, then with good answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer | Callable[[list[str]], Answer] | None] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.url = f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = json.loads(body)
        self.server.requests.append({"path": self.path, **request})
        self.server.keys.append(self.headers["Authorization"])
        answer = self.server.answers.pop(0) if self.server.answers else good
        if answer is None:  # hang up without a word
            return
        code, headers, content = (
            answer(request["input"]) if callable(answer) else answer
        )
        text = content if isinstance(content, str) else json.dumps(content)
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between requests, which are not waited for."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    waits: list[float] = []
    monkeypatch.setattr(http_client.time, "sleep", waits.append)
    return waits


class TestEndpointEncoder(TextEncoderContract):
    @pytest.fixture(autouse=True)
    def _at_server(self, server: Server) -> None:
        server.answers = [hashed] * 20
        self.url = server.url

    def make(self) -> EndpointEncoder:
        return EndpointEncoder(self.url, "hash", batch_size=4)


def test_vectors_come_in_the_order_of_the_texts(server: Server) -> None:
    vectors = EndpointEncoder(server.url + "/", "ada", batch_size=2)(["a", "bbb", "cc"])
    assert vectors.dtype == torch.float32
    assert vectors.tolist() == [[1, 0], [3, 1], [2, 0]]
    path = "/v1/embeddings"
    assert server.requests == [
        {"path": path, "model": "ada", "input": ["a", "bbb"]},
        {"path": path, "model": "ada", "input": ["cc"]},
    ]
    assert server.keys == [None, None]


def test_vectors_per_token_are_averaged_and_asked_for_one_by_one(
    server: Server,
) -> None:
    def per_token(texts: list[str]) -> Answer:  # right for the first text only
        rows = [[[1.0, 2.0], [len(texts[0]), 6.0]]] + [[[7.0, 7.0]]] * (len(texts) - 1)
        data = [{"index": i, "embedding": row} for i, row in enumerate(rows)]
        return 200, {}, {"data": data}

    server.answers = [per_token] * 3
    vectors = EndpointEncoder(server.url, "llama")(["abc", "abcde"])
    assert vectors.tolist() == [[2, 4], [3, 4]]
    assert [request["input"] for request in server.requests[1:]] == [["abc"], ["abcde"]]


@pytest.mark.parametrize("code", [408, 429, 500, 503, 529])
def test_a_busy_server_is_asked_again_ever_more_slowly(
    server: Server, waits: list[float], code: int
) -> None:
    server.answers = [(code, {}, "busy")] * 3
    assert EndpointEncoder(server.url, "ada")(["a"]).tolist() == [[1, 0]]
    assert len(server.requests) == 4
    for wait, longest in zip(waits, (1, 2, 4), strict=True):
        assert longest / 2 <= wait <= longest


def test_the_server_says_when_to_come_back(server: Server, waits: list[float]) -> None:
    date = formatdate(http_client.time.time() + 100, usegmt=True)
    for value in ("7", "0", date, "1e9", "soon"):
        server.answers.append((429, {"Retry-After": value}, ""))
    EndpointEncoder(server.url, "ada")(["a"])
    assert waits[:2] == [7, 0]
    assert 90 < waits[2] <= 100
    assert waits[3] == 3600
    assert 8 <= waits[4] <= 16


def test_dropped_connections_are_tried_again(server: Server) -> None:
    server.answers = [None, None]
    assert EndpointEncoder(server.url, "ada")(["a"]).tolist() == [[1, 0]]
    assert len(server.requests) == 3


def test_patience_ends(server: Server, waits: list[float]) -> None:
    server.answers = [(503, {}, "out for lunch")] * 3
    with pytest.raises(EndpointError, match="failed 3 times.*503.*out for lunch"):
        EndpointEncoder(server.url, "ada", max_retries=2)(["a"])
    assert len(waits) == 2


def test_a_server_out_of_reach() -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(EndpointError, match="failed 1 times.*refused"):
        EndpointEncoder(url, "ada", max_retries=0)(["a"])


def test_what_is_no_address_is_tried_once(waits: list[float]) -> None:
    with pytest.raises(EndpointError, match="http://127.0.0.1:9/v 1/.* is no address"):
        EndpointEncoder("http://127.0.0.1:9/v 1", "ada")(["a"])
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((400, {}, "too long"), "refused the request: status 400.*too long"),
        ((401, {}, ""), "no key was given; give 'api_key' or set OPENAI_API_KEY"),
        ((404, {}, "no model"), "unknown address or model.*no model"),
        ((302, {"Location": "http://example.org"}, ""), "redirects aren't followed"),
        ((200, {}, "<html>hello"), r"JSON \(got HTML.*'base_url' often ends in /v1"),
        ((200, {}, {"error": "sorry"}), "no list 'data'.*sorry"),
        ((200, {}, {"data": [{"index": 0}]}), "no list 'data'"),
        ((200, {}, {"data": vectors_of(["a"])}), "1 vectors .* for 2 texts"),
        ((200, {}, {"data": vectors_of(["a"]) * 2}), "2 vectors .* for 2 texts"),
        (
            (
                200,
                {},
                '{"data": [{"index": 0, "embedding": [NaN]}, '
                '{"index": 1, "embedding": [1]}]}',
            ),
            "nan for 'a'",
        ),
        (
            (
                200,
                {},
                {
                    "data": [
                        {"index": 0, "embedding": [1]},
                        {"index": 1, "embedding": [1, 2]},
                    ]
                },
            ),
            "unusable vectors",
        ),
        (
            (200, {}, {"data": [{"index": i, "embedding": "AAAA"} for i in (0, 1)]}),
            "unusable vectors",
        ),
    ],
)
def test_bad_answers_are_told_and_not_asked_for_again(
    server: Server, answer: Answer, message: str
) -> None:
    server.answers = [answer]
    with pytest.raises(EndpointError, match=f"(?s){server.url}/embeddings.*{message}"):
        EndpointEncoder(server.url, "ada")(["a", "b"])
    assert len(server.requests) == 1


def test_all_requests_give_vectors_of_one_size(server: Server) -> None:
    server.answers = [good, (200, {}, {"data": [{"index": 0, "embedding": [1]}]})]
    with pytest.raises(EndpointError, match="of 1 numbers after vectors of 2"):
        EndpointEncoder(server.url, "ada", batch_size=1)(["a", "b"])


@pytest.mark.parametrize("code", [401, 503])
def test_the_key_is_sent_and_never_shown(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    code: int,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    encoder = EndpointEncoder(server.url, "ada", max_retries=1)
    server.answers = [(code, {}, f"bad key {KEY}")] * 2
    with pytest.raises(EndpointError, match=r"bad key \*\*\*") as error:
        encoder(["a"])
    assert set(server.keys) == {f"Bearer {KEY}"}
    for text in (str(error.value), repr(encoder), encoder.fingerprint, caplog.text):
        assert KEY not in text
    server.answers.clear()
    EndpointEncoder(server.url, "ada", api_key="other")(["a"])
    assert server.keys[-1] == "Bearer other"


def test_an_echoed_key_is_masked_in_unusable_answers(server: Server) -> None:
    server.answers = [(200, {}, {"error": f"key {KEY}"})]
    with pytest.raises(EndpointError) as error:
        EndpointEncoder(server.url, "ada", api_key=KEY)(["a"])
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000/v1"}, "'base_url' needs to start with http://"),
        ({"base_url": "https://me:pass@host/v1"}, "'base_url' needs to come without"),
        ({"base_url": "http://host:abc/v1"}, "a number from 0 to 65535 as its port"),
        ({"base_url": "http://host:65536/v1"}, "0 to 65535 .* 'EndpointEncoder'"),
        ({"base_url": "https://me:pass@host:abc/v1"}, "needs to come without"),
        ({"batch_size": 0}, "'batch_size' needs to be at least 1 .*got 0"),
        ({"max_retries": -1}, "'max_retries' needs to be at least 0 .*got -1"),
        ({"api_key": "two\nlines"}, "'api_key' needs to be printable ASCII"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        EndpointEncoder(**{"base_url": "http://host/v1", "model": "ada", **arguments})
    assert "two" not in str(error.value)
    assert "pass@" not in str(error.value)


def test_repr_and_fingerprint() -> None:
    encoder = EndpointEncoder("http://host/v1/", "ada", batch_size=3)
    assert repr(encoder) == "EndpointEncoder('http://host/v1', 'ada')"
    assert encoder.fingerprint == "http://host/v1 ada"
