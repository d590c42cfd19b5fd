"""A text encoder without a language model, so that tests need none."""

import re
from functools import lru_cache
from hashlib import blake2b

import torch
from torch import Tensor


class HashTextEncoder:
    """Deterministic vectors: the unit-norm sum of one random vector per word.

    Texts that share words are near each other, as with a language model, only more
    crudely; case and punctuation don't count, and a text without words gets zeros.

    Args:
        num_channels: size of the vectors.
    """

    def __init__(self, num_channels: int = 64) -> None:
        self.num_channels = num_channels

    def __repr__(self) -> str:
        return f"HashTextEncoder({self.num_channels})"

    @property
    def fingerprint(self) -> str:
        """What decides about the vectors."""
        return repr(self)

    def __call__(self, texts: list[str]) -> Tensor:
        """Embed texts: ``[len(texts), num_channels]``."""
        vectors = torch.zeros(len(texts), self.num_channels)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row] += _word_vector(word, self.num_channels)
        return torch.nn.functional.normalize(vectors)


@lru_cache(maxsize=100_000)
def _word_vector(word: str, num_channels: int) -> Tensor:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=7).digest(), "big")
    return torch.randn(num_channels, generator=torch.Generator().manual_seed(seed))
