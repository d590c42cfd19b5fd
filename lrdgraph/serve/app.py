"""The service: a model behind HTTP."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Body, FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

import lrdgraph
from lrdgraph.models import LRDRec
from lrdgraph.serve.answers import Answers
from lrdgraph.serve.door import Door, tell_invalid, tell_problem
from lrdgraph.serve.messages import (
    MAX_K,
    ExplainRequest,
    Health,
    Items,
    Neighbors,
    Problem,
    Recommendations,
    Recommended,
    RecommendRequest,
)
from lrdgraph.serve.page import render
from lrdgraph.serve.workers import Workers

_REFUSED = {
    408: "The body did not come in time.",
    413: "The body is too large.",
    422: "A value is missing, of the wrong form or beyond its limit, or names nothing.",
    503: "Too many requests wait already.",
    504: "The answer took too long.",
}

Count = Annotated[int, Query(ge=1, le=MAX_K)]


def make_app(
    model: LRDRec,
    *,
    seconds: float = 10.0,
    workers: int | None = None,
    waiting: int = 64,
) -> FastAPI:
    """Put a model behind HTTP.

    Limits of what a request may hold are those of :mod:`lrdgraph.serve.messages`.

    Args:
        model: The model, which is put into evaluation mode.
        seconds: Seconds at most that a body may take to come, and an answer to be made.
        workers: Number of answers made at a time; by default that of processors.
        waiting: Number of requests at most that wait for their turn.

    Returns:
        An ASGI application, for uvicorn or any other server.

    Raises:
        ValueError: If the model cannot recommend after items alone, as with the encoder
            ``'tisasrec'``, which needs to know when they were bought.
    """
    answers = Answers(model)
    threads = Workers(workers or os.cpu_count() or 1, waiting, seconds)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        threads.close()

    app = FastAPIOffline(
        title="lrdgraph",
        description="Recommendations with a reason, over a graph of items.",
        version=lrdgraph.__version__,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,  # would send clients where their headers say
        responses={
            status: {"model": Problem, "description": text}
            for status, text in _REFUSED.items()
        },
    )
    app.add_middleware(Door, seconds=seconds)
    app.add_exception_handler(HTTPException, tell_problem)
    app.add_exception_handler(RequestValidationError, tell_invalid)
    _add_page(app, answers)
    _add_posts(app, answers, threads, model.graph.ids)
    _add_gets(app, answers, threads)
    return app


def _add_page(app: FastAPI, answers: Answers) -> None:
    page, headers = render()

    @app.get("/", include_in_schema=False)
    async def page_to_try() -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    @app.head("/health", include_in_schema=False)  # as balancers of load ask
    @app.get("/health", summary="Whether the service answers, and what it serves")
    async def health() -> Health:
        return answers.health()


def _add_posts(
    app: FastAPI, answers: Answers, threads: Workers, ids: list[str]
) -> None:
    history: dict[str, Any] = {"history": ids[:2]}
    some = {
        "ten items": history,
        "of some items": {**history, "k": 1, "among": ids[2:5]},
        "diverse": {**history, "k": 5, "max_per_relation": 1},
        "a new user": {"history": []},
    }
    body = Body(openapi_examples=_examples(some))
    item = Body(openapi_examples=_examples({"an item": {**history, "item": ids[-1]}}))

    @app.post("/recommend", summary="Items after a history, each with its reasons")
    async def recommend(request: RecommendRequest = body) -> Recommendations:
        return await threads.run(lambda: answers.recommend(request))

    @app.post("/explain", summary="The score of one item, and its reasons")
    async def explain(request: ExplainRequest = item) -> Recommended:
        return await threads.run(lambda: answers.explain(request))


def _add_gets(app: FastAPI, answers: Answers, threads: Workers) -> None:
    unknown: dict[int | str, dict[str, Any]] = {
        404: {"model": Problem, "description": "There is no such item."}
    }

    @app.get(
        "/items/{item:path}/neighbors",
        summary="Items that an item leads to, surest first",
        responses=unknown,
    )
    async def neighbors(
        item: str, relation: str | None = None, k: Count = 10
    ) -> Neighbors:
        return await threads.run(lambda: answers.neighbors(item, relation, k))

    @app.get("/items", summary="Items whose id or text holds a text, in any case")
    async def search(
        search: Annotated[str, Query(max_length=200)] = "", k: Count = 20
    ) -> Items:
        return await threads.run(lambda: answers.search(search, k))


def _examples(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}
