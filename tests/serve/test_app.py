import asyncio
import copy
import logging
import threading
import time
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from fastapi.testclient import TestClient

from lrdgraph.explain import LENT, LENT_TOLD
from lrdgraph.serve import make_app
from lrdgraph.serve.answers import Answers
from lrdgraph.serve.messages import (
    MAX_AMONG,
    MAX_BODY,
    MAX_HISTORY,
    MAX_K,
    MAX_TOLD,
)
from lrdgraph.typing import Reason


def test_recommends_what_the_model_does(client, model, ids) -> None:
    texts = dict(zip(model.graph.ids, model.graph.texts, strict=True))
    options = {"k": 4, "seen": True, "max_per_relation": 1}
    for extra in ({"k": 4}, options, {"among": [ids.other], "k": 2}):
        answer = client.post("/recommend", json={"history": ids.history, **extra})
        expected = model.recommend(ids.history, **extra)
        assert answer.status_code == 200
        got = answer.json()["items"]
        assert [item["id"] for item in got] == [one.item for one in expected]
        for item, one in zip(got, expected, strict=True):
            assert item["score"] == pytest.approx(one.score, rel=1e-5)
            assert item["text"] == texts[one.item]
            for reason, known in zip(item["reasons"], one.reasons, strict=True):
                named = (reason["id"], reason["relation"])
                assert named == (known.item, known.relation)
                assert reason["contribution"] == pytest.approx(known.contribution)


def test_a_model_in_training_answers_as_it_does_afterwards(model, ids) -> None:
    body = {"history": ids.history, "k": 5}
    answers = []
    for training in (True, False):
        client = TestClient(make_app(copy.deepcopy(model).train(training)))
        answers.append(client.post("/recommend", json=body).json())
    assert answers[0] == answers[1]


def test_reasons_are_in_words(client, model, ids) -> None:
    names = model.graph.relation_names
    body = {"history": model.graph.ids[:20], "k": MAX_K}
    items = client.post("/recommend", json=body).json()["items"]
    reasons = [reason for item in items for reason in item["reasons"]]
    assert any(reason["name"].startswith("<b>latent_") for reason in reasons)
    for reason in reasons:
        name = names.get(reason["relation"], reason["relation"])
        latent = reason["relation"].startswith("latent")
        sure = f" ({100 * reason['probability']:.0f} % sure)" if latent else ""
        assert reason["name"] == name
        assert reason["words"] == f"{name}{sure}, from “{reason['text']}”"


def test_a_new_user_is_recommended_to(client) -> None:
    items = client.post("/recommend", json={"history": []}).json()["items"]
    assert len(items) == 10
    assert all(item["reasons"] == [] for item in items)


def test_explains_an_item_also_of_the_history(client, model, ids) -> None:
    for item in (ids.other, ids.history[-1]):
        body = {"history": ids.history, "item": item}
        got = client.post("/explain", json=body).json()
        [one] = model.recommend(ids.history, 1, among=[item], seen=True)
        assert (got["id"], len(got["reasons"])) == (item, len(one.reasons))
        assert got["score"] == pytest.approx(one.score, rel=1e-5)


def test_neighbors_by_relation(client, model, ids) -> None:
    for item in (*ids.history, ids.other):
        path = f"/items/{quote(item, safe='')}/neighbors"
        for relation in (None, "text_knn", "latent_2"):
            params = {"k": 3, **({"relation": relation} if relation else {})}
            got = client.get(path, params=params).json()
            expected = model.graph.neighbors(item, relation, 3)
            assert got["item"]["id"] == item
            assert [(n["id"], n["relation"]) for n in got["neighbors"]] == [
                (n.item, n.relation) for n in expected
            ]


def test_items_are_found_by_id_and_text_in_any_case(client, model) -> None:
    def found(**params: object) -> list[str]:
        items = client.get("/items", params=params).json()["items"]
        return [item["id"] for item in items]

    assert found(search="ÜNÏCODE 筆") == [model.graph.ids[6]]
    assert found(search=model.graph.ids[30].lower()) == [model.graph.ids[30]]
    assert found(k=5) == model.graph.ids[:5]
    assert found(search="no such item") == []


