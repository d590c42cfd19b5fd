from collections.abc import Iterable

import pandas as pd
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from lrdgraph import LatentRelationGraph
from lrdgraph.candidates import degree_scale
from lrdgraph.testing import HashTextEncoder, make_shop
from lrdgraph.transforms import EmbedText, Normalize, TextKNN, Whiten

ENCODER = HashTextEncoder(32)  # that of the shop
TEXTS = ["Corvid dock for a lantern", "Ombra lantern, 2-pack", " "]
IDS = ["new0", "new1", "blank"]


@pytest.fixture(scope="module")
def graph(shop) -> LatentRelationGraph:
    torch.manual_seed(0)
    graph = LatentRelationGraph(shop, num_latent=3, state_channels=8)
    torch.nn.init.normal_(graph.dvae.outcome.weight)
    return graph.eval()


@pytest.fixture(scope="module")
def grown(graph) -> LatentRelationGraph:
    return graph.with_items(IDS, TEXTS, ENCODER, k=5)


def pairs_of(graph: LatentRelationGraph, items: list[str]) -> set[tuple[str, str]]:
    """Pairs by text that start from or lead to some items, in external ids."""
    pairs = graph.edge_index[:, graph.static]
    names = [[graph.ids[i] for i in row] for row in pairs.tolist()]
    return {p for p in zip(*names, strict=True) if set(items) & set(p)}


def test_what_was_there_stays_as_it_was(graph, grown):
    assert grown.ids == [*graph.ids, *IDS]
    assert grown.texts == [*graph.texts, *TEXTS[:2], ""]
    assert not grown.training
    assert grown.relations == graph.relations
    assert grown.x[: graph.num_items].equal(graph.x)
    place = grown.find(*graph.edge_index)
    assert (place >= 0).all()
    assert torch.allclose(grown(place).weight, graph().weight, atol=1e-6)
    assert torch.allclose(grown.probability(place), graph.probability(), atol=1e-6)
    assert grown.lags[place].equal(graph.lags)
    assert grown.chance[: graph.num_items].equal(graph.chance)


def test_pairs_stay_sorted_by_source(grown):
    assert grown.key.equal(grown.key.unique())
    assert grown.key.equal(grown.edge_index[0] * grown.num_items + grown.edge_index[1])
    for item in (0, grown.num_items - 2):
        _, edge_id = grown.edges_from(torch.tensor([item]))
        assert edge_id.equal((grown.edge_index[0] == item).nonzero().squeeze(1))


def nearest(graph: LatentRelationGraph, new: int, among: Iterable[int]) -> list[int]:
    """The five nearest of some items, the slow way."""
    unit = normalize(graph.x)
    others = [i for i in among if i != new and unit[i].any()]
    return sorted(others, key=lambda i: -float(unit[new] @ unit[i]))[:5]


def bought(graph: LatentRelationGraph) -> list[int]:
    return graph.popularity.nonzero().squeeze(1).tolist()


def test_new_items_are_paired_with_their_nearest_in_both_directions(graph, grown):
    assert len(bought(graph)) < graph.num_items
    expected = set()
    for new in (graph.num_items, graph.num_items + 1):
        for among in (bought(graph), range(grown.num_items)):
            for near in nearest(grown, new, among):
                expected |= {(grown.ids[new], grown.ids[near])}
                expected |= {(grown.ids[near], grown.ids[new])}
    assert pairs_of(grown, IDS) == expected


@pytest.mark.parametrize("at_once", [6, 1])
def test_each_is_reached_however_many_alike_arrive(graph, at_once):
    ids = [f"colour{index}" for index in range(6)]
    texts = [f"Corvid dock for a lantern, colour {index}" for index in range(6)]
    grown = graph
    for first in range(0, 6, at_once):
        part = slice(first, first + at_once)
        grown = grown.with_items(ids[part], texts[part], ENCODER, k=5)
    pairs = set(zip(*grown.edge_index.tolist(), strict=True))
    for new in range(graph.num_items, grown.num_items):
        for near in nearest(grown, new, bought(graph)):
            assert {(new, near), (near, new)} <= pairs
        lent = grown.transitions[grown.edge_index[1] == new]
        assert (lent > 0).sum() > 5


