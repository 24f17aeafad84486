"""Says once that a device is gone and once that it is back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.instants import SECOND, Instant
from contracts.records import DeviceChanged
from drivers.capabilities import Now
from edge.diary import Diary
from edge.pauses import growing

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0


@dataclass(slots=True)
class Watch:
    """Whether one device is there. What is journalled first is what was found first."""

    device: str
    diary: Diary
    now: Now
    dice: Callable[[], float]
    longest: float = 30.0
    """Seconds between two tries, at most."""
    available: bool | None = field(default=None, init=False)
    failures: int = field(default=0, init=False)
    heard: Instant = field(default=0, init=False)
    """When it was last there, or last tried."""
    pause: float = field(default=0.0, init=False)
    """Seconds to wait before trying again."""

    async def gone(self, cause: Exception) -> None:
        """Take note of a failure."""
        self.failures += 1
        self.heard = self.now()
        self.pause = growing(self.failures, FIRST_PAUSE, self.longest, self.dice)
        if self.available is not False:
            self.available = False
            log.warning("%s is unavailable: %s", self.device, cause)
            await self.diary.append(
                [DeviceChanged(self.device, self.heard, available=False, cause=str(cause))]
            )

    async def back(self) -> None:
        """Take note of a success."""
        self.heard = self.now()
        if self.available is not True:
            if self.available is False:
                log.info("%s is back after %d failures", self.device, self.failures)
            self.available = True
            self.failures, self.pause = 0, 0.0
            await self.diary.append([DeviceChanged(self.device, self.heard, available=True)])

    def due(self, after: float) -> bool:
        """Say whether it is time to try again: `after` seconds of calm, or the pause is over."""
        wait = after if self.available else self.pause
        return self.available is None or self.now() - self.heard >= wait * SECOND
