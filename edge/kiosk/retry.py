"""Whether a device is there, and when to try it again."""

from random import Random

from drivers.errors import DriverError
from edge.journal.port import Journal
from edge.polling.availability import Availability
from runtime.backoff import growing
from runtime.clock import Clock

FIRST_PAUSE = 1.0


class DeviceRetry:
    """One device; that it is gone, and that it is back, is journalled once each time."""

    def __init__(
        self, device: str, journal: Journal, clock: Clock, random: Random, longest: float = 30.0
    ) -> None:
        """Make it; `longest` is how many seconds there are between two tries, at most."""
        self.available: bool | None = None
        """None: not tried since the start."""
        self.pause = 0.0
        """Seconds to wait before trying again."""
        self._clock = clock
        self._random = random
        self._longest = longest
        self._failures = 0
        self._tried = 0.0
        self._availability = Availability(device, journal, clock)

    def gone(self, error: DriverError) -> None:
        """Take note of a failure."""
        self._failures += 1
        self.available, self._tried = False, self._clock.monotonic()
        self.pause = growing(self._failures, FIRST_PAUSE, self._longest, self._random.random)
        self._availability.gone(error)

    def back(self) -> None:
        """Take note of a success."""
        self._failures, self.pause = 0, 0.0
        self.available, self._tried = True, self._clock.monotonic()
        self._availability.back()

    def due(self, after: float) -> bool:
        """Say whether it is time to try again: `after` seconds of calm, or the pause is over."""
        wait = after if self.available else self.pause
        return self.available is None or self._clock.monotonic() - self._tried >= wait
