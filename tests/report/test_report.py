import json
import re
from html.parser import HTMLParser

import pytest
import torch

from lrdgraph import LatentRelationGraph
from lrdgraph.convert import to_frame
from lrdgraph.describe import describe, name_relations
from lrdgraph.explain import LENT
from lrdgraph.models import LRDRec
from lrdgraph.report import write_report
from lrdgraph.report.explorer import neighborhoods
from lrdgraph.testing import HashTextEncoder, make_shop, tiny_shop


class Page(HTMLParser):
    """Elements with their attributes, and the text of the page and of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, text: str) -> None:
        if self.cdata_elem == "script":
            self.scripts[-1] += text
        elif not self.cdata_elem:
            self.texts.append(" ".join(text.split()))


@pytest.fixture(scope="module")
def page(told) -> Page:
    return Page(told.path.read_text())


def test_nothing_is_loaded(told, page: Page) -> None:
    for tag, attributes in page.elements:
        assert tag not in {"img", "link", "iframe", "object", "base", "form"}
        assert "src" not in attributes
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(
        r"url\((?!#)|@import|https?:(?!//www.w3.org)", told.path.read_text()
    )
    (policy,) = (a["content"] for _, a in page.elements if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")


def test_what_others_wrote_is_text(told, page: Page) -> None:
    assert len(page.scripts) == 2
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    shown = set(page.texts)
    assert set(told.data["item"].title[:7]) <= shown  # they are in a history
    assert told.relation in shown
    assert "same <s>attribute</s>" in shown
    assert "<i>AUC</i>" in shown


def test_descriptions_are_told(told, page: Page) -> None:
    descriptions = describe(told.graph, told.data)
    for one in descriptions:
        key = f"{one.num_pairs:,} pairs · {one.confidence * 100:.0f} % sure"
        assert f"{one.relation} · {key}" in page.texts
        assert page.texts.count(one.name) >= 3  # use, card, overlap
        for pair in one.exemplars:
            assert {pair.head_title, pair.tail_title} <= set(page.texts)
        for overlap in one.overlaps:
            assert f"× {overlap.lift:.1f}" in page.texts
    static = told.graph.static.nonzero().squeeze(1)
    unrelated = (told.graph.posterior(static).argmax(1) == 0).float().mean()
    assert f"{unrelated * 100:.1f} %" in page.texts


def test_when_shoppers_came_is_told(page: Page) -> None:
    told = {str(a["title"]).split(":")[0] for _, a in page.elements if "title" in a}
    assert {"1 purchase later", "2 purchases later", "5 to 7 purchases later"} <= told


def test_recommendations_are_told(told, page: Page) -> None:
    titles = dict(zip(told.data["item"].id, told.data["item"].title, strict=True))
    for history in told.histories:
        for one in told.model.recommend(history, k=3):
            assert f"{one.score:.2f}" in page.texts
            assert titles[one.item] in page.texts
            for reason in one.reasons[:2]:
                assert f"+{reason.contribution:.2f}" in page.texts
    assert "and 2 before" in page.texts


def test_a_reason_that_is_lent_is_told(told, tmp_path) -> None:
    shop = tiny_shop(num_users=60, num_items=48)
    model, texts = LRDRec(LatentRelationGraph(shop, num_latent=2)), shop["item"].text
    model.scorer.strength.data += 5  # so that paths are worth a mention
    encoder = HashTextEncoder(shop["item"].x.size(1))
    model = model.eval().with_items([f"new {text}" for text in texts], texts, encoder)
    histories = [
        [item]
        for item in shop["item"].id
        for one in model.recommend([item], k=3)
        if any(reason.relation == LENT for reason in one.reasons[:2])
    ]
    path = tmp_path / "report.html"
    write_report(model.graph, path, recommender=model, histories=histories[:1])
    page = Page(path.read_text())
    label = "transition, lent by items that read alike"
    assert label in page.texts
    looks = json.loads(page.scripts[0])["relations"]
    assert label not in [look["label"] for look in looks]  # there is none to explore


def test_a_page_of_no_items_is_refused(told, tmp_path) -> None:
    with pytest.raises(ValueError, match=r"'max_items' needs .* \(got 0\)"):
        write_report(told.graph, tmp_path / "report.html", max_items=0)


def test_health_is_drawn(page: Page) -> None:
    lines = [a["points"] for tag, a in page.elements if tag == "polyline"]
    assert lines == ["0.00,100.00 33.33,25.00 100.00,0.00", "0.00,0.00", ""]


def test_the_explorer_has_the_surest_edges(told, page: Page) -> None:
    content = json.loads(page.scripts[0])
    items = [item for item, _ in content["items"]]
    titles = dict(zip(told.data["item"].id, told.data["item"].title, strict=True))
    assert all(
        " ".join(titles[item].split()) == title for item, title in content["items"]
    )
    names = [relation["key"] for relation in content["relations"]]
    flat = content["edges"]
    found = [
        (items[flat[k]], names[flat[k + 2]], items[flat[k + 1]], flat[k + 3])
        for k in range(0, len(flat), 4)
    ]
    table = to_frame(told.graph, 0.3, top_k=8)
    percent = (100 * table["probability"]).round().astype(int)
    expected = zip(
        table["head"], table["relation"], table["tail"], percent, strict=True
    )
    assert sorted(found) == sorted(expected)
    assert content["heads"] == told.graph.num_items
    variety: dict[str, set[str]] = {item: set() for item in items}
    for head, relation, _, sure in found:
        if relation.startswith("latent") and sure >= 50:
            variety[head].add(relation)
    most = max(map(len, variety.values()))
    assert len(variety[items[content["start"]]]) == most


def test_a_large_catalogue_is_cut_but_not_its_edges(told) -> None:
    graph = told.graph
    names = graph.texts
    content = neighborhoods(graph, names, [graph.ids[30], graph.ids[2]], max_items=5)
    items = [item for item, _ in content["items"]]
    popular = graph.popularity.argsort(descending=True, stable=True).tolist()
    rest = [graph.ids[i] for i in popular if i not in (30, 2)][:3]
    assert items[:5] == [graph.ids[30], graph.ids[2], *rest]
    assert content["heads"] == 5
    table = to_frame(graph, 0.3, items=items[:5], top_k=8)
    assert len(content["edges"]) == 4 * len(table)
    assert set(items) == {*items[:5], *table["tail"]}
    assert content["start"] < 5


def test_a_bare_graph_has_a_report_too(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = make_shop([[0]], 4, {"near": [(0, 1), (1, 2), (2, 3)]})
    graph = LatentRelationGraph(data, num_latent=2)
    write_report(graph, tmp_path / "report.html")
    page = Page((tmp_path / "report.html").read_text())
    assert "-0.0 %" not in page.texts
    ids = {a.get("id") for _, a in page.elements}
    assert {"use", "explore", "relations", "overlap", "latent_1"} <= ids
    assert {"recommendations", "training"}.isdisjoint(ids)
    write_report(graph, "~/again.html")
    assert (tmp_path / "again.html").read_bytes() == (
        tmp_path / "report.html"
    ).read_bytes()


def test_control_characters_are_left_out(tmp_path) -> None:
    data = make_shop([[0]], 4, {"near": [(0, 1), (1, 2), (2, 3)]})
    data["item"].text = ["null \x00", "bell \x07", "half \ud83d", "x"]
    graph = LatentRelationGraph(data, num_latent=2)
    write_report(graph, tmp_path / "report.html")
    assert not re.search(
        "[\x00-\x08\ud800-\udfff]", (tmp_path / "report.html").read_text()
    )


def test_what_a_language_model_wrote_is_text(told, tmp_path) -> None:
    name, sentence = (
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(2)>",
    )
    answers = iter([f"{name}: {sentence}", "no form", "<u>bold</u>: {{ 7 * 7 }}"])
    named = name_relations(describe(told.graph, told.data), lambda _: next(answers))
    path = tmp_path / "report.html"
    write_report(told.graph, path, told.data, descriptions=named)
    page = Page(path.read_text())
    assert len(page.scripts) == 2
    assert {"img", "u"}.isdisjoint(tag for tag, _ in page.elements)
    assert {name, sentence, "<u>bold</u>", "{{ 7 * 7 }}"} <= set(page.texts)
    for one in named:
        assert f"Name {one.origin}." in page.texts
        assert page.texts.count(one.name) >= 3  # use, card, overlap
    labels = [look["label"] for look in json.loads(page.scripts[0])["relations"]]
    assert {one.name for one in named} <= set(labels)
    assert any("that a language model wrote" in text for text in page.texts)


def test_refusals(told, tmp_path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(ValueError, match="'histories' need a 'recommender'"):
        write_report(told.graph, path, told.data, histories=told.histories)
    with pytest.raises(KeyError, match="item 'nothing' needs to be one of"):
        write_report(told.graph, path, recommender=told.model, histories=[["nothing"]])
    with pytest.raises(ValueError, match="needs the 48 items"):
        write_report(told.graph, path, tiny_shop(num_users=60, num_items=96))
    some = describe(told.graph)[1:]
    with pytest.raises(ValueError, match="'descriptions' need to be of .*latent_1"):
        write_report(told.graph, path, descriptions=some)
    with pytest.raises(ValueError, match="'descriptions' need to be of .*latent_1"):
        write_report(told.graph, path, descriptions=[])
    torch.manual_seed(0)
    with pytest.raises(ValueError, match="needs latent relations to describe"):
        write_report(LatentRelationGraph(told.data, num_latent=0), path)
    assert not path.exists()
