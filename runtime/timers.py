"""What is due when, on the monotonic clock: one wait for any number of things."""

import asyncio
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from runtime.clock import Clock

K = TypeVar("K", bound=Hashable)

MOST_STALE = 64
"""Entries of the heap that may be out of date, beside as many as are not."""


class Timers(Generic[K]):
    """Wakes whoever waits when the next thing is due; nothing ticks in between."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._order = count()
        self._earlier: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: K) -> bool:
        return key in self._due

    def set(self, key: K, due: float) -> None:
        """Make `key` due at a time of the monotonic clock, instead of when it was due before."""
        first = self._heap[0][0] if self._heap else None
        self._due[key] = due
        if len(self._heap) > 2 * len(self._due) + MOST_STALE:
            self._heap = [(then, next(self._order), one) for one, then in self._due.items()]
            heapify(self._heap)
        else:
            heappush(self._heap, (due, next(self._order), key))
        if (first is None or due < first) and self._earlier and not self._earlier.done():
            self._earlier.set_result(None)

    def cancel(self, key: K) -> None:
        """Forget when `key` is due."""
        self._due.pop(key, None)

    def take(self) -> list[K]:
        """Give and forget what is due now, the earliest first."""
        now, keys = self._clock.monotonic(), list[K]()
        while self._next() is not None and self._heap[0][0] <= now:
            _, _, key = heappop(self._heap)
            del self._due[key]
            keys.append(key)
        return keys

    async def wait(self) -> list[K]:
        """Wait until something is due, then give and forget what is. One waiter at a time."""
        while not (keys := self.take()):
            due = self._next()
            self._earlier = asyncio.get_running_loop().create_future()
            if due is None:
                await self._earlier
            else:
                await self._sleep(due - self._clock.monotonic(), self._earlier)
        return keys

    def _next(self) -> float | None:
        """Give when the next thing is due, after removing what is out of date."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due:
                return due
            heappop(self._heap)
        return None

    async def _sleep(self, seconds: float, earlier: asyncio.Future[None]) -> None:
        async def slept() -> None:
            await self._clock.sleep(seconds)

        sleeping = asyncio.create_task(slept(), name="timer")
        try:
            await asyncio.wait((sleeping, earlier), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
