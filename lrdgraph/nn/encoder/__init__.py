"""Encoders of shopping histories, ``[B, L, C] -> [B, L, C]``."""

from lrdgraph.nn.encoder.transformer import CausalTransformer

__all__ = ["CausalTransformer"]
