import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lrdgraph import LatentRelationGraph
from lrdgraph.convert import likely_edges, to_data, to_frame, to_networkx

NUM_ITEMS = 9
IDS = [f"B{index:03d}" for index in range(NUM_ITEMS)]


@pytest.fixture(scope="module")
def graph(make_graph) -> LatentRelationGraph:
    graph = make_graph([f"thing {index}" for index in range(NUM_ITEMS)])
    # ties, so that which of two equally sure pairs goes out is tested too
    latent = torch.randint(4, (graph.num_edges, 2)) / 4
    sure = torch.cat([graph.probability()[:, :2], latent], dim=1)
    graph.probability = lambda edge_id: sure[edge_id]
    return graph


def slowly(graph, min_prob, relations, items, top_k) -> dict[str, list]:
    """Every relation, item and pair in turn."""
    every = torch.arange(graph.num_edges)
    rows = graph.probability(every).tolist()
    found = {}
    for column, name in enumerate(graph.relations):
        if name not in (relations if relations is not None else graph.relations):
            continue
        found[name] = []
        for head in range(graph.num_items):
            if items is not None and graph.ids[head] not in items:
                continue
            own = [
                (place, rows[place][column])
                for place in every.tolist()
                if graph.edge_index[0, place] == head
                and rows[place][column] >= min_prob
                and rows[place][column] > 0
            ]
            surest = sorted(own, key=lambda pair: -pair[1])[:top_k]
            found[name] += sorted(surest)
    return found


@given(
    st.sampled_from([0, 0.25, 0.5, 0.6, 1]),
    st.none() | st.sets(st.sampled_from(["text_knn", "transition", "latent_2"])),
    st.none() | st.sets(st.sampled_from(IDS)),
    st.none() | st.integers(1, 4),
)
def test_filters_together(graph, min_prob, relations, items, top_k) -> None:
    edges = likely_edges(graph, min_prob, relations, items, top_k)
    found = {
        name: list(zip(place.tolist(), probability.tolist(), strict=True))
        for name, (place, probability) in edges.items()
    }
    assert found == slowly(graph, min_prob, relations, items, top_k)


@pytest.mark.parametrize("convert", [likely_edges, to_data, to_frame, to_networkx])
@pytest.mark.parametrize(
    ("filters", "error", "message"),
    [
        ({"min_prob": -0.1}, ValueError, r"'min_prob' .* 0 to 1 \(got -0.1\)"),
        ({"min_prob": float("nan")}, ValueError, r"'min_prob' .* \(got nan\)"),
        ({"top_k": 0}, ValueError, r"'top_k' needs to be positive \(got 0\)"),
        (
            {"relations": ["text_knn", "latent_3"]},
            KeyError,
            r"'text_knn', 'transition', 'latent_1', 'latent_2'.*got 'latent_3'",
        ),
        ({"items": ["B001", "B999"]}, KeyError, "item 'B999' needs to be one of"),
    ],
)
def test_bad_filters_are_named(graph, convert, filters, error, message) -> None:
    with pytest.raises(error, match=message):
        convert(graph, **filters)


def test_functions_are_methods_of_the_graph(graph) -> None:
    assert graph.to_frame(0.25, top_k=1).equals(to_frame(graph, 0.25, top_k=1))
    assert list(graph.to_networkx(items=["B003"])) == list(
        to_networkx(graph, items=["B003"])
    )
    assert graph.to_data(1).edge_types == to_data(graph, 1).edge_types
