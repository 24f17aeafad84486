"""When something became true: the base of a clock segment, and the monotonic clock since.

The wall clock gives the base and is never asked for a stamp, so no step of it slips in unnoticed.
Each second the two are compared; when they parted, a `ClockStepped` record begins a new segment
whose base is the new wall clock.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from contracts.instants import SECOND, Instant
from contracts.records import ClockStepped, EdgeStarted, Record
from runtime.clock import Clock

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two comparisons."""
APART = SECOND // 2
"""µs by which wall clock and stamps may differ."""
MILLISECOND = SECOND // 1000


class Stamps:
    """Gives stamps, in whole milliseconds, and names the segment that they belong to."""

    def __init__(self, clock: Clock, life: str, edge: str, boot: str) -> None:
        """Begin the first segment. `boot` is the kernel's boot id, "" where it is not known."""
        self._clock = clock
        self.life = life
        self._edge = edge
        self._boot = boot
        self.steps = 0
        """Steps of the wall clock so far."""
        self._before = self.segment
        self._base: Instant = clock.wall()
        self._begun = clock.monotonic()

    @property
    def segment(self) -> str:
        """The present segment."""
        return f"{self.life}.{self.steps}"

    @property
    def clock(self) -> Clock:
        """A clock for the parts of an edge: whoever asks its wall gets a stamp."""
        return replace(self._clock, wall=self.now)

    def now(self) -> Instant:
        """Give the stamp of this moment."""
        passed = int((self._clock.monotonic() - self._begun) * 1000)
        return self._base + passed * MILLISECOND

    def segment_of(self, at: Instant) -> str:
        """Name the segment of a record that was stamped `at` and is being written down.

        What lies beyond the present stamp, or before the segment began, was stamped just before
        the step that began it.
        """
        return self.segment if self._base <= at <= self.now() else self._before

    def started(self, version: str) -> EdgeStarted:
        """Describe the start of the process and its first segment."""
        return EdgeStarted(
            at=self.now(),
            edge=self._edge,
            version=version,
            life=self.life,
            clock=self.segment,
            boot=self._boot,
            ahead=self._ahead(),
        )

    def compare(self) -> ClockStepped | None:
        """Begin a new segment if the wall clock has parted from the stamps."""
        wall = self._clock.wall()
        by = wall - self.now()
        if abs(by) <= APART:
            return None
        self._before = self.segment
        self.steps += 1
        self._base, self._begun = wall, self._clock.monotonic()
        log.warning("the clock stepped by %+.1f s", by / SECOND)
        return ClockStepped(self._edge, wall, by, self.segment, self._boot, self._ahead())

    async def watch(self, append: Callable[[list[Record]], object]) -> None:
        """Compare at once and then each second, and write down every step."""
        while True:
            if (stepped := self.compare()) is not None:
                append([stepped])
            await self._clock.sleep(LOOK)

    def _ahead(self) -> int:
        return self.now() - round(self._clock.monotonic() * 1000) * MILLISECOND
