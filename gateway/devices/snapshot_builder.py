"""Makes the picture that pages show, out of the writer's memory."""

from types import MappingProxyType

from gateway.devices.registry import Registry
from gateway.devices.snapshot import Freshness, Picture, PointNow
from gateway.devices.watchdog import Watchdog


class SnapshotBuilder:
    """Paints only what changed."""

    def __init__(self, before: Picture, registry: Registry, watchdog: Watchdog) -> None:
        self.picture = before
        self._registry = registry
        self._watchdog = watchdog

    def build(self, open_alarms: int | None) -> Picture | None:
        """Give a new picture when anything that pages show has changed.

        `open_alarms` is their number when anything about alarms has changed, else None.
        """
        before = self.picture
        changed: dict[str, PointNow] = {}
        for path, point in self._registry.points.items():
            shown = point.shown
            if (
                shown is None
                or point.good != shown.at
                or point.received != shown.received
                or point.live != (shown.freshness is Freshness.LIVE)
            ):
                point.shown = changed[path] = point.now()
        edges = {edge: seen.online for edge, seen in self._watchdog.edges.items()}
        if not changed and open_alarms is None and edges == before.edges:
            return None
        alarms = before.open_alarms if open_alarms is None else open_alarms
        points = MappingProxyType({**before.points, **changed}) if changed else before.points
        self.picture = Picture(before.version + 1, points, alarms, MappingProxyType(edges))
        return self.picture
