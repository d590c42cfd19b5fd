"""Typed, learnable item graphs from language models, for recommendation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

__version__ = "0.1.0"

__all__ = ["LatentRelationGraph", "__version__"]


def __getattr__(name: str) -> Any:
    """Load the graph, and torch with it, once it is asked for: help needs neither."""
    if name == "LatentRelationGraph":
        from lrdgraph.graph import LatentRelationGraph

        return LatentRelationGraph
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
