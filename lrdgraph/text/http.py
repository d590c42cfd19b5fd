"""A JSON request that outlasts busy servers and dropped connections."""

from __future__ import annotations

import itertools
import json
import logging
import os
import random
import time
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException, InvalidURL
from typing import Any
from urllib.error import HTTPError
from urllib.parse import SplitResult, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

MAX_WAIT = 60.0
"""Longest wait in seconds that is chosen here."""

MAX_RETRY_AFTER = 3600.0
"""Longest wait in seconds that a server is granted."""

logger = logging.getLogger(__name__)


class EndpointError(RuntimeError):
    """A server's answer, or its absence, that leaves nothing to be done."""


class _PassingError(Exception):
    """The request failed in a way that may pass: after ``wait`` seconds, if known."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _NoRedirect(HTTPRedirectHandler):
    """Redirects would turn POST into GET and carry the key to another host."""

    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def post_json(
    url: str,
    content: dict[str, Any],
    *,
    api_key: str = "",
    timeout: float = 60.0,
    max_retries: int = 6,
) -> Any:
    """Send ``content`` as JSON and give the JSON that comes back.

    A request that fails for now (status 408, 429 or 5xx, or no connection) is repeated
    after as long as the server asks (``Retry-After``), else after about 1, 2, 4…
    seconds.

    Raises:
        EndpointError: If the server refuses, answers with anything but JSON, or fails
            ``max_retries`` times after the first. ``api_key`` is in no message.
    """
    request = Request(url, json.dumps(content).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    request.add_header("Accept", "application/json")
    if api_key:
        request.add_header("Authorization", f"Bearer {api_key}")
    for attempt in itertools.count():
        try:
            return _send(request, api_key, timeout)
        except _PassingError as error:
            if attempt >= max_retries:
                raise EndpointError(
                    f"{url} failed {attempt + 1} times, at last with: {error}"
                ) from None
            wait = error.wait
            if wait is None:
                wait = min(2.0**attempt, MAX_WAIT) * random.uniform(0.5, 1.0)
            logger.warning("%s: %s; trying again in %.1f s", url, error, wait)
            time.sleep(wait)


def _send(request: Request, api_key: str, timeout: float) -> Any:
    """Send once."""
    try:
        with build_opener(_NoRedirect).open(request, timeout=timeout) as response:
            body = response.read()
    except HTTPError as error:
        with error:
            raise _refusal(request.full_url, error, api_key) from None
    except InvalidURL as error:  # no other try will be any better
        raise EndpointError(f"{request.full_url} is no address: {error}") from None
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise _PassingError(f"no answer ({type(error).__name__}: {reason})") from None
    try:
        return json.loads(body)
    except ValueError:
        start = excerpt(body.decode("utf-8", "replace"), api_key)
        kind = "HTML" if start.lstrip().startswith("<") else "something else"
        raise EndpointError(
            f"{request.full_url} needs to answer with JSON (got {kind}: {start!r}); is "
            f"it the address of the API? 'base_url' often ends in /v1"
        ) from None


def _refusal(url: str, error: HTTPError, api_key: str) -> Exception:
    """Say what a status code means."""
    try:
        answer = excerpt(error.read().decode("utf-8", "replace"), api_key)
    except (OSError, HTTPException):
        answer = ""
    reason = f"status {error.code} {error.reason}: {answer!r}"
    if error.code in (408, 429) or error.code >= 500:
        return _PassingError(reason, _retry_after(error.headers))
    if error.code in (401, 403):
        key = "the key was refused" if api_key else "no key was given"
        reason = f"{key}; give 'api_key' or set OPENAI_API_KEY ({reason})"
    elif error.code == 404:
        reason = f"unknown address or model ({reason})"
    elif error.code < 400:
        reason = f"redirects aren't followed; give the address itself ({reason})"
    return EndpointError(f"{url} refused the request: {reason}")


def _retry_after(headers: Message) -> float | None:
    """Read ``Retry-After``: seconds, or a date."""
    value = headers.get("Retry-After", "")
    try:
        wait = float(value)
    except ValueError:
        try:
            wait = parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(0.0, wait), MAX_RETRY_AFTER)


def excerpt(text: str, api_key: str) -> str:
    """Give the start of an answer, with the key taken out where a server echoes it."""
    return (text.replace(api_key, "***") if api_key else text)[:300]


def checked_url(base_url: str, owner: str) -> str:
    """Give the address of an API without a slash at its end.

    Raises:
        ValueError: If it is none, or holds more than an address; ``owner`` is told.
    """
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(
            f"'base_url' needs to start with http:// or https:// and a host in "
            f"{owner!r} (got {base_url!r})"
        )
    if parts.username or parts.query or parts.fragment:
        raise ValueError(
            f"'base_url' needs to come without a user, '?' or '#' in {owner!r}; "
            f"a key belongs into 'api_key'"
        )
    if _is_port_wrong(parts):
        raise ValueError(
            f"'base_url' needs a number from 0 to 65535 as its port in {owner!r} (got "
            f"{base_url!r})"
        )
    return base_url.rstrip("/")


def _is_port_wrong(parts: SplitResult) -> bool:
    """Whether the port is none that there is; ``urlsplit`` looks when it is asked."""
    try:
        parts.port  # noqa: B018
    except ValueError:
        return True
    return False


def checked_key(api_key: str | None, owner: str) -> str:
    """Give the key, failing that ``OPENAI_API_KEY`` of the environment, or ``''``.

    Raises:
        ValueError: If no header can carry it; ``owner`` is told, and never the key.
    """
    key = (api_key or os.environ.get("OPENAI_API_KEY", "")).strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError(
            f"'api_key' needs to be printable ASCII in {owner!r} (got other characters)"
        )
    return key
