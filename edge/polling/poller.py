"""Polls one device for ever: the one place on the edge that outlives every failure."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from contracts.instants import Instant
from drivers.capabilities import Pollable
from drivers.errors import DriverError, RefusedError
from edge.journal.port import Diary
from edge.polling.availability import Health
from runtime.backoff import growing

log = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
"""Seconds: a device that comes back is polled again within this time …"""
LONG_GONE = 300.0
"""… unless it has been away for so long (seconds) that its bus has better things to do."""
LONGEST_PAUSE_LONG_GONE = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Where time comes from; monotonic seconds, never the wall clock."""

    clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = random.random


async def keep_polling(
    driver: Pollable, diary: Diary, now: Callable[[], Instant], pace: Pace | None = None
) -> None:
    """Poll until cancelled, at a steady rate. Raises what the diary raises, and nothing else."""
    pace = pace or Pace()
    health = Health(driver.device, diary, now)
    failures, gone_since, due = 0, 0.0, pace.clock()
    while True:
        begun = pace.clock()
        try:
            readings = await driver.poll()
        except DriverError as error:
            cause, refused = str(error), isinstance(error, RefusedError)
        except Exception as error:  # one broken driver must not stop the others
            if not failures:
                log.exception("%s has a bug in its driver; report it", driver.device)
            cause, refused = f"driver bug: {error!r}", True
        else:
            failures = 0
            await health.there()
            if readings:
                await diary.append(readings)
            due = next_due(due, driver.period, pace.clock())
            await pace.sleep(due - pace.clock())
            continue
        if not failures:
            gone_since = begun
        failures += 1
        await health.gone(cause)
        long_gone = refused or pace.clock() - gone_since > LONG_GONE
        longest = LONGEST_PAUSE_LONG_GONE if long_gone else LONGEST_PAUSE
        # A device that is asked rarely by design is not asked more often because it fails.
        first = max(FIRST_PAUSE, min(driver.period, longest))
        await pace.sleep(growing(failures, first, longest, pace.dice))
        due = pace.clock()


def next_due(due: float, period: float, now: float) -> float:
    """Give the next beat of a steady rate; beats that were missed are left out, not made up."""
    if period <= 0:
        return now
    missed = max(0, int((now - due) // period))
    return due + (missed + 1) * period
