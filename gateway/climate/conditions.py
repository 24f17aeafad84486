"""What each space is like now, judged by its limits: pure, from the picture and the inventory."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from config.site import Limit, Space
from contracts.instants import Instant
from contracts.quantities import NATURES, Quality, Quantity
from gateway.devices.readers import Device, Point
from gateway.devices.snapshot import Freshness, Picture, PointNow

CLIMATE = ("air_temperature", "relative_humidity", "co2")
"""What is shown for a space, in this order."""
NEAR = 0.05
"""Share of a band next to its edge that is called near, where the deadband is not wider."""


class Condition(StrEnum):
    """How a space or one of its quantities is. In the order of urgency."""

    OUT = "out"
    UNKNOWN = "unknown"
    """No live value."""
    PARTIAL = "partial"
    """What is live is in range, but a probe is silent: nobody knows how its corner is."""
    NEAR = "near"
    IN = "in"
    UNJUDGED = "unjudged"
    """Live, and no limit is set."""
    EMPTY = "empty"
    """Neither probe nor limit."""


URGENCY = {condition: number for number, condition in enumerate(Condition)}


class Inventory(NamedTuple):
    """Which points and devices there are."""

    points: Mapping[str, Point]
    devices: Mapping[str, Device]

    def probes(self, space: str) -> list[Point]:
        """Give the points that tell of the air of a space."""
        return [
            point
            for point in self.points.values()
            if point.space == space
            and point.quantity in CLIMATE
            and point.device in self.devices
            and self.devices[point.device].card.family == "climate"
        ]


class Gauge(NamedTuple):
    """One quantity of one space.

    `value` is that of the probe nearest to the limits, or furthest outside them; None when no
    probe is live, and then `last_value` is history.
    """

    quantity: str
    unit: str
    condition: Condition
    path: str
    value: float | None
    at: Instant
    quality: str
    last_value: float | None
    low: float | None
    high: float | None
    live: int
    probes: int
    least: float | None
    greatest: float | None


class Tile(NamedTuple):
    """One space now."""

    space: str
    condition: Condition
    gauges: tuple[Gauge, ...]


def unheard(path: str) -> PointNow:
    """Give a point that nobody ever heard of."""
    return PointNow(path, Freshness.UNKNOWN, None, Quality.UNAVAILABLE, 0, 0)


def tile(space: Space, inventory: Inventory, picture: Picture) -> Tile:
    """Judge a space.

    A logger whose export was imported has no edge that anybody waits for: its values belong to the
    past, and nobody misses it in the present.
    """
    probes = [
        point
        for point in inventory.probes(space.id)
        if inventory.devices[point.device].card.edge in picture.edges
        or (picture.points.get(point.path) or unheard(point.path)).freshness is Freshness.LIVE
    ]
    limits = {limit.quantity.value: limit for limit in space.limits}
    gauges = []
    for quantity in CLIMATE:
        paths = [point.path for point in probes if point.quantity == quantity]
        limit = limits.get(quantity)
        if paths or limit is not None:
            points = [picture.points.get(path) or unheard(path) for path in paths]
            gauges.append(_gauge(quantity, limit, points))
    worst = min((gauge.condition for gauge in gauges), key=URGENCY.__getitem__, default=None)
    return Tile(space.id, worst or Condition.EMPTY, tuple(gauges))


def _gauge(quantity: str, limit: Limit | None, points: list[PointNow]) -> Gauge:
    live = [one for one in points if one.freshness is Freshness.LIVE and one.value is not None]
    values = [one.value for one in live if one.value is not None]
    shown = (
        min(live, key=lambda one: _room(one.value, limit))
        if live
        else max(points, key=lambda one: one.at, default=unheard(""))
    )
    return Gauge(
        quantity=quantity,
        unit=NATURES[Quantity(quantity)].unit,
        condition=_condition(values, limit, len(points)),
        path=shown.path,
        value=shown.value if live else None,
        at=shown.at,
        quality=shown.quality,
        last_value=shown.value,
        low=limit.low if limit else None,
        high=limit.high if limit else None,
        live=len(live),
        probes=len(points),
        least=min(values, default=None),
        greatest=max(values, default=None),
    )


def _room(value: float | None, limit: Limit | None) -> float:
    """Say how far inside its limits a value is; negative outside."""
    if limit is None or value is None:
        return 0.0
    rooms = []
    if limit.low is not None:
        rooms.append(value - limit.low)
    if limit.high is not None:
        rooms.append(limit.high - value)
    return min(rooms)


def _condition(values: list[float], limit: Limit | None, probes: int) -> Condition:
    if not values:
        return Condition.UNKNOWN
    if limit is None:
        return Condition.UNJUDGED if len(values) == probes else Condition.PARTIAL
    room = min(_room(value, limit) for value in values)
    if room < 0:
        return Condition.OUT
    if len(values) < probes:
        return Condition.PARTIAL
    return Condition.NEAR if room < _margin(limit) else Condition.IN


def _margin(limit: Limit) -> float:
    if limit.low is None or limit.high is None:
        return limit.deadband
    return max(limit.deadband, NEAR * (limit.high - limit.low))


def condition_of(value: float, limit: Limit | None) -> Condition:
    """Judge one live value."""
    return _condition([value], limit, 1)
