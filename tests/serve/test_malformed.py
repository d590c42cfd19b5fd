"""Whatever comes in, the service answers, and never that it failed."""

import json

import pytest

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

NAMES = ["history", "k", "among", "seen", "max_per_relation", "item"]
ITEMS = st.sampled_from(["P000020", "P000030", "gone", "", "\ud800", "\x00"])

often = settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | ITEMS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4)
    ),
    max_leaves=10,
)
nearly_right = st.fixed_dictionaries(
    {"history": st.lists(ITEMS, max_size=4) | values},
    optional={name: values | st.integers(-1, 101) for name in NAMES[1:]},
)


@often
@given(path=st.sampled_from(["/recommend", "/explain"]), body=values | nearly_right)
@example(path="/recommend", body={"history": [], "max_per_relation": 10**40})
@example(path="/recommend", body={"history": [float("nan")], "k": float("inf")})
@example(path="/recommend", body={"history": ["\ud800"], "\udfff": 1})
def test_any_json(client, path, body) -> None:
    answer = client.post(
        path, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (200, 422)
    assert isinstance(answer.json(), dict)


@often
@given(
    body=st.binary(max_size=200) | st.text().map(lambda text: f'{{"history": {text}'),
    kind=st.sampled_from(["application/json", "text/plain", "multipart/form-data", ""]),
)
@example(body=b"[" * 100_000, kind="application/json")
@example(body=b'{"history": [], "k": ' + b"9" * 5000 + b"}", kind="application/json")
@example(body=b'{"history": ["\xff"]}', kind="application/json")
@example(body=b"--x\r\n", kind="multipart/form-data; boundary=x")
def test_any_bytes(client, body, kind) -> None:
    answer = client.post("/recommend", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 422)
    assert answer.json()["detail"]


@often
@given(
    path=st.sampled_from(["/items", "/items/P000020/neighbors", "/health", "/x", "/"]),
    query=st.dictionaries(
        st.sampled_from(["search", "k", "relation", "x"]),
        st.text() | st.integers().map(str),
    ),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
)
@example(path="/items", query={"search": "%ff%00\x00", "k": "1e3"}, method="GET")
def test_any_query_and_method(client, path, query, method) -> None:
    query = {k: v.encode("utf-8", "replace").decode() for k, v in query.items()}
    answer = client.request(method, path, params=query)
    assert answer.status_code in (200, 404, 405, 422)
