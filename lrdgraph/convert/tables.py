"""The graph as a table of triples, in memory, as Parquet and as TSV."""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pandas as pd

from lrdgraph.convert.edges import Edges, likely_edges, united

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph


def to_frame(
    graph: LatentRelationGraph,
    min_prob: float = 0.5,
    relations: Collection[str] | None = None,
    items: Collection[str] | None = None,
    top_k: int | None = None,
) -> pd.DataFrame:
    """The typed graph as a table of triples.

    Which edges go out, and what is raised, is that of
    :func:`~lrdgraph.convert.likely_edges`. The table can come back as ``relations`` of
    :func:`~lrdgraph.datasets.from_tables`, without those that are made anew there:
    ``transition``, ``text_knn`` and ``same_<attribute>`` of one that is ``shared``.
    Latent ones need names of their own if the new graph has some, too.

    Returns:
        The columns ``head``, ``relation``, ``tail`` (external ids) and ``probability``,
        one row per edge, by relation and then in the order of the graph.
    """
    edges = likely_edges(graph, min_prob, relations, items, top_k)
    return triples(graph, edges, graph.ids, list(edges))


def triples(
    graph: LatentRelationGraph,
    edges: Edges,
    ids: Sequence[str],
    names: Sequence[str],
) -> pd.DataFrame:
    """One row per edge, with items and relations written as given.

    Args:
        graph: The graph.
        edges: Its edges that go out.
        ids: How to write each of the ``N`` items.
        names: How to write each of the relations of ``edges``.
    """
    place, relation, probability = united(edges)
    head, tail = graph.edge_index.cpu()[:, place].numpy()
    written = np.array(ids, dtype=object)
    return pd.DataFrame(
        {
            "head": written[head],
            "relation": np.array(names, dtype=object)[relation.numpy()],
            "tail": written[tail],
            "probability": probability.numpy(),
        }
    )


def write_parquet(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write the table of :func:`to_frame` as Parquet."""
    frame = triples(graph, edges, graph.ids, list(edges))
    frame.to_parquet(file, index=False)


def write_tsv(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write the table of :func:`to_frame` as tab-separated values with a header.

    A field with a tab, a line end or a quote stands in double quotes, where a quote is
    doubled.
    """
    frame = triples(graph, edges, graph.ids, list(edges))
    # A lone carriage return is quoted only where everything is.
    lone = any("\r" in name for name in (*graph.ids, *edges))
    frame.to_csv(
        file,
        sep="\t",
        index=False,
        lineterminator="\n",
        quoting=csv.QUOTE_NONNUMERIC if lone else csv.QUOTE_MINIMAL,
    )
