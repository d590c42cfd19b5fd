"""The graph as PyG data and as a NetworkX multigraph."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from torch_geometric.data import HeteroData

from lrdgraph.convert.edges import Edges, likely_edges, united
from lrdgraph.convert.xml import legal

if TYPE_CHECKING:
    import networkx as nx

    from lrdgraph.graph import LatentRelationGraph


def to_data(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Collection[str] | None = None,
    items: Collection[str] | None = None,
    top_k: int | None = None,
) -> HeteroData:
    """The typed graph as PyG data.

    Which edges go out, and what is raised, is that of
    :func:`~lrdgraph.convert.likely_edges`.

    Returns:
        Data with ``id``, ``text`` and ``x`` of all ``'item'`` nodes and, for every
        relation, ``('item', relation, 'item')`` with ``edge_index [2, M]`` sorted by
        source and ``prob [M]``.
    """
    data = HeteroData()
    data["item"].num_nodes = len(graph.ids)
    data["item"].id = list(graph.ids)
    data["item"].text = list(graph.texts)
    data["item"].x = graph.x
    edges = likely_edges(graph, min_prob, relations, items, top_k)
    for name, (place, probability) in edges.items():
        data["item", name, "item"].edge_index = graph.edge_index[:, place]
        data["item", name, "item"].prob = probability
    return data


def to_networkx(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Collection[str] | None = None,
    items: Collection[str] | None = None,
    top_k: int | None = None,
) -> nx.MultiDiGraph:
    """The typed graph as a NetworkX multigraph.

    Which edges go out, and what is raised, is that of
    :func:`~lrdgraph.convert.likely_edges`.

    Returns:
        A multigraph of all items or, with ``items``, of those and what they lead to.
        Nodes are external ids with the attribute ``text``, less the control characters
        that XML forbids; an edge has its relation as key and the attributes
        ``relation`` and ``prob``.
    """
    import networkx as nx

    edges = likely_edges(graph, min_prob, relations, items, top_k)
    multigraph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    multigraph.add_nodes_from(
        (graph.ids[item], {"text": legal(graph.texts[item])})
        for item in _nodes(graph, edges, items)
    )
    for name, (place, probability) in edges.items():
        source, target = graph.edge_index[:, place].tolist()
        keyed: Iterator[Any] = (  # the stubs of NetworkX know no keys
            (graph.ids[i], graph.ids[j], name, {"relation": name, "prob": prob})
            for i, j, prob in zip(source, target, probability.tolist(), strict=True)
        )
        multigraph.add_edges_from(keyed)
    return multigraph


def _nodes(
    graph: LatentRelationGraph, edges: Edges, items: Collection[str] | None
) -> list[int]:
    """All items, or ``items`` and what they lead to."""
    if items is None:
        return list(range(graph.num_items))
    reached = graph.edge_index[1, united(edges)[0]].tolist()
    return sorted({*reached, *map(graph.index, items)})