def test_health_and_openapi(client, model, ids) -> None:
    health = client.get("/health").json()
    assert (health["status"], health["items"]) == ("ok", model.num_items)
    names = {one["relation"]: one["name"] for one in health["relations"]}
    assert list(names) == list(model.graph.relations)
    assert names["latent_1"] == "<b>latent_1</b>"
    schema = client.get("/openapi.json").json()
    paths = set(schema["paths"])
    assert paths == {
        "/recommend",
        "/explain",
        "/items",
        "/items/{item}/neighbors",
        "/health",
    }
    for path in ("/recommend", "/explain"):
        media = schema["paths"][path]["post"]["requestBody"]["content"]
        for example in media["application/json"]["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    docs = client.get("/docs").text
    assert "//" not in docs.replace("//static", "")  # nothing from a foreign address


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"history": [], "k": 0}, "'body.k': "),
        ({"history": [], "k": MAX_K + 1}, "'body.k': "),
        ({"history": [], "k": "3"}, "'body.k': "),
        ({"history": [], "k": True}, "'body.k': "),
        ({"history": [], "max_per_relation": 10**30}, "'body.max_per_relation': "),
        ({"history": ["x"] * (MAX_HISTORY + 1)}, "'body.history': "),
        ({"history": [], "among": ["x"] * (MAX_AMONG + 1)}, "'body.among': "),
        ({"history": "x"}, "'body.history': "),
        ({"history": [], "filter": []}, "'body.filter': "),
        ({}, "'body.history': "),
        ([], "'body': "),
    ],
)
def test_what_is_wrong_is_said(client, body, said) -> None:
    answer = client.post("/recommend", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(said)


def test_of_many_mistakes_the_first_are_told(client) -> None:
    """Or a body of 1 MiB would be answered with five, after seconds."""
    many = {"history": [], **{f"name {number}": 1 for number in range(50_000)}}
    for body in (many, {"history": [], "n" * 900_000: 1}, {"history": [1] * 1000}):
        answer = client.post("/recommend", json=body)
        assert answer.status_code == 422
        assert len(answer.content) < 2000
    told = client.post("/recommend", json=many).json()["detail"].split("; ")
    assert len(told) == MAX_TOLD
    assert told[0].startswith("'body.name 0': Extra inputs")


def test_an_app_may_be_started_again(model, ids) -> None:
    app = make_app(model)
    for _ in range(2):
        with TestClient(app) as client:
            body = {"history": ids.history}
            assert client.post("/recommend", json=body).status_code == 200


def test_what_is_lent_and_what_has_no_text_are_told_in_words(model) -> None:
    answers = Answers(model)
    [item] = model.graph.ids[:1]
    answers._texts[item] = ""
    told = answers._words(Reason(item, LENT, 0.0, 1.0))
    assert told == f"{LENT_TOLD}, from “{item}”"


def test_unknown_items_and_relations(client, ids) -> None:
    answer = client.get("/items/gone/neighbors")
    assert (answer.status_code, "'gone'" in answer.text) == (404, True)
    known = f"/items/{ids.other}/neighbors"
    answer = client.get(known, params={"relation": "likes"})
    assert answer.status_code == 422
    assert "'relation' needs to be one of" in answer.json()["detail"]
    assert client.get(known, params={"k": MAX_K + 1}).status_code == 422
    answer = client.post("/explain", json={"history": [], "item": "gone"})
    assert (answer.status_code, "'gone'" in answer.text) == (422, True)


def test_a_body_has_a_limit_announced_or_not(client) -> None:
    whole = b" " * (MAX_BODY + 1)
    pieces = (whole[:1000] for _ in range(MAX_BODY // 1000 + 1))
    assert client.post("/recommend", content=whole).status_code == 413
    assert client.post("/recommend", content=pieces).status_code == 413
    fits = b'{"history": []}'.ljust(MAX_BODY)
    json = {"Content-Type": "application/json"}
    assert client.post("/recommend", content=fits, headers=json).status_code == 200


def test_what_takes_too_long_or_waits_in_vain(model, monkeypatch) -> None:
    """One thread, one place to wait, half a second."""
    go_on = threading.Event()
    done: list[str] = []

    def slow(*_: object, **__: object) -> list:
        go_on.wait(20)
        done.append("one")
        return []

    app = make_app(model, seconds=0.5, workers=1, waiting=1)
    monkeypatch.setattr(type(model), "recommend", slow)
    with TestClient(app) as client:
        results: list[int] = []

        def ask() -> None:
            answer = client.post("/recommend", json={"history": []})
            results.append(answer.status_code)

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [503, 503, 504, 504]
        assert client.get("/health").status_code == 200
        assert client.post("/recommend", json={"history": []}).status_code == 504
        go_on.set()
        for _ in range(100):
            if client.post("/recommend", json={"history": []}).status_code == 200:
                break
            time.sleep(0.02)
        else:
            pytest.fail("the service did not recover")
    assert len(done) == 2  # what waited in vain was never begun


def test_a_model_that_needs_times_is_refused_at_the_start(model) -> None:
    with pytest.raises(ValueError, match="'time' needs to be given to 'TiSASRec'"):
        make_app(type(model)(model.graph, encoder="tisasrec"))


def test_a_body_that_does_not_come(model) -> None:
    app = make_app(model, seconds=0.1)
    sent: list[dict] = []

    async def never() -> dict:
        await asyncio.sleep(10)
        return {}

    async def send(message: dict) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/recommend",
        "raw_path": b"/recommend",
        "query_string": b"",
        "headers": [(b"content-length", b"15")],
    }
    asyncio.run(app(scope, never, send))
    assert sent[0]["status"] == 408


def test_no_history_is_noted(client, ids, caplog) -> None:
    with caplog.at_level(logging.DEBUG, logger="lrdgraph"):
        client.post("/recommend", json={"history": [ids.other]})
        client.post("/recommend", json={"history": ["secret"]})
        client.get(f"/items/{ids.other}/neighbors")
        client.get("/secret")
    notes = [r.getMessage() for r in caplog.records if r.name == "lrdgraph.serve"]
    assert len(notes) == 4
    assert notes[0].startswith("POST /recommend 200 ")
    assert notes[3].startswith("GET (no route) 404 ")
    assert not any(ids.other in note or "secret" in note for note in notes)


def test_answers_do_not_pass_for_pages(client) -> None:
    for path in ("/items", "/nowhere", "/items/<script>/neighbors"):
        headers = client.get(path).headers
        assert headers["content-type"] == "application/json"
        assert headers["x-content-type-options"] == "nosniff"
    policy = client.get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'none';")
