"""Whether a device is there, said once each time it changes."""

import logging
from collections.abc import Callable

from contracts.instants import Instant
from contracts.records import DeviceChanged
from edge.journal.port import Diary

log = logging.getLogger(__name__)

KEY = "device/"
"""What is remembered under it: whether the device was last said to be there."""


class Health:
    """Whether a device is there, as journalled: said once each time it changes."""

    def __init__(self, device: str, diary: Diary, now: Callable[[], Instant]) -> None:
        self._device = device
        self._diary = diary
        self._now = now
        said = diary.recall(KEY + device).get(KEY + device)
        self._there = None if said is None else said == b"1"
        self._said_here = False

    async def there(self) -> None:
        """Take note that it answered."""
        if self._there is not True:
            log.info("%s is %s", self._device, "back" if self._there is False else "there")
            await self._say(available=True, cause="")

    async def gone(self, cause: str) -> None:
        """Take note that it did not."""
        if self._there is not False:
            log.warning("%s is unavailable: %s", self._device, cause)
            await self._say(available=False, cause=cause)
        elif not self._said_here:
            log.warning("%s is still unavailable: %s", self._device, cause)
            self._said_here = True

    async def _say(self, *, available: bool, cause: str) -> None:
        self._there, self._said_here = available, True
        await self._diary.append(
            [DeviceChanged(self._device, self._now(), available, cause)],
            {KEY + self._device: b"1" if available else b"0"},
        )
