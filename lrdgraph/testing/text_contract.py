"""What every encoder of texts has to keep to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import combinations
from typing import TYPE_CHECKING

import torch
from torch.testing import assert_close

if TYPE_CHECKING:
    from lrdgraph.text.cache import FingerprintedEncoder

TEXTS = [
    "HP 12C financial calculator",
    "Ruled notebook, A5, with a soft cover and a ribbon to mark the page",
    "",
    "Épices & thé: émaillé",
    "HP 12C financial calculator",
    "Lined writing pad",
]


class TextEncoderContract(ABC):
    """Tests of a text encoder, ``list[str] -> Tensor [n, C]`` with a ``fingerprint``.

    Example:
        >>> from lrdgraph.testing import HashTextEncoder, TextEncoderContract
        >>> class TestHashTextEncoder(TextEncoderContract):
        ...     def make(self):
        ...         return HashTextEncoder(8)
    """

    @abstractmethod
    def make(self) -> FingerprintedEncoder:
        """The encoder."""

    def test_every_text_has_a_vector(self) -> None:
        """In float32, finite, and different texts have different ones."""
        vectors = self.make()(list(TEXTS))
        assert vectors.dtype == torch.float32, f"needs float32: {vectors.dtype}"
        assert vectors.dim() == 2, f"needs [n, C]: {list(vectors.shape)}"
        assert len(vectors) == len(TEXTS), f"needs {len(TEXTS)} rows: {len(vectors)}"
        assert vectors.isfinite().all(), "a vector is not finite"
        for one, other in combinations(range(len(TEXTS)), 2):
            same = torch.allclose(vectors[one], vectors[other], atol=1e-5)
            assert same == (TEXTS[one] == TEXTS[other]), (TEXTS[one], TEXTS[other])

    def test_neither_order_nor_company_matters(self) -> None:
        """A text has the same vector wherever it is in a list, or alone."""
        encoder = self.make()
        vectors = encoder(list(TEXTS))
        assert_close(encoder(TEXTS[::-1]), vectors.flip(0), atol=1e-5, rtol=1e-4)
        alone = torch.cat([encoder([text]) for text in TEXTS])
        assert_close(alone, vectors, atol=1e-5, rtol=1e-4)

    def test_no_text_gives_no_rows(self) -> None:
        """But the vectors' size."""
        encoder = self.make()
        size = encoder(TEXTS[:1]).size(1)
        shape = tuple(encoder([]).shape)
        assert shape == (0, size), f"needs {(0, size)}: {shape}"

    def test_given_list_is_not_changed(self) -> None:
        """Texts are read only."""
        texts = list(TEXTS)
        self.make()(texts)
        assert texts == TEXTS, f"needs {TEXTS}: {texts}"

    def test_fingerprint_is_that_of_an_equal_encoder(self) -> None:
        """By it vectors are found again on disk."""
        one, other = self.make().fingerprint, self.make().fingerprint
        assert isinstance(one, str), f"needs a str: {one!r}"
        assert one, "needs a fingerprint that is not empty"
        assert one == other, f"needs {one!r}: {other!r}"
