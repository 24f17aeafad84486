"""Ways through a site's graph of stations."""

import heapq
from math import hypot

from config.site import Fleet, Station


class NoWayError(ValueError):
    """The graph does not lead there; says from where to where."""


def delivery_way(fleet: Fleet, start: str, origin: str, destination: str) -> tuple[str, ...]:
    """Give the stations from `start` through `origin` to `destination`; raise NoWayError."""
    return (*shortest(fleet, start, origin), *shortest(fleet, origin, destination)[1:])


def shortest(fleet: Fleet, start: str, goal: str) -> tuple[str, ...]:
    """Give the stations of the shortest way, both ends included; raise NoWayError."""
    places = {station.id: station for station in fleet.stations}
    neighbours: dict[str, list[str]] = {place: [] for place in places}
    for one, other in fleet.ways:
        neighbours[one].append(other)
        neighbours[other].append(one)
    known: set[str] = set()
    ahead: list[tuple[float, tuple[str, ...]]] = [(0.0, (start,))] if start in places else []
    while ahead:
        length, way = heapq.heappop(ahead)
        here = way[-1]
        if here == goal:
            return way
        if here in known:
            continue
        known.add(here)
        for there in neighbours[here]:
            if there not in known:
                step = length + distance(places[here], places[there])
                heapq.heappush(ahead, (step, (*way, there)))
    raise NoWayError(f"no way leads from {start!r} to {goal!r}; add one to fleet.ways")


def distance(one: Station, other: Station) -> float:
    """Give metres as the crow flies."""
    return hypot(one.x - other.x, one.y - other.y)
