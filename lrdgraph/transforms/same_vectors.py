"""Bringing the vectors of later data to where those of an earlier graph are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from torch import nn
from torch_geometric.data import HeteroData
from torch_geometric.transforms import BaseTransform

from lrdgraph.text.vector_step import VectorStep
from lrdgraph.text.vectors import check_vectors


class _Made(Protocol):
    """What tells how its vectors were made, such as a graph."""

    encoder: str

    @property
    def vector_steps(self) -> Iterable[nn.Module]:
        """What was done to its vectors, in this order."""


class SameVectors(BaseTransform):
    """Does to ``data['item'].x [N, C]`` what was done to the vectors of a graph.

    Takes the place of :class:`Normalize` and :class:`Whiten`, whose means and
    directions are those of the items they saw, where a trained model goes on with later
    data (``model.over(LatentRelationGraph(data))``).

    Args:
        graph: The graph of the model.

    Raises:
        ValueError: If the items have no finite vectors, vectors of another size than
            those of the graph had, such of another encoder, or such that went through
            steps already.
    """

    def __init__(self, graph: _Made) -> None:
        self.encoder = graph.encoder
        self.steps = [dict(step.named_buffers()) for step in graph.vector_steps]

    def forward(self, data: HeteroData) -> HeteroData:
        """Returns the data with new ``x``, float32; the given data is not changed."""
        items = data["item"]
        if "x" not in items:
            raise ValueError(
                f"'SameVectors' needs vectors in data['item'].x (got {sorted(items)}); "
                "'EmbedText' and 'SetVectors' make them"
            )
        made_by = items.get("encoder", "")
        if made_by and self.encoder and made_by != self.encoder:
            raise ValueError(
                f"'SameVectors' needs vectors of the encoder {self.encoder!r} "
                f"(got {made_by!r})"
            )
        if items.get("vector_steps"):
            raise ValueError(
                "'SameVectors' needs vectors as the encoder made them (got such that "
                "went through steps already): leave out 'Normalize' and 'Whiten'"
            )
        x = check_vectors(items.x, items.id, "SameVectors")
        for step in self.steps:
            x = VectorStep(**step)(x)
        items.x, items.vector_steps = x, self.steps
        return data

    def __repr__(self) -> str:
        return f"SameVectors({len(self.steps)} steps)"
