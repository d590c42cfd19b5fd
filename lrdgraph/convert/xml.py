"""The graph as GraphML and GEXF, for Gephi and its like.

NetworkX writes both too, in several times the time and memory, and no ``kind``, without
which Gephi merges the relations of a pair into one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.sax.saxutils import escape, quoteattr

import pandas as pd

from lrdgraph.convert.edges import Edges, touched
from lrdgraph.convert.tables import triples

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="relation" for="edge" attr.name="relation" attr.type="string"/>
<key id="weight" for="edge" attr.name="weight" attr.type="double"/>
<graph edgedefault="directed">
"""

_GEXF = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">
<graph defaultedgetype="directed">
<nodes>
"""


def legal(text: str) -> str:
    """A text less the control characters and halves of pairs that XML forbids."""
    return _ILLEGAL.sub("", text)


def _node_ids(graph: LatentRelationGraph) -> list[str]:
    """The external ids, quoted; they name nodes and so need to stay apart."""
    owner: dict[str, str] = {}
    for name in graph.ids:
        other = owner.setdefault(legal(name), name)
        if other != name:
            raise ValueError(
                "'ids' need to differ in more than characters that XML forbids "
                f"(got {other!r} and {name!r})"
            )
    return [quoteattr(legal(name)) for name in graph.ids]


def write_graphml(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write GraphML: nodes with ``label``, edges with ``relation`` and ``weight``."""
    ids = _node_ids(graph)
    file.write(_GRAPHML.encode())
    for item in touched(graph, edges):
        label = escape(legal(graph.texts[item]), {"\r": "&#13;"})
        node = f'<node id={ids[item]}><data key="label">{label}</data></node>\n'
        file.write(node.encode())
    names = [escape(legal(name), {"\r": "&#13;"}) for name in edges]
    edge = triples(graph, edges, ids, names)
    lines = (
        ("<edge source=" + edge["head"] + " target=" + edge["tail"])
        + ('><data key="relation">' + edge["relation"])
        + ('</data><data key="weight">' + _text(edge["probability"]))
        + "</data></edge>\n"
    )
    _write_lines(lines, file)
    file.write(b"</graph>\n</graphml>\n")


def write_gexf(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write GEXF: nodes with ``label``, edges with ``label``, ``kind``, ``weight``."""
    ids = _node_ids(graph)
    file.write(_GEXF.encode())
    for item in touched(graph, edges):
        label = quoteattr(legal(graph.texts[item]))
        file.write(f"<node id={ids[item]} label={label}/>\n".encode())
    file.write(b"</nodes>\n<edges>\n")
    names = [quoteattr(legal(name)) for name in edges]
    edge = triples(graph, edges, ids, names)
    lines = (
        ('<edge id="' + _text(edge.index.to_series()))
        + ('" source=' + edge["head"] + " target=" + edge["tail"])
        + (" label=" + edge["relation"] + " kind=" + edge["relation"])
        + (' weight="' + _text(edge["probability"]) + '"/>\n')
    )
    _write_lines(lines, file)
    file.write(b"</edges>\n</graph>\n</gexf>\n")


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers as text, of the one type to which even no names at all can be added."""
    return values.astype(str).astype(object)


def _write_lines(lines: pd.Series[str], file: BinaryIO) -> None:
    file.write("".join(lines).encode())
