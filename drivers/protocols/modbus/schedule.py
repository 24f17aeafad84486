"""Which points of a device are due."""

from collections.abc import Collection, Iterable
from datetime import timedelta
from math import inf

from config.registers import RegisterPoint


class Schedule:
    """Points by period; each is due once a period, and again at once when it was missed."""

    def __init__(self, points: Iterable[RegisterPoint], default: timedelta) -> None:
        self._groups: dict[float, list[RegisterPoint]] = {}
        for point in points:
            period = (point.period or default).total_seconds()
            self._groups.setdefault(period, []).append(point)
        self.shortest = min(self._groups)
        """Seconds between two polls."""
        self._next = dict.fromkeys(self._groups, -inf)
        self._missed: list[RegisterPoint] = []

    def due(self, now: float) -> list[RegisterPoint]:
        """Give the points to read now (monotonic), those that were missed before included.

        A poll that comes up to half a beat early takes a point along, so that no jitter doubles
        its period.
        """
        points = list(self._missed)
        for period, group in self._groups.items():
            if now >= self._next[period] - self.shortest / 2:
                self._next[period] = now + period
                points += [point for point in group if point not in self._missed]
        return points

    def missed(self, points: Iterable[RegisterPoint], done: Collection[str]) -> None:
        """Note which of the points that were due are not done: they are due at once."""
        self._missed = [point for point in points if point.name not in done]
