"""Whether a device is there, and when to try it again."""

from collections.abc import Callable
from dataclasses import dataclass, field

from contracts.instants import SECOND, Instant
from drivers.capabilities import Now
from edge.journal.port import Diary
from edge.polling.availability import Health
from runtime.backoff import growing

FIRST_PAUSE = 1.0


@dataclass(slots=True)
class Watch:
    """One device; that it is gone, and that it is back, is journalled once each time."""

    device: str
    diary: Diary
    now: Now
    dice: Callable[[], float]
    longest: float = 30.0
    """Seconds between two tries, at most."""
    available: bool | None = field(default=None, init=False)
    """None: not tried since the start."""
    failures: int = field(default=0, init=False)
    tried: Instant = field(default=0, init=False)
    pause: float = field(default=0.0, init=False)
    """Seconds to wait before trying again."""
    _health: Health = field(init=False)

    def __post_init__(self) -> None:
        self._health = Health(self.device, self.diary, self.now)

    async def gone(self, cause: Exception) -> None:
        """Take note of a failure."""
        self.failures += 1
        self.available, self.tried = False, self.now()
        self.pause = growing(self.failures, FIRST_PAUSE, self.longest, self.dice)
        await self._health.gone(str(cause))

    async def back(self) -> None:
        """Take note of a success."""
        self.failures, self.pause = 0, 0.0
        self.available, self.tried = True, self.now()
        await self._health.there()

    def due(self, after: float) -> bool:
        """Say whether it is time to try again: `after` seconds of calm, or the pause is over."""
        wait = after if self.available else self.pause
        return self.available is None or self.now() - self.tried >= wait * SECOND
