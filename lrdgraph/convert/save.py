"""The graph as a file, of the format that its name asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from lrdgraph.convert.edges import Edges, likely_edges
from lrdgraph.convert.rdf import write_ntriples
from lrdgraph.convert.tables import write_parquet, write_tsv
from lrdgraph.convert.xml import write_gexf, write_graphml
from lrdgraph.files import atomic_write

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

WRITERS: dict[str, Callable[[LatentRelationGraph, Edges, BinaryIO], None]] = {
    ".gexf": write_gexf,
    ".graphml": write_graphml,
    ".nt": write_ntriples,
    ".parquet": write_parquet,
    ".tsv": write_tsv,
}
"""What writes the files of each suffix."""


def save(
    graph: LatentRelationGraph,
    path: str | Path,
    min_prob: float = 0.5,
    relations: Collection[str] | None = None,
    items: Collection[str] | None = None,
    top_k: int | None = None,
) -> int:
    """Write the typed edges, and the items they touch, to a file.

    Which edges go out, and what else is raised, is that of
    :func:`~lrdgraph.convert.likely_edges`. The end of the name decides on the format:

    ============  ====================================================================
    ``.gexf``     for Gephi, which keeps several relations of a pair apart
    ``.graphml``  for network programs and libraries
    ``.nt``       N-Triples, for graph stores: edges without probabilities
    ``.parquet``  the table of :func:`~lrdgraph.convert.to_frame`
    ``.tsv``      the same table as text
    ============  ====================================================================

    Args:
        graph: The graph.
        path: Name of the file, which is written as a whole or not at all.
        min_prob: Probability from which a pair belongs to a relation.
        relations: Names of the relations, by default all of the graph.
        items: External ids of the items that edges start from, by default all.
        top_k: Number of edges at most that an item starts in each relation.

    Returns:
        The number of edges.

    Raises:
        ValueError: If the name has another end, or if two ids differ only in characters
            that the format forbids (``.gexf`` and ``.graphml``: control characters).
    """
    path = Path(path).expanduser()
    if path.suffix not in WRITERS:
        raise ValueError(f"'path' needs to end in one of {[*WRITERS]} (got '{path}')")
    edges = likely_edges(graph, min_prob, relations, items, top_k)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        WRITERS[path.suffix](graph, edges, file)
    return sum(place.numel() for place, _ in edges.values())
