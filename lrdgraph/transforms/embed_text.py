"""Item vectors from item texts."""

import warnings
from collections.abc import Callable

from numpy.typing import ArrayLike
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.text.vectors import embed_texts, fingerprint


class EmbedText(BaseTransform):
    """Sets ``data['item'].x [N, C]``, float32, from the texts of the items.

    An item without text gets a zero vector, which :class:`Normalize` and
    :class:`Whiten` leave alone, and one warning tells how many there are.

    Args:
        encoder: Any callable ``list[str] -> [n, C]`` (tensor or array), such as a
            :class:`~lrdgraph.text.TextEncoder`, best inside a
            :class:`~lrdgraph.text.VectorCache`. Called once; blank texts are not given.

    Raises:
        ValueError: If the items have no ``text``, or if the encoder gives anything but
            one finite vector per text; the item is named.

    Warns:
        UserWarning: If items have no text.
    """

    def __init__(self, encoder: Callable[[list[str]], ArrayLike | Tensor]) -> None:
        self.encoder = encoder

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with ``x``; the given data is not changed."""
        items = data["item"]
        if "text" not in items:
            raise ValueError(
                f"'EmbedText' needs data['item'].text (got {sorted(items.keys())})"
            )
        if not all(map(str.strip, items.text)):
            _warn_of_blank_texts(items.text, items.id)
        items.x = embed_texts(self.encoder, items.text, items.id, "EmbedText")
        items.encoder = fingerprint(self.encoder)
        items.vector_steps = []
        return data

    def __repr__(self) -> str:
        return f"EmbedText({self.encoder!r})"


def _warn_of_blank_texts(texts: list[str], ids: list[str]) -> None:
    blank = [item for item, text in zip(ids, texts, strict=True) if not text.strip()]
    warnings.warn(
        f"{len(blank)} of {len(ids)} items have no text and get zero vectors (the "
        f"first: {blank[:3]})",
        stacklevel=4,  # where the transform is called
    )
