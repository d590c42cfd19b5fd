"""Encoders of shopping histories, ``[B, L, C] -> [B, L, C]``, and their names."""

from __future__ import annotations

from collections.abc import Callable

from lrdgraph.nn.encoder.base import HistoryEncoder
from lrdgraph.nn.encoder.bsarec import BSARec
from lrdgraph.nn.encoder.caser import Caser
from lrdgraph.nn.encoder.gru4rec import GRU4Rec
from lrdgraph.nn.encoder.hstu import HSTU
from lrdgraph.nn.encoder.tisasrec import TiSASRec
from lrdgraph.nn.encoder.transformer import CausalTransformer

__all__ = [
    "ENCODERS",
    "HSTU",
    "BSARec",
    "Caser",
    "CausalTransformer",
    "GRU4Rec",
    "HistoryEncoder",
    "TiSASRec",
    "make_encoder",
]

ENCODERS: dict[str, Callable[..., HistoryEncoder]] = {
    "transformer": CausalTransformer,
    "gru4rec": GRU4Rec,
    "caser": Caser,
    "tisasrec": TiSASRec,
    "bsarec": BSARec,
    "hstu": HSTU,
}
"""Encoders by the names that models take; one of your own may be added."""


def make_encoder(
    name: str, channels: int, max_length: int, num_layers: int, dropout: float
) -> HistoryEncoder:
    """The encoder of that name.

    Args:
        name: A key of :data:`ENCODERS`.
        channels: Size of item and user states.
        max_length: Number of history slots ``L``.
        num_layers: Number of layers.
        dropout: Dropout probability.

    Raises:
        ValueError: If there is no such encoder, or for what that one raises.
    """
    if name not in ENCODERS:
        raise ValueError(
            f"'encoder' needs to be one of {[*ENCODERS]} (got {name!r}): add one of "
            "your own to lrdgraph.nn.encoder.ENCODERS first"
        )
    make = ENCODERS[name]
    return make(channels, max_length, num_layers=num_layers, dropout=dropout)
