from pathlib import Path

import networkx as nx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lrdgraph import LatentRelationGraph
from lrdgraph.convert import to_data, to_networkx

TEXTS = [
    "Stift „Grün“ & 筆 🖊",
    "<b>Bold</b> &amp; ]]> \"quoted\" 'too'",
    "bell \x07, null \x00, escape \x1b[0m, not a character \ufffe",
    "half of a pair \ud83d",
    "tab\tand\nline",
    "",
]
READABLE = [
    "Stift „Grün“ & 筆 🖊",
    "<b>Bold</b> &amp; ]]> \"quoted\" 'too'",
    "bell , null , escape [0m, not a character ",
    "half of a pair ",
    "tab\tand\nline",
    "",
]


@pytest.fixture(scope="module")
def graph(make_graph) -> LatentRelationGraph:
    return make_graph(TEXTS)


def likely(graph: LatentRelationGraph, min_prob: float) -> dict[tuple, float]:
    """The slow way: every pair and relation in turn."""
    return {
        (graph.ids[i], graph.ids[j], name): prob
        for (i, j), row in zip(
            graph.edge_index.t().tolist(), graph.probability().tolist(), strict=True
        )
        for name, prob in zip(graph.relations, row, strict=True)
        if prob >= min_prob and prob > 0
    }


@given(st.floats(0, 1, width=32))
def test_both_hold_the_pairs_that_are_likely_enough(
    graph: LatentRelationGraph, min_prob: float
) -> None:
    expected = likely(graph, min_prob)
    data = to_data(graph, min_prob)
    assert [name for _, name, _ in data.edge_types] == list(graph.relations)
    found = {
        (graph.ids[i], graph.ids[j], name): prob
        for _, name, _ in data.edge_types
        for (i, j), prob in zip(
            data["item", name, "item"].edge_index.t().tolist(),
            data["item", name, "item"].prob.tolist(),
            strict=True,
        )
    }
    assert found == expected
    edges = to_networkx(graph, min_prob).edges(keys=True, data="prob")
    assert {tuple(edge): prob for *edge, prob in edges} == expected


def test_data_is_valid_and_needs_no_gradient(graph: LatentRelationGraph) -> None:
    data = to_data(graph, 0.0)
    assert data.validate()
    assert data["item"].id == graph.ids
    assert data["item"].text == TEXTS
    assert data["item"].num_nodes == len(TEXTS)
    assert data["item"].x.equal(graph.x)
    for store in data.edge_stores:
        assert store.edge_index[0].diff().ge(0).all()
        assert not store.prob.requires_grad


def test_observed_counted_and_latent_probabilities(
    graph: LatentRelationGraph,
) -> None:
    edges = to_networkx(graph, 0.0).edges
    assert edges["B000", "B001", "transition"]["prob"] == 0.75
    assert edges["B004", "B000", "transition"]["prob"] == 1.0
    knn = [edge for *_, edge in edges(data=True) if edge["relation"] == "text_knn"]
    assert [edge["prob"] for edge in knn] == [1.0] * 3 * len(TEXTS)


def test_every_item_is_a_node_even_without_edges(graph: LatentRelationGraph) -> None:
    multigraph = to_networkx(graph, relations=[])
    assert list(multigraph) == graph.ids
    assert multigraph.number_of_edges() == 0


def test_chosen_items_come_with_what_they_lead_to(
    graph: LatentRelationGraph,
) -> None:
    multigraph = to_networkx(graph, items=["B004", "B000"], relations=["transition"])
    assert sorted(multigraph) == ["B000", "B001", "B004"]
    assert sorted(multigraph.edges()) == [("B000", "B001"), ("B004", "B000")]
    data = to_data(graph, items=["B000"], relations=["transition"], top_k=1)
    assert data["item"].num_nodes == len(TEXTS)
    assert data["item", "transition", "item"].edge_index.tolist() == [[0], [1]]


def test_a_chosen_item_is_a_node_where_nothing_leads_to_it(
    graph: LatentRelationGraph,
) -> None:
    for relations in ([], ["transition"]):
        multigraph = to_networkx(graph, items=["B004"], relations=relations)
        assert multigraph.nodes["B004"] == {"text": READABLE[4]}


def test_relations_can_be_chosen(graph: LatentRelationGraph) -> None:
    multigraph = to_networkx(graph, 0.0, relations=["latent_2", "transition"])
    found = {name for _, _, name in multigraph.edges(data="relation")}
    assert found == {"latent_2", "transition"}


@pytest.mark.parametrize("form", ["graphml", "gexf"])
def test_files_give_back_the_graph(
    graph: LatentRelationGraph, form: str, tmp_path: Path
) -> None:
    multigraph = to_networkx(graph, 0.0)
    path = tmp_path / f"relations.{form}"
    getattr(nx, f"write_{form}")(multigraph, path)
    again = getattr(nx, f"read_{form}")(path)
    assert isinstance(again, nx.MultiDiGraph)
    texts = dict(again.nodes(data="text"))
    assert texts == dict(zip(graph.ids, READABLE, strict=True))
    assert _edges(again) == pytest.approx(_edges(multigraph))


def _edges(multigraph: nx.MultiDiGraph) -> dict[tuple[str, str, str], float]:
    return {
        (source, target, edge["relation"]): edge["prob"]
        for source, target, edge in multigraph.edges(data=True)
    }


@given(st.text(st.characters(codec=None, exclude_characters="\r"), max_size=20))
def test_any_text_survives_graphml(make_graph, text: str) -> None:
    multigraph = to_networkx(make_graph([text] * 6), relations=[])
    written = "\n".join(nx.generate_graphml(multigraph))
    again = nx.parse_graphml(written, force_multigraph=True)
    kept = again.nodes["B000"].get("text", "")
    assert kept == "".join(letter for letter in text if not _is_illegal(letter))


def _is_illegal(letter: str) -> bool:
    return (
        (letter < " " and letter not in "\t\n\r")
        or "\ud800" <= letter <= "\udfff"
        or letter in "\ufffe\uffff"
    )


def test_a_relation_without_likely_pairs_stays_in_the_data(make_graph) -> None:
    graph = make_graph(TEXTS)

    def nothing(edge_id: Tensor) -> Tensor:
        return torch.zeros(edge_id.numel(), len(graph.relations))

    graph.probability = nothing
    data = to_data(graph)
    for name in graph.relations:
        assert data["item", name, "item"].edge_index.shape == (2, 0)
        assert data["item", name, "item"].prob.shape == (0,)
