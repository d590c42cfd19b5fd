"""The graph as GraphML and GEXF, for Gephi and its like.

NetworkX writes both too, in several times the time and memory, and no ``kind``, without
which Gephi merges the relations of a pair into one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from xml.sax.saxutils import escape, quoteattr

from lrdgraph.convert.edges import Edges, touched
from lrdgraph.convert.tables import triples

if TYPE_CHECKING:
    from lrdgraph.graph import LatentRelationGraph

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_ROWS = 100_000  # of the table of edges in memory at a time


class _Format(NamedTuple):
    """What stands before, between and after nodes and edges, and how they are written.

    Labels of nodes and names of relations are passed through ``quote``, ids are quoted.
    """

    start: str
    node: str
    between: str
    edge: str
    end: str
    quote: Callable[[str], str]


_GRAPHML = _Format(
    start="""<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="relation" for="edge" attr.name="relation" attr.type="string"/>
<key id="weight" for="edge" attr.name="weight" attr.type="double"/>
<graph edgedefault="directed">
""",
    node='<node id={id}><data key="label">{label}</data></node>\n',
    between="",
    edge='<edge source={head} target={tail}><data key="relation">{relation}</data>'
    '<data key="weight">{weight}</data></edge>\n',
    end="</graph>\n</graphml>\n",
    quote=lambda text: escape(text, {"\r": "&#13;"}),
)

_GEXF = _Format(
    start="""<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">
<graph defaultedgetype="directed">
<nodes>
""",
    node="<node id={id} label={label}/>\n",
    between="</nodes>\n<edges>\n",
    edge='<edge id="{number}" source={head} target={tail} label={relation} '
    'kind={relation} weight="{weight}"/>\n',
    end="</edges>\n</graph>\n</gexf>\n",
    quote=quoteattr,
)


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
    _write(graph, edges, file, _GRAPHML)


def write_gexf(graph: LatentRelationGraph, edges: Edges, file: BinaryIO) -> None:
    """Write GEXF: nodes with ``label``, edges with ``label``, ``kind``, ``weight``."""
    _write(graph, edges, file, _GEXF)


def _write(
    graph: LatentRelationGraph, edges: Edges, file: BinaryIO, form: _Format
) -> None:
    ids = _node_ids(graph)
    file.write(form.start.encode())
    for item in touched(graph, edges):
        label = form.quote(legal(graph.texts[item]))
        file.write(form.node.format(id=ids[item], label=label).encode())
    file.write(form.between.encode())
    file.writelines(line.encode() for line in _lines(graph, edges, ids, form))
    file.write(form.end.encode())


def _lines(
    graph: LatentRelationGraph, edges: Edges, ids: list[str], form: _Format
) -> Iterator[str]:
    """The edges as they are written, one after the other."""
    number = count()
    for part in _parts(edges):
        names = [form.quote(legal(name)) for name in part]
        edge = triples(graph, part, ids, names).astype({"probability": str})
        columns = (edge[name].tolist() for name in edge)
        for head, relation, tail, weight in zip(*columns, strict=True):
            yield form.edge.format(
                number=next(number),
                head=head,
                relation=relation,
                tail=tail,
                weight=weight,
            )


def _parts(edges: Edges) -> Iterator[Edges]:
    """The edges in their order, ``_ROWS`` of one relation at most at a time."""
    for name, columns in edges.items():
        for part in zip(*(column.split(_ROWS) for column in columns), strict=True):
            yield {name: part}
