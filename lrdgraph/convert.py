"""The graph going out: as PyG data and as a NetworkX multigraph."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch_geometric.data import HeteroData

if TYPE_CHECKING:
    import networkx as nx

    from lrdgraph.graph import LatentRelationGraph

_ILLEGAL_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def likely_edges(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Sequence[str] | None = None,
) -> dict[str, tuple[Tensor, Tensor]]:
    """The pairs that each relation is sure enough of.

    Args:
        graph: A graph with ``E`` candidate pairs.
        min_prob: Probability from which a pair counts; a pair of probability 0 never
            does.
        relations: Names of the relations, by default all of the graph.

    Returns:
        For each relation the places of its pairs in ``graph.edge_index`` and their
        probabilities, both ``[M]``, in the order of the graph.

    Raises:
        KeyError: If a relation is unknown.
        ValueError: If ``min_prob`` is not from 0 to 1.
    """
    if not 0 <= min_prob <= 1:
        raise ValueError(f"'min_prob' needs to be from 0 to 1 (got {min_prob})")
    for name in relations or ():
        if name not in graph.relations:
            raise KeyError(
                f"'relations' needs to hold names out of {graph.relations} "
                f"(got {name!r})"
            )
    edges = {}
    columns = graph.probability().unbind(dim=1)
    for name, probability in zip(graph.relations, columns, strict=True):
        if relations is None or name in relations:
            place = ((probability >= min_prob) & (probability > 0)).nonzero().squeeze(1)
            edges[name] = place, probability[place]
    return edges


def to_data(graph: LatentRelationGraph, min_prob: float = 0.5) -> HeteroData:
    """The typed graph as PyG data.

    Args:
        graph: The graph.
        min_prob: Probability from which a pair belongs to a relation; a pair of
            probability 0 never does.

    Returns:
        Data with ``id``, ``text`` and ``x`` of the ``'item'`` nodes and, for every
        relation of the graph, ``('item', relation, 'item')`` with ``edge_index [2, M]``
        sorted by source and ``prob [M]``.

    Raises:
        ValueError: If ``min_prob`` is not from 0 to 1.
    """
    data = HeteroData()
    data["item"].num_nodes = len(graph.ids)
    data["item"].id = list(graph.ids)
    data["item"].text = list(graph.texts)
    data["item"].x = graph.x
    for name, (place, probability) in likely_edges(graph, min_prob).items():
        data["item", name, "item"].edge_index = graph.edge_index[:, place]
        data["item", name, "item"].prob = probability
    return data


def to_networkx(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Sequence[str] | None = None,
) -> nx.MultiDiGraph:
    """The typed graph as a NetworkX multigraph, which GraphML and GEXF can hold.

    Args:
        graph: The graph.
        min_prob: Probability from which a pair belongs to a relation; a pair of
            probability 0 never does.
        relations: Names of the relations, by default all of the graph.

    Returns:
        A multigraph of all items. Nodes are external ids with the attribute ``text``,
        less the control characters that XML forbids; an edge has its relation as key
        and the attributes ``relation`` and ``prob``.

    Raises:
        KeyError: If a relation is unknown.
        ValueError: If ``min_prob`` is not from 0 to 1.

    Example:
        >>> networkx.write_graphml(to_networkx(graph), 'relations.graphml')
    """
    import networkx as nx

    edges = likely_edges(graph, min_prob, relations)
    multigraph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    texts = ({"text": _ILLEGAL_IN_XML.sub("", text)} for text in graph.texts)
    multigraph.add_nodes_from(zip(graph.ids, texts, strict=True))
    for name, (place, probability) in edges.items():
        source, target = graph.edge_index[:, place].tolist()
        keyed: Iterator[Any] = (  # the stubs of NetworkX know no keys
            (graph.ids[i], graph.ids[j], name, {"relation": name, "prob": prob})
            for i, j, prob in zip(source, target, probability.tolist(), strict=True)
        )
        multigraph.add_edges_from(keyed)
    return multigraph
