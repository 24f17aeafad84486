"""Keeps the parts of a process going: one that falls is started again, and nobody else notices.

Cancelling the supervisor is the shutdown. Only the process's entry ends the process.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from runtime.backoff import growing
from runtime.clock import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STEADY = 10.0
"""Seconds that a part must last after a fall before it is said to stand again."""


class Part(NamedTuple):
    """Something that runs for as long as the process does."""

    name: str
    run: Callable[[], Awaitable[None]]
    """Started again after each fall, on whatever it left behind."""


class Change(NamedTuple):
    """A part fell, or stands again."""

    part: str
    stands: bool
    reason: str
    falls: int
    """Falls in a row."""


@dataclass(slots=True)
class _Row:
    """Falls of one part in a row."""

    falls: int = 0
    said: bool = False


class Supervisor:
    """Runs parts; says once that one fell and once that it stands again."""

    def __init__(self, clock: Clock, random: Random, changed: Callable[[Change], None]) -> None:
        self._clock = clock
        self._random = random
        self._changed = changed

    async def run(self, parts: Iterable[Part]) -> None:
        """Run all parts until cancelled; then all of them are cancelled at once."""
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(self._keep(part), name=part.name)

    async def _keep(self, part: Part) -> None:
        row = _Row()
        while True:
            watch = self._watch(part, row) if row.said else None
            try:
                await part.run()
                reason = "it ended by itself"
                if not row.said:
                    log.error("%s ended by itself; it is started again", part.name)
            except Exception as error:  # the bulkhead: a part's fall is nobody else's
                reason = f"{type(error).__name__}: {error}"
                if not row.said:
                    log.exception("%s fell; it is started again", part.name)
            finally:
                if watch is not None:
                    watch.cancel()
                _end_if_cancelled()
            row.falls += 1
            if not row.said:
                row.said = True
                self._changed(Change(part.name, stands=False, reason=reason, falls=row.falls))
            pause = growing(row.falls, FIRST_PAUSE, LONGEST_PAUSE, self._random.random)
            await self._clock.sleep(pause)

    def _watch(self, part: Part, row: _Row) -> asyncio.Task[None]:
        return asyncio.create_task(self._stands(part, row), name=f"{part.name} settles")

    async def _stands(self, part: Part, row: _Row) -> None:
        await self._clock.sleep(STEADY)
        log.info("%s stands again after %d falls", part.name, row.falls)
        change = Change(part.name, stands=True, reason="", falls=row.falls)
        row.falls, row.said = 0, False
        self._changed(change)


def _end_if_cancelled() -> None:
    """Raise CancelledError when this task was told to end: the part has swallowed it, or fell."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