def test_new_pairs_are_near_in_text_and_nobody_followed_them(graph, grown):
    new = (grown.edge_index >= graph.num_items).any(0) & grown.static
    known = grown.observed[new].sum(0).tolist()
    column = grown.observed_relations.index("text_knn")
    assert [n > 0 for n in known] == [i == column for i in range(len(known))]
    assert not grown.lags[new].any()
    place = new.nonzero().squeeze(1)
    column = grown.relations.index("transition")
    assert not grown.probability(place)[:, column].any()


def test_transitions_are_lent_by_the_items_that_a_new_one_reads_like(graph, grown):
    unit = normalize(grown.x)
    column = grown.relations.index("transition")
    weight = grown().weight[:, column]
    for new in (graph.num_items, graph.num_items + 1):
        near = nearest(grown, new, bought(graph))
        share = (20 * unit[near] @ unit[new]).softmax(0).tolist()
        expected: dict[int, float] = {}
        for part, lender in zip(share, near, strict=True):
            for edge in (graph.edge_index[1] == lender).nonzero().flatten().tolist():
                source = int(graph.edge_index[0, edge])
                sent = part * float(graph.transition_weight(torch.tensor([edge])))
                expected[source] = expected.get(source, 0) + sent
        into = (grown.edge_index[1] == new).nonzero().flatten().tolist()
        found = {int(grown.edge_index[0, edge]): float(weight[edge]) for edge in into}
        sent = {source: value for source, value in expected.items() if value}
        assert len(sent) > 5
        assert {s: v for s, v in found.items() if v} == pytest.approx(sent, rel=1e-4)


def test_what_is_lent_is_not_told_as_counted(graph, grown):
    place = (grown.edge_index[1] >= graph.num_items).nonzero().squeeze(1)
    column = grown.relations.index("transition")
    assert grown.transitions[place].any()
    assert not grown.probability(place)[:, column].any()
    old = (grown.edge_index < graph.num_items).all(0).nonzero().squeeze(1)
    assert grown.probability(old)[:, column].equal(graph.probability()[:, column])
    table = grown.to_frame(min_prob=0.01, relations=["transition"])
    assert not set(table["tail"]) & set(IDS)


def test_what_leads_to_a_new_item_counts_by_how_near_it_is(graph, grown):
    unit = normalize(grown.x)
    cosine = (unit @ unit.T)[grown.edge_index.unbind()]
    column = grown.observed_relations.index("text_knn")
    known = (grown.edge_index < graph.num_items).all(0)
    average = cosine[known & (grown.observed[:, column] > 0)].mean()
    plain = degree_scale(grown.edge_index, grown.static, grown.num_items)
    into = grown.edge_index[1] >= graph.num_items
    expected = plain * (3 * (cosine - average)).exp()
    assert torch.allclose(grown.scale[into], expected[into])
    assert torch.allclose(grown.scale[~into & ~known], plain[~into & ~known])
    assert grown.scale[known].equal(graph.scale)


def test_relations_of_new_pairs_are_read_off_the_texts(graph, grown):
    edge_id = (grown.edge_index >= graph.num_items).any(0).nonzero().squeeze(1)
    pair = grown.edge_index[:, edge_id]
    read_off = graph.dvae.posterior(graph.dvae.roles(grown.x), pair)
    assert torch.allclose(grown.posterior(edge_id), read_off, atol=1e-6)
    assert grown.posterior(edge_id).std(0).max() > 0.01


def test_an_item_without_text_has_no_pairs(grown):
    assert not grown.x[-1].any()
    assert pairs_of(grown, ["blank"]) == set()


