"""Counts what came over the wire and made no sense, and journals it at most once a minute."""

import logging

from contracts.bounds import shortened
from contracts.records import InputRefused
from edge.journal.port import Journal
from runtime.clock import Clock
from runtime.timers import Timers

log = logging.getLogger(__name__)

EVERY = 60.0
"""Seconds between two reports on one source."""


class RefusedInput:
    """What made no sense, by source (`command`, `ack`, a topic)."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._timers = Timers[str](clock)
        self._counts: dict[str, int] = {}
        self._reasons: dict[str, str] = {}

    def refuse(self, source: str, reason: str) -> None:
        """Count one; the first is journalled at once."""
        self._counts[source] = self._counts.get(source, 0) + 1
        self._reasons[source] = reason
        if source not in self._timers:
            self._report(source)

    async def run(self) -> None:
        """Journal what came since the last report."""
        while True:
            for source in await self._timers.wait():
                if source in self._counts:
                    self._report(source)

    def _report(self, source: str) -> None:
        count, reason = self._counts.pop(source), self._reasons.pop(source)
        self._timers.set(source, self._clock.monotonic() + EVERY)
        log.warning("%s: %d messages made no sense; the last: %s", source, count, reason)
        refused = InputRefused(self._clock.wall(), source, reason, count)
        self._journal.append([shortened(refused)])
