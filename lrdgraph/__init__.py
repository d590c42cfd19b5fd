"""Typed, learnable item graphs from language models, for recommendation."""

from lrdgraph.graph import LatentRelationGraph

__version__ = "0.1.0"

__all__ = ["LatentRelationGraph", "__version__"]