@pytest.mark.parametrize("steps", [(), (Normalize(),), (Whiten(3), Normalize())])
def test_an_equal_text_gets_an_equal_vector(steps):
    data = EmbedText(HashTextEncoder(8))(make_shop([[0, 1, 2, 3, 4]], 9))
    for step in (*steps, TextKNN(2)):
        data = step(data)
    graph = LatentRelationGraph(data, num_latent=1)
    grown = graph.with_items(["twin"], [graph.texts[4]], HashTextEncoder(8))
    assert torch.allclose(grown.x[-1], graph.x[4], atol=1e-6)
    again = grown.with_items(["third"], [graph.texts[4]], HashTextEncoder(8))
    assert torch.allclose(again.x[-1], graph.x[4], atol=1e-6)


def test_ids_and_texts_are_read_as_those_of_a_shop(graph):
    texts = ["<b>Corvid</b> dock &amp;\n lantern", float("nan"), "half \ud83d"]
    table = pd.DataFrame({"id": [900, 901, 902], "text": texts}, dtype=object)
    grown = graph.with_items(table["id"], table["text"], ENCODER)
    assert grown.ids[-3:] == ["900", "901", "902"]
    assert grown.texts[-3:] == ["Corvid dock & lantern", "", "half \ufffd"]
    clean = graph.with_items(["900"], ["Corvid dock & lantern"], ENCODER)
    assert torch.allclose(grown.x[-3], clean.x[-1], atol=1e-6)
    assert not grown.x[-2].any()


def narrow(texts: list[str]) -> Tensor:
    return torch.ones(len(texts), 3)


@pytest.mark.parametrize(
    ("ids", "texts", "options", "message"),
    [
        (["P000003"], ["a pen"], {}, r"'ids' need to be new .*got 'P000003' again"),
        (["a", "a"], ["a pen", "ink"], {}, r"'ids' need to be new .*got 'a' again"),
        (
            ["a"],
            ["a pen", "ink"],
            {},
            r"as many as 'ids', 1 \(got 2",
        ),
        (["a", " "], ["a pen", "ink"], {}, r"'ids' needs an id .*got ' ' in row 1"),
        (["a", None], ["a pen", "ink"], {}, r"'ids' needs an id .*got None in row 1"),
        (["\ud83d"], ["a pen"], {}, r"'ids' needs an id .*got '\\ud83d' in row 0"),
        ([7, "7"], ["a pen", "ink"], {}, r"'ids' need to be new .*got '7' again"),
        (["a"], ["a pen"], {"k": 0}, r"'k' needs to be positive \(got 0\)"),
        (
            ["a"],
            ["a pen"],
            {"encoder": HashTextEncoder(8)},
            r"'encoder' needs to be the one .*32\)' \(got 'HashTextEncoder\(8\)'\)",
        ),
        (["a"], ["a pen"], {"encoder": narrow}, r"shape \[M, 32\].*got \[1, 3\]"),
    ],
)
def test_what_cannot_be_added_is_refused(graph, ids, texts, options, message):
    with pytest.raises(ValueError, match=message):
        graph.with_items(ids, texts, **{"encoder": ENCODER, **options})


def test_all_items_are_known_where_nobody_has_bought_any():
    graph = LatentRelationGraph(TextKNN(2)(make_shop([[0]], 9)), num_latent=1)
    assert not bought(graph)
    grown = graph.with_items(["a", "b"], ["thing i3", "thing"], HashTextEncoder(8), k=5)
    for new in (9, 10):
        leaving = grown.edge_index[1, grown.edge_index[0] == new].tolist()
        assert set(nearest(grown, new, range(9))) <= set(leaving)


def test_a_graph_without_text_neighbours_takes_no_items():
    graph = LatentRelationGraph(make_shop([[0, 1]], 3, {"bought": [(0, 1)]}))
    with pytest.raises(ValueError, match=r"'text_knn', which needs to be a relation"):
        graph.with_items(["a"], ["a pen"], HashTextEncoder(8))


@pytest.mark.parametrize("given", [("ab", ["x", "y"]), (["a", "b"], "xy")])
def test_a_single_text_is_no_list_of_items(given, graph):
    with pytest.raises(ValueError, match=r"need to be a sequence \(got the text"):
        graph.with_items(*given, ENCODER)
