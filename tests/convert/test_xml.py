"""What is written, letter by letter: readers of other programs rely on it."""

import io

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.convert import likely_edges, xml
from lrdgraph.convert.xml import write_gexf, write_graphml

IDS = ['7" {id}', "<'&\t", "c", "d", "\x07筆\r\n", "e"]
TEXTS = ["„Grün“ & 🖊", "]]> {label}", "", "", "half \ud83d\x00 of\r\n<one>", ""]

GEXF = """<?xml version="1.0" encoding="UTF-8"?>
<gexf xmlns="http://www.gexf.net/1.2draft" version="1.2">
<graph defaultedgetype="directed">
<nodes>
<node id='7" {id}' label="„Grün“ &amp; 🖊"/>
<node id="&lt;'&amp;&#9;" label="]]&gt; {label}"/>
<node id="筆&#13;&#10;" label="half  of&#13;&#10;&lt;one&gt;"/>
</nodes>
<edges>
<edge id="0" source='7" {id}' target="&lt;'&amp;&#9;" \
label='"{brand}" &amp;&#13;' kind='"{brand}" &amp;&#13;' weight="0.1"/>
<edge id="1" source="筆&#13;&#10;" target='7" {id}' \
label='"{brand}" &amp;&#13;' kind='"{brand}" &amp;&#13;' weight="1.0"/>
<edge id="2" source='7" {id}' target="&lt;'&amp;&#9;" \
label="&lt;later&gt;" kind="&lt;later&gt;" weight="0.33333334"/>
</edges>
</graph>
</gexf>
"""

GRAPHML = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="label" for="node" attr.name="label" attr.type="string"/>
<key id="relation" for="edge" attr.name="relation" attr.type="string"/>
<key id="weight" for="edge" attr.name="weight" attr.type="double"/>
<graph edgedefault="directed">
<node id='7" {id}'><data key="label">„Grün“ &amp; 🖊</data></node>
<node id="&lt;'&amp;&#9;"><data key="label">]]&gt; {label}</data></node>
<node id="筆&#13;&#10;"><data key="label">half  of&#13;
&lt;one&gt;</data></node>
<edge source='7" {id}' target="&lt;'&amp;&#9;">\
<data key="relation">"{brand}" &amp;&#13;</data><data key="weight">0.1</data></edge>
<edge source="筆&#13;&#10;" target='7" {id}'>\
<data key="relation">"{brand}" &amp;&#13;</data><data key="weight">1.0</data></edge>
<edge source='7" {id}' target="&lt;'&amp;&#9;">\
<data key="relation">&lt;later&gt;</data><data key="weight">0.33333334</data></edge>
</graph>
</graphml>
"""


def written(write, graph: LatentRelationGraph, edges: xml.Edges) -> str:
    file = io.BytesIO()
    write(graph, edges, file)
    return file.getvalue().decode()


@pytest.mark.parametrize(
    ("write", "expected"), [(write_gexf, GEXF), (write_graphml, GRAPHML)]
)
def test_every_letter(make_graph, write, expected):
    graph = make_graph(TEXTS, IDS)
    places = graph.find(torch.tensor([0, 4]), torch.tensor([1, 0]))
    edges = {
        '"{brand}" &\r': (places, torch.tensor([0.1, 1.0])),
        "none": (places[:0], torch.empty(0)),
        "<later>": (places[:1], torch.tensor([1 / 3])),
    }
    assert written(write, graph, edges) == expected


@pytest.mark.parametrize("write", [write_gexf, write_graphml])
def test_slices_make_no_difference(awkward, write, monkeypatch):
    edges = likely_edges(awkward, 0.0)
    whole = written(write, awkward, edges)
    monkeypatch.setattr(xml, "_ROWS", 7)
    assert written(write, awkward, edges) == whole
