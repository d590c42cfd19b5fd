"""What every format has to keep, read back with other people's parsers."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import networkx as nx
import pandas as pd
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st

from lrdgraph import LatentRelationGraph
from lrdgraph.convert.save import WRITERS
from lrdgraph.convert.xml import legal
from lrdgraph.datasets import from_tables

Triple = tuple[str, str, str]


def read_network(path: Path) -> tuple[dict[Triple, float], dict[str, str]]:
    if path.suffix == ".gexf":
        network, name = nx.read_gexf(path), "label"
    else:
        network, name = nx.read_graphml(path, force_multigraph=True), "relation"
    assert network.is_directed()
    edges = {(i, e[name], j): e["weight"] for i, j, e in network.edges(data=True)}
    assert len(edges) == network.number_of_edges()
    return edges, dict(network.nodes(data="label", default=""))


def read_rdf(path: Path) -> tuple[dict[Triple, float], dict[str, str]]:
    def name(iri: rdflib.term.Node) -> str:
        assert re.fullmatch(r"urn:lrdgraph:(item|relation):[\w.~%-]*", iri, re.ASCII)
        return unquote(iri.split(":", 3)[3])

    edges, labels = {}, {}
    for head, relation, tail in rdflib.Graph().parse(path, format="nt"):
        if relation == rdflib.RDFS.label:
            assert isinstance(tail, rdflib.Literal)
            labels[name(head)] = str(tail)
        else:
            edges[name(head), name(relation), name(tail)] = 1.0
    return edges, labels


def read_table(path: Path) -> tuple[dict[Triple, float], None]:
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
    else:
        table = pd.read_csv(
            path,
            sep="\t",
            keep_default_na=False,
            dtype=dict.fromkeys(("head", "relation", "tail"), str),
        )
    assert list(table) == ["head", "relation", "tail", "probability"]
    rows = table.itertuples(index=False)
    return {row[:3]: row.probability for row in rows}, None


READERS: dict[str, Callable[[Path], tuple]] = {
    ".gexf": read_network,
    ".graphml": read_network,
    ".nt": read_rdf,
    ".parquet": read_table,
    ".tsv": read_table,
}

each_suffix = pytest.mark.parametrize("suffix", WRITERS)


@each_suffix
def test_files_give_back_edges_and_texts(
    awkward: LatentRelationGraph, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"relations{suffix}"
    awkward.save(path, 0.0)
    edges, labels = READERS[suffix](path)
    table = awkward.to_frame(0.0)
    expected = dict(
        zip(
            zip(table["head"], table["relation"], table["tail"], strict=True),
            table["probability"].tolist(),
            strict=True,
        )
    )
    assert len(expected) == len(table) > 50
    assert edges.keys() == expected.keys()
    if suffix != ".nt":
        assert edges == pytest.approx(expected)
    if labels is not None:
        assert labels == dict(zip(awkward.ids, awkward.texts, strict=True))


# Earlier versions of pandas lose NUL when they read a table.
LOST = "\0" if pd.__version__ < "3.1" else ""
letter = st.characters(codec="utf-8", exclude_characters=LOST)
name = st.text(letter, min_size=1, max_size=6)
names = st.lists(name, min_size=9, max_size=9, unique_by=legal)


@each_suffix
@settings(max_examples=12)
@given(names, name)
def test_any_ids_and_names_come_back(
    make_graph, tmp_path_factory, suffix: str, ids: list[str], relation: str
) -> None:
    graph = make_graph(ids[::-1], ids)
    graph.relations = (relation, *graph.relations[1:])
    path = tmp_path_factory.mktemp("any") / f"relations{suffix}"
    graph.save(path, 0.0)
    edges, labels = READERS[suffix](path)
    written = legal if suffix in (".gexf", ".graphml") else str
    table = graph.to_frame(0.0)
    rows = table.itertuples(index=False)
    assert edges.keys() == {tuple(map(written, row[:3])) for row in rows}
    if labels is not None:
        texts = dict(zip(graph.ids, graph.texts, strict=True))
        assert labels == {written(i): legal(text) for i, text in texts.items()}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".gexf", ".graphml"])
def test_items_are_not_merged_in_silence(make_graph, suffix: str, tmp_path) -> None:
    graph = make_graph(["text"] * 6, ["a", "a\x07", "b", "c", "d", "e"])
    with pytest.raises(
        ValueError, match=r"'ids' need to differ .*got 'a' and 'a\\x07'"
    ):
        graph.save(tmp_path / f"relations{suffix}")


@each_suffix
def test_filters_reach_the_file(
    awkward: LatentRelationGraph, suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"relations{suffix}"
    filters = {"relations": ["latent_1", "latent_2"], "items": awkward.ids[2:4]}
    awkward.save(path, 0.1, **filters, top_k=2)
    edges, labels = READERS[suffix](path)
    starts = Counter((head, relation) for head, relation, _ in edges)
    assert {head for head, _ in starts} == set(awkward.ids[2:4])
    assert max(starts.values()) == 2
    if labels is not None:
        assert labels.keys() == {
            item for head, _, tail in edges for item in (head, tail)
        }


@each_suffix
def test_a_file_without_edges(
    awkward: LatentRelationGraph, suffix: str, tmp_path: Path
) -> None:
    awkward.save(tmp_path / f"relations{suffix}", relations=[])
    edges, labels = READERS[suffix](tmp_path / f"relations{suffix}")
    assert edges == {}
    assert not labels


@each_suffix
def test_what_xml_and_utf_8_forbid_is_left_out(
    make_graph, suffix: str, tmp_path: Path
) -> None:
    graph = make_graph(["bell \x07, null \x00, \ufffe, half \ud83d"] * 6)
    graph.save(tmp_path / f"relations{suffix}", 0.0)
    _, labels = READERS[suffix](tmp_path / f"relations{suffix}")
    if labels is not None:
        assert set(labels.values()) == {"bell , null , , half "}


def test_gephi_keeps_relations_of_a_pair_apart_by_their_kind(
    awkward: LatentRelationGraph, tmp_path: Path
) -> None:
    awkward.save(tmp_path / "relations.gexf", 0.0)
    written = (tmp_path / "relations.gexf").read_text()
    kinds = re.findall(r" kind=\"([a-z_0-9]+)\"", written)
    assert Counter(kinds) == Counter(
        name for name in awkward.to_frame(0.0)["relation"] if name.isidentifier()
    )


@pytest.mark.parametrize("suffix", [".parquet", ".tsv"])
def test_tables_come_back_as_observed_relations(
    make_graph, suffix: str, tmp_path: Path
) -> None:
    graph = make_graph([f"thing {index}" for index in range(8)])
    latent = graph.latent_relations[1:]  # all others are made anew
    graph.save(tmp_path / f"relations{suffix}", 0.5, latent)
    items = pd.DataFrame({"item_id": graph.ids, "title": graph.texts})
    bought = pd.DataFrame({"user_id": ["u"], "item_id": ["B000"], "time": [0]})
    data = from_tables(bought, items, tmp_path / f"relations{suffix}")
    expected = graph.to_data(0.5, latent)
    for _, name, _ in expected.edge_types:
        edge_index = expected["item", name, "item"].edge_index
        if edge_index.numel():
            assert data["item", name, "item"].edge_index.equal(edge_index)


def test_a_file_may_be_read_like_any_other(
    awkward: LatentRelationGraph, tmp_path: Path
) -> None:
    (tmp_path / "other").touch()
    awkward.save(tmp_path / "relations.tsv")
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_path_may_begin_at_home(
    awkward: LatentRelationGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    awkward.save("~/relations.tsv")
    assert (tmp_path / "relations.tsv").is_file()


def test_another_suffix_is_named_and_nothing_is_written(
    awkward: LatentRelationGraph, tmp_path: Path
) -> None:
    message = r"'path' needs to end in one of \['.gexf', .*'.tsv'\] \(got '.*.xlsx'\)"
    with pytest.raises(ValueError, match=message):
        awkward.save(tmp_path / "relations.xlsx")
    assert not list(tmp_path.iterdir())


@each_suffix
def test_a_failure_leaves_the_old_file(
    awkward: LatentRelationGraph,
    suffix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "new" / f"relations{suffix}"
    awkward.save(path)
    before = path.read_bytes()

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("lrdgraph.convert.tables.united", fail)
    with pytest.raises(OSError, match="no space left"):
        awkward.save(path, 0.0)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
