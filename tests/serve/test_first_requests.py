"""Requests as shops and the programs in front of them send them first."""

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")


def test_what_is_newer_than_the_model_is_left_out_and_named(client, ids) -> None:
    known = {"history": ids.history, "k": 3, "among": [ids.other]}
    more = known | {
        "history": ["new", *ids.history, "nobody's"],
        "among": ["soon", ids.other, "new"],
    }
    expected, answer = (client.post("/recommend", json=body) for body in (known, more))
    assert answer.status_code == 200
    assert expected.json() == {"items": answer.json()["items"], "unknown": []}
    assert answer.json()["unknown"] == ["new", "nobody's", "soon"]
    nothing = client.post("/recommend", json={"history": [], "among": ["soon"]})
    assert nothing.json() == {"items": [], "unknown": ["soon"]}


def test_balancers_of_load_may_ask_for_the_head_alone(client) -> None:
    answer = client.head("/health")
    assert (answer.status_code, answer.content) == (200, b"")


def test_json_that_is_not_called_so_is_told_apart(client) -> None:
    body = b'{"history": []}'
    form = {"Content-Type": "application/x-www-form-urlencoded"}  # as curl -d says
    answer = client.post("/recommend", content=body, headers=form)
    assert answer.status_code == 422
    assert "sent with 'Content-Type: application/json'" in answer.json()["detail"]
