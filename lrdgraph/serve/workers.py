"""Threads that score: a bounded number, a bounded queue, a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore
from typing import TypeVar

from fastapi import HTTPException

T = TypeVar("T")


class Workers:
    """Threads that work for requests.

    A request that waits in vain for a thread is never begun. One whose work takes too
    long is told so, and its thread goes on to the end, as no thread can be stopped: it
    counts as busy until then.

    Args:
        number: Number of threads.
        waiting: Number of requests at most that wait for a thread.
        seconds: Seconds at most that a request waits and is worked for.
    """

    def __init__(self, number: int, waiting: int, seconds: float) -> None:
        self._number = number
        self._pool = self._make_pool()
        self._places = BoundedSemaphore(number + waiting)
        self._seconds = seconds

    async def run(self, work: Callable[[], T]) -> T:
        """Have work done.

        Raises:
            HTTPException: With status 503 if too many wait, 504 if it takes too long.
        """
        if not self._places.acquire(blocking=False):
            raise HTTPException(503, "too many requests wait", {"Retry-After": "1"})
        future = self._pool.submit(work)
        future.add_done_callback(lambda _: self._places.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._seconds)
        except asyncio.TimeoutError:
            message = f"no answer within {self._seconds:g} seconds"
            raise HTTPException(504, message) from None

    def close(self) -> None:
        """Let what was begun come to its end, and begin nothing that waits."""
        pool, self._pool = self._pool, self._make_pool()  # for another start
        pool.shutdown(cancel_futures=True)

    def _make_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._number, thread_name_prefix="score")
