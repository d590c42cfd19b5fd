"""Text vectors from an OpenAI-compatible server."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lrdgraph.text.http import (
    EndpointError,
    checked_key,
    checked_url,
    excerpt,
    post_json,
)
from lrdgraph.text.progress import progress_bar
from lrdgraph.text.vectors import check_vectors


class EndpointEncoder:
    """Text vectors from any server with an OpenAI-compatible ``/embeddings`` route.

    OpenAI itself, vLLM, llama.cpp, Ollama, TEI… The vectors of the LRD paper came from
    one (``text-embedding-ada-002``). Each request carries ``batch_size`` texts and is
    repeated, ever more slowly or when the server says, while the server is busy
    (429), failing (5xx) or out of reach.

    Where a server gives a vector per token (llama.cpp does for decoders), their mean is
    taken, and each text is asked for alone: llama-cpp-python 0.3.36 then gives wrong
    vectors for all texts of a request but the first. ``batch_size=1`` saves the
    requests that find this out.

    Args:
        base_url: Address up to and without ``/embeddings``, such as
            ``'https://api.openai.com/v1'``.
        model: Name of the model on that server.
        api_key: Default: the environment variable ``OPENAI_API_KEY``; without either,
            requests carry no key. It appears in no message and no ``repr``.
        batch_size: Texts a request.
        timeout: Seconds without an answer after which a request counts as failed.
        max_retries: How often a request is repeated.
        progress: Show a progress bar (only on a terminal).

    Example:
        >>> from lrdgraph.text import EndpointEncoder
        >>> encoder = EndpointEncoder('http://localhost:8000/v1', 'smollm2')
        >>> vectors = encoder(['HP 12C Financial Calculator'])  # doctest: +SKIP
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        batch_size: int = 128,
        timeout: float = 60.0,
        max_retries: int = 6,
        progress: bool = True,
    ) -> None:
        for name, value, least in (
            ("batch_size", batch_size, 1),
            ("max_retries", max_retries, 0),
        ):
            if value < least:
                raise ValueError(
                    f"{name!r} needs to be at least {least} in 'EndpointEncoder' "
                    f"(got {value})"
                )
        self.base_url = checked_url(base_url, "EndpointEncoder")
        self.model = model
        self.batch_size = batch_size
        self.timeout = timeout
        self.max_retries = max_retries
        self.progress = progress
        self._api_key = checked_key(api_key, "EndpointEncoder")

    def __repr__(self) -> str:
        return f"EndpointEncoder({self.base_url!r}, {self.model!r})"

    @property
    def fingerprint(self) -> str:
        """What decides about the vectors: address and model name."""
        return f"{self.base_url} {self.model}"

    def __call__(self, texts: list[str]) -> Tensor:
        """Embed texts.

        Returns:
            Float32 vectors ``[len(texts), C]``. Without texts ``C`` is unknown: one
            word is sent to learn it.

        Raises:
            EndpointError: If the server refuses, stays out of reach, or answers with
                anything but one finite vector of one size for each text.
        """
        if not texts:
            return self._embed(["text"])[:0]
        batches: list[Tensor] = []
        with progress_bar(len(texts), "Embedding", shown=self.progress) as bar:
            for start in range(0, len(texts), self.batch_size):
                batch = texts[start : start + self.batch_size]
                batches.append(self._embed(batch))
                if batches[-1].size(1) != batches[0].size(1):
                    raise self._error(
                        f"vectors of {batches[-1].size(1)} numbers after vectors of "
                        f"{batches[0].size(1)}"
                    )
                bar.update(len(batch))
        return torch.cat(batches)

    def _embed(self, texts: list[str]) -> Tensor:
        """Embed the texts of one request: ``[len(texts), C]``."""
        answer = post_json(
            f"{self.base_url}/embeddings",
            {"model": self.model, "input": texts},
            api_key=self._api_key,
            timeout=self.timeout,
            max_retries=self.max_retries,
        )
        rows = self._rows_in_order(answer, len(texts))
        if len(texts) > 1 and any(map(_is_per_token, rows)):
            return torch.cat([self._embed([text]) for text in texts])
        try:
            vectors = [torch.tensor(row, dtype=torch.float32) for row in rows]
            vectors = [row.mean(dim=0) if row.dim() == 2 else row for row in vectors]
            return check_vectors(torch.stack(vectors), texts, "EndpointEncoder")
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._error(f"unusable vectors: {error}") from error

    def _rows_in_order(self, answer: Any, num_texts: int) -> list[Any]:
        """Take the vectors out of an answer, in the order of the texts."""
        try:
            rows = {entry["index"]: entry["embedding"] for entry in answer["data"]}
            num_rows = len(answer["data"])
        except (TypeError, KeyError) as error:
            raise self._error(
                f"no list 'data' of entries with 'index' and 'embedding' "
                f"({excerpt(str(answer), self._api_key)})"
            ) from error
        if num_rows != num_texts or set(rows) != set(range(num_texts)):
            raise self._error(
                f"{num_rows} vectors with {len(rows)} different indices for "
                f"{num_texts} texts"
            )
        return [rows[index] for index in range(num_texts)]

    def _error(self, got: str) -> EndpointError:
        return EndpointError(
            f"{self.base_url}/embeddings needs to answer with one vector for each "
            f"text, all of one size and finite, for model {self.model!r} (got {got})"
        )


def _is_per_token(row: Any) -> bool:
    return isinstance(row, list) and any(isinstance(part, list) for part in row)
