"""Which points of a device are due."""

from collections.abc import Collection, Iterable
from datetime import timedelta

from config.registers import RegisterPoint
from contracts.instants import Instant, span


class Schedule:
    """Points by period; each is due once a period, and again at once when it was missed."""

    def __init__(self, points: Iterable[RegisterPoint], default: timedelta) -> None:
        self._groups: dict[int, list[RegisterPoint]] = {}
        for point in points:
            self._groups.setdefault(span(point.period or default), []).append(point)
        self.shortest = min(self._groups)
        """Microseconds between two polls."""
        self._next = dict.fromkeys(self._groups, 0)
        self._missed: list[RegisterPoint] = []

    def due(self, now: Instant) -> list[RegisterPoint]:
        """Give the points to read now, those that were missed before included.

        A poll that comes up to half a beat early takes a point along, so that no jitter doubles
        its period.
        """
        points = list(self._missed)
        for period, group in self._groups.items():
            # A next time further off than the period means that the clock was set back.
            if now >= self._next[period] - self.shortest // 2 or self._next[period] > now + period:
                self._next[period] = now + period
                points += [point for point in group if point not in self._missed]
        return points

    def missed(self, points: Iterable[RegisterPoint], done: Collection[str]) -> None:
        """Note which of the points that were due are not done: they are due at once."""
        self._missed = [point for point in points if point.name not in done]
