"""What every request passes: how much it may send, and what is noted of it."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lrdgraph.serve.messages import MAX_BODY, MAX_TOLD

LOG = logging.getLogger("lrdgraph.serve")

_OBJECT = " (one in JSON, sent with 'Content-Type: application/json')"
_WIDTH = 80  # characters of where an error is

_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
]


class Door:
    """Reads a body up to its limit in size and time, and notes how it went.

    Noted are method, route, status and milliseconds; no id, no history, no address.

    Args:
        app: The application behind the door.
        seconds: Seconds at most until a body is there.
    """

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request in, or answer that it cannot come in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            await self._enter(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "(no route)")
            spent = 1000 * (time.perf_counter() - start)
            LOG.info("%s %s %d %.1f ms", scope["method"], route, status, spent)

    async def _enter(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await asyncio.wait_for(_read(scope, receive), self._seconds)
        except asyncio.TimeoutError:
            late = problem(408, f"no body within {self._seconds:g} seconds")
            await late(scope, receive, send)
            return
        if body is None:
            large = problem(413, f"a body needs to have at most {MAX_BODY} bytes")
            await large(scope, receive, send)
            return
        whole: list[Message] = [{"type": "http.request", "body": body}]

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        await self._app(scope, replay, send)


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """The body of a request, None if it is too large."""
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > MAX_BODY:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """An answer that says what is wrong.

    In ASCII, where anything can be said of anything: half a surrogate pair, such as a
    client may send, has no other form.
    """
    text = json.dumps({"detail": detail})
    return Response(text, status, headers, media_type="application/json")


async def tell_problem(_: Request, error: Exception) -> Response:
    """The answer to what the service itself refuses."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers) if error.headers else None
    return problem(error.status_code, error.detail, headers)


async def tell_invalid(_: Request, error: Exception) -> Response:
    """The answer to a request of the wrong form, which repeats little of the request.

    Of many errors, the first ones are told.
    """
    assert isinstance(error, RequestValidationError)
    return problem(422, "; ".join(map(_tell, error.errors()[:MAX_TOLD])))


def _tell(error: dict[str, Any]) -> str:
    place = ".".join(map(str, error["loc"]))
    hint = _OBJECT if error["type"] == "model_attributes_type" else ""
    return f"'{place[:_WIDTH]}': {error['msg']}{hint}"
