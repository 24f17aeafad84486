"""What the log says of brokers that come and go: once that one is gone, once that it is back."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from config.broker import BrokerAddress

log = logging.getLogger(__name__)

SETTLED = 10.0
"""Seconds after which a connection counts as a good one."""
MOST_CAUSES = 5
"""Different reasons why one broker is gone that are told, one line each."""
FLAPS = 3
"""Short connections in a row, after which a broker that comes and goes is told of less often."""
QUIET = 60.0
"""Seconds between two times that this is told."""


@dataclass(slots=True)
class _Broker:
    told: set[str] = field(default_factory=set)
    since: float | None = None
    short: int = 0
    quiet_until: float = 0.0
    hushed: bool = False


class News:
    """Tells of one client's brokers."""

    def __init__(self, monotonic: Callable[[], float], *, several: bool) -> None:
        self._monotonic = monotonic
        self._then = "trying the others in turn" if several else "trying again"
        self._brokers: dict[BrokerAddress, _Broker] = {}

    def there(self, address: BrokerAddress) -> None:
        """Take note of a connection that can be used."""
        broker = self._brokers.setdefault(address, _Broker())
        broker.since = self._monotonic()
        broker.told.clear()
        if not broker.hushed:
            log.info("broker %s is there", address)

    def gone(self, address: BrokerAddress, cause: str) -> None:
        """Take note of a connection lost, or not made."""
        broker, now = self._brokers.setdefault(address, _Broker()), self._monotonic()
        if broker.since is not None:
            broker.short = 0 if now - broker.since > SETTLED else broker.short + 1
            broker.since = None
        if cause in broker.told or len(broker.told) >= MOST_CAUSES:
            return
        broker.hushed = broker.short > FLAPS and now < broker.quiet_until
        if not broker.hushed:
            broker.told.add(cause)
            broker.quiet_until = now + QUIET
            log.warning("broker %s is gone: %s; %s", address, cause, self._then)
