"""Polls one device for ever, at a steady rate, whatever happens to it."""

from math import floor
from random import Random
from zlib import crc32

from contracts.instants import MINUTE, SECOND
from drivers.bulkhead import guarded
from drivers.capabilities import Pollable
from drivers.errors import DriverBugError, DriverError, RefusedError
from edge.journal.port import Journal
from edge.polling.availability import Availability
from runtime.backoff import growing
from runtime.clock import Clock

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 5.0
"""Seconds: a device that comes back is polled again within this time …"""
LONG_GONE = 300.0
"""… unless it has been away for so long (seconds) that its bus has better things to do."""
LONGEST_PAUSE_LONG_GONE = 30.0
SOON = 5.0
"""Seconds after the start within which every device is polled for the first time."""


class Poller:
    """Journals what one device says when it is asked."""

    def __init__(self, driver: Pollable, journal: Journal, clock: Clock, random: Random) -> None:
        self._driver = driver
        self._journal = journal
        self._clock = clock
        self._random = random
        self._availability = Availability(driver.device, journal, clock)
        self._failures = 0
        self._gone_since = 0.0

    async def run(self) -> None:
        """Poll until cancelled."""
        period, share = self._driver.period, phase(self._driver.device)
        now = self._clock.monotonic()
        # Beats are counted from the start's minute: devices of one period keep their distances.
        minute = now - self._clock.wall() % MINUTE / SECOND
        beat = next_beat(minute + share * period, period, now)
        if beat - now > share * SOON:  # the first poll does not wait for it
            beat -= period
            await self._clock.sleep(share * SOON)
        else:
            await self._clock.sleep(beat - now)
        while True:
            pause = await self.poll()
            if pause is None:
                beat = next_beat(beat, period, max(self._clock.monotonic(), beat))
                pause = beat - self._clock.monotonic()
            await self._clock.sleep(pause)

    async def poll(self) -> float | None:
        """Poll once. Give how many seconds to wait when that failed, None for the next beat."""
        begun = self._clock.monotonic()
        try:
            samples = await guarded(self._driver.poll)
        except DriverError as error:
            return self._failed(error, begun)
        self._failures = 0
        self._availability.back()
        if samples:
            self._journal.append(samples)
        return None

    def _failed(self, error: DriverError, begun: float) -> float:
        if not self._failures:
            self._gone_since = begun
        self._failures += 1
        self._availability.gone(error)
        hopeless = isinstance(error, RefusedError | DriverBugError)
        long_gone = hopeless or self._clock.monotonic() - self._gone_since > LONG_GONE
        longest = LONGEST_PAUSE_LONG_GONE if long_gone else LONGEST_PAUSE
        # A device that is asked rarely by design is not asked more often because it fails.
        first = max(FIRST_PAUSE, min(self._driver.period, longest))
        return growing(self._failures, first, longest, self._random.random)


def phase(device: str) -> float:
    """Give a device's place within its period, from 0 to 1: always the same, and spread evenly."""
    return crc32(device.encode()) / 2**32


def next_beat(beat: float, period: float, now: float) -> float:
    """Give the first beat after `now`; beats that were missed are left out, not made up."""
    return beat + (floor((now - beat) / period) + 1) * period
