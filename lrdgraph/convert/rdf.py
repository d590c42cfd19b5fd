"""The graph as RDF triples, for graph stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from lrdgraph.convert.edges import Edges, touched
from lrdgraph.convert.tables import triples
from lrdgraph.convert.xml import legal

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
_ESCAPES = str.maketrans(
    {"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"}
)


def write_ntriples(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write edges as N-Triples, and the text of each item they touch as its label.

    An item is ``<urn:lrdgraph:item:ID>``, a relation ``<urn:lrdgraph:relation:NAME>``,
    with whatever is no letter, digit or one of ``_.-~`` percent-encoded. Probabilities
    stay behind: RDF has no room for them in a triple.
    """
    items = [_iri("item", name) for name in graph.ids]
    relations = [_iri("relation", name) for name in edges]
    for item in touched(graph, edges):
        label = legal(graph.texts[item]).translate(_ESCAPES)
        file.write(f'{items[item]} {_LABEL} "{label}" .\n'.encode())
    frame = triples(graph, edges, items, relations).assign(probability=".")
    frame.to_csv(file, sep=" ", header=False, index=False, lineterminator="\n")


def _iri(kind: str, name: str) -> str:
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe="")
    return f"<urn:lrdgraph:{kind}:{encoded}>"
