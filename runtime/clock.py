"""The clock that a process entry hands in; nothing below it asks another."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from contracts.instants import Instant


@dataclass(frozen=True, slots=True)
class Clock:
    """Intervals run on `monotonic`, in seconds; only stamps are taken from `wall`.

    The two part when the wall clock is stepped or the machine sleeps. `sleep` waits on `monotonic`.
    """

    monotonic: Callable[[], float]
    wall: Callable[[], Instant]
    sleep: Callable[[float], Awaitable[None]]


def system_clock() -> Clock:
    """Give the clock of this machine."""
    return Clock(time.monotonic, _wall, asyncio.sleep)


def _wall() -> Instant:
    # Whole milliseconds: nothing in a building is measured more finely, and the wire is shorter.
    return time.time_ns() // 1_000_000 * 1_000
