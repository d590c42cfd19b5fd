"""Typed, learnable item graphs from language models, for recommendation."""

__version__ = "0.1.0"
