"""The graph, seen from one item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lrdgraph.typing import TEXT_KNN, Neighbor

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph


def neighbors(
    graph: LatentRelationGraph, item: str, relation: str | None = None, k: int = 10
) -> list[Neighbor]:
    """The items that an item leads to, surest first.

    What is only alike in text comes last, as all of that is certain, and nothing new.

    Args:
        graph: The graph.
        item: External item id.
        relation: Name of one relation, or None for all of them.
        k: Number of neighbours at most.

    Raises:
        KeyError: If the item or the relation is unknown.
        ValueError: If ``k`` is not positive.
    """
    if k < 1:
        raise ValueError(f"'k' needs to be a positive integer (got {k})")
    if relation is not None and relation not in graph.relations:
        raise KeyError(
            f"'relation' needs to be one of {graph.relations} (got {relation!r})"
        )
    start = torch.tensor([graph.index(item)], device=graph.edge_index.device)
    _, edge_id = graph.edges_from(start)
    found = [
        Neighbor(graph.ids[target], name, probability)
        for target, row in zip(
            graph.edge_index[1, edge_id].tolist(),
            graph.probability(edge_id).tolist(),
            strict=True,
        )
        for name, probability in zip(graph.relations, row, strict=True)
        if probability > 0 and relation in (None, name)
    ]
    return sorted(found, key=lambda n: (n.relation == TEXT_KNN, -n.probability))[:k]
