"""Whether a device is there, as journalled: said once each time it changes."""

import logging

from msgspec import Struct

from contracts.bounds import shortened
from contracts.records import DeviceChanged
from drivers.errors import DriverBugError
from edge.journal.port import Journal
from runtime.clock import Clock

log = logging.getLogger(__name__)

KIND = "device"


class Available(Struct, frozen=True):
    """What was last said of a device."""

    there: bool


class Availability:
    """Takes note of answers and failures of one device."""

    def __init__(self, device: str, journal: Journal, clock: Clock) -> None:
        self._device = device
        self._journal = journal
        self._clock = clock
        self._memory = journal.memory(KIND, Available)
        said = self._memory.values.get(device)
        self._there = None if said is None else said.there
        self._said_here = False

    def back(self) -> None:
        """Take note that it answered."""
        if self._there is not True:
            log.info("%s is %s", self._device, "back" if self._there is False else "there")
            self._say(there=True)

    def gone(self, error: Exception) -> None:
        """Take note that it did not, and why."""
        traced = error.__cause__ if isinstance(error, DriverBugError) else None
        if self._there is not False:
            log.warning("%s is unavailable: %s", self._device, error, exc_info=traced)
            self._say(there=False, cause=str(error))
        elif not self._said_here:
            log.warning("%s is still unavailable: %s", self._device, error, exc_info=traced)
            self._said_here = True

    def _say(self, *, there: bool, cause: str = "") -> None:
        self._there, self._said_here = there, True
        changed = DeviceChanged(self._device, self._clock.wall(), there, cause)
        change = self._memory.put(self._device, Available(there))
        self._journal.append([shortened(changed)], [change])
