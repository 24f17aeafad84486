"""One point: what it is, and all that its next reading needs."""

from config.site import Limit
from contracts.instants import SECOND, Instant, span
from contracts.messages import CardPoint
from contracts.quantities import Quality
from gateway.climate import limits
from gateway.devices import freshness
from gateway.devices.snapshot import Freshness, PointNow
from gateway.footfall import crossings


class Point:
    """One point, and all that the next reading of it needs: the only thing the hot path touches."""

    __slots__ = (
        "at", "climate", "device", "good", "high", "id", "lateness", "limit", "live", "low",
        "newest", "owner", "past", "path", "period", "quality", "quantity", "received", "rules",
        "shown", "space", "turnstiles", "unit", "value",
    )  # fmt: skip

    def __init__(self, identity: int, path: str, device: str) -> None:
        self.id = identity
        self.path = path
        self.device = device
        self.owner = ""
        """The edge it belongs to; empty when nobody knows."""
        self.quantity = self.unit = self.space = ""
        self.period = 0
        self.rules = freshness.rules_of(0)
        self.lateness = self.rules.lateness
        self.limit: limits.Rule | None = None
        self.climate = limits.CALM
        self.past: limits.Excursion | None = None
        """The excursion last found in hindsight."""
        self.turnstiles: tuple[Turnstile, ...] = ()
        self.newest: Instant = 0
        """The newest time of any reading, good or not."""
        self.good: Instant = 0
        """The time of the last good value …"""
        self.value: float | None = None
        self.quality: str = Quality.UNAVAILABLE
        """… and the quality of the newest reading."""
        self.received: Instant = 0
        self.live = False
        self.low = limits.INFINITE
        self.high = -limits.INFINITE
        """Values from low to high change nothing but the newest value."""
        self.shown: PointNow | None = None

    def update_calm_band(self) -> None:
        """Work out again which values change nothing."""
        if not self.live or self.turnstiles:
            self.low, self.high = limits.INFINITE, -limits.INFINITE
        elif self.limit is None:
            self.low, self.high = -limits.INFINITE, limits.INFINITE
        else:
            self.low, self.high = limits.calm_band(self.climate, self.limit)

    def now(self) -> PointNow:
        """Give the point as pages see it."""
        fresh = Freshness.LIVE if self.live else Freshness.UNKNOWN
        return PointNow(self.path, fresh, self.value, self.quality, self.good, self.received)


class Turnstile:
    """One direction of one gate, counted by a point."""

    __slots__ = ("direction", "gate", "last", "rules")

    def __init__(self, gate: str, direction: str, rules: crossings.Rules) -> None:
        self.gate = gate
        self.direction = direction
        self.rules = rules
        self.last: crossings.Count | None = None
        """The newest count that is booked."""


def meaning_of(point: CardPoint) -> tuple[str, str, int]:
    """Give a card's quantity, unit and period (microseconds)."""
    return point.quantity, point.unit, round(point.period * SECOND)


def rule_of(path: str, space: str, limit: Limit) -> limits.Rule:
    """Give a limit of the site file as the rule for one point."""
    low = -limits.INFINITE if limit.low is None else limit.low
    high = limits.INFINITE if limit.high is None else limit.high
    delay, priority = span(limit.delay), limit.priority.value
    return limits.Rule(
        path, space, limit.quantity.value, low, high, limit.deadband, delay, priority
    )
