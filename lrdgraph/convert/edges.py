"""Which edges go out: those of some relations and items that are sure enough."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lrdgraph.ragged import largest

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

Edges = dict[str, tuple[Tensor, Tensor]]
"""For each relation the places of its pairs in the graph, and their probabilities."""


def likely_edges(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Collection[str] | None = None,
    items: Collection[str] | None = None,
    top_k: int | None = None,
) -> Edges:
    """The pairs that each relation is sure enough of.

    Args:
        graph: A graph with ``E`` candidate pairs.
        min_prob: Probability from which a pair counts; a pair of probability 0 never
            does.
        relations: Names of the relations, by default all of the graph.
        items: External ids of the items that pairs are to start from, by default all.
        top_k: Number of pairs at most that an item starts in each relation, the surest
            ones; by default all of them.

    Returns:
        For each relation the places of its pairs in ``graph.edge_index`` and their
        probabilities, both ``[M]``, in the order of the graph.

    Raises:
        KeyError: If a relation or an item is unknown.
        ValueError: If ``min_prob`` is not from 0 to 1 or ``top_k`` is not positive.
    """
    check(graph, min_prob, relations, top_k)
    edge_id = _edges_from(graph, items)
    edges = {}
    columns = graph.probability(edge_id).unbind(dim=1)
    for name, probability in zip(graph.relations, columns, strict=True):
        if relations is None or name in relations:
            kept = surest(graph, edge_id, probability, min_prob, top_k)
            edges[name] = edge_id[kept], probability[kept]
    return edges


def surest(
    graph: LatentRelationGraph,
    edge_id: Tensor,
    probability: Tensor,
    min_prob: float,
    top_k: int | None,
) -> Tensor:
    """Which of some pairs ``edge_id [M]`` count, by what is asked for, ascending."""
    kept = ((probability >= min_prob) & (probability > 0)).nonzero().squeeze(1)
    if top_k is None:
        return kept
    source = graph.edge_index[0, edge_id[kept]]
    return kept[largest(source, probability[kept], top_k)]


def united(edges: Edges) -> tuple[Tensor, Tensor, Tensor]:
    """All edges, relation by relation, in main memory.

    Returns:
        Their places in the graph, the relation of each as its place in ``edges``, and
        their probabilities.
    """
    place, probability = torch.empty(0, dtype=torch.long), torch.empty(0)
    sizes = [place.numel() for place, _ in edges.values()]
    return (
        torch.cat([place, *(place.cpu() for place, _ in edges.values())]),
        torch.arange(len(edges)).repeat_interleave(torch.tensor(sizes).long()),
        torch.cat([probability, *(prob.cpu() for _, prob in edges.values())]),
    )


def touched(graph: LatentRelationGraph, edges: Edges) -> list[int]:
    """Indices of the items that some edge starts from or leads to."""
    return graph.edge_index.cpu()[:, united(edges)[0]].unique().tolist()


def check(
    graph: LatentRelationGraph,
    min_prob: float,
    relations: Collection[str] | None,
    top_k: int | None,
) -> None:
    """See that what is asked for can be; see :func:`likely_edges`."""
    if not 0 <= min_prob <= 1:
        raise ValueError(f"'min_prob' needs to be from 0 to 1 (got {min_prob})")
    if top_k is not None and top_k < 1:
        raise ValueError(f"'top_k' needs to be positive (got {top_k})")
    for name in relations or ():
        if name not in graph.relations:
            raise KeyError(
                f"'relations' needs to hold names out of {graph.relations} "
                f"(got {name!r})"
            )


def _edges_from(graph: LatentRelationGraph, items: Collection[str] | None) -> Tensor:
    """Places of the pairs that start from ``items``, in the order of the graph."""
    device = graph.edge_index.device
    if items is None:
        return torch.arange(graph.num_edges, device=device)
    source = torch.tensor([*map(graph.index, items)], dtype=torch.long)
    return graph.edges_from(source.unique().to(device))[1]
