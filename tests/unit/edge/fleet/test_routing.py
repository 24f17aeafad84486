"""Ways over any graph, against every way tried."""

from itertools import pairwise, permutations
from math import inf, isclose

import pytest
from hypothesis import given

from config.site import Fleet
from edge.fleet.routing import NoWayError, distance, shortest
from tests.unit.edge.fleet.station_graphs import PLACES, fleets


def length(fleet: Fleet, way: tuple[str, ...]) -> float:
    """Give the length of a way, infinite when it does not exist."""
    places = {one.id: one for one in fleet.stations}
    ways = {*fleet.ways, *((other, one) for one, other in fleet.ways)}
    return sum(
        distance(places[one], places[other]) if (one, other) in ways else inf
        for one, other in pairwise(way)
    )


def shortest_by_trying(fleet: Fleet, start: str, goal: str) -> float:
    between = [one for one in PLACES if one not in (start, goal)]
    return min(
        length(fleet, (start, *middle, goal))
        for count in range(len(between) + 1)
        for middle in permutations(between, count)
    )


@given(fleets())
def test_no_way_is_shorter_than_the_shortest(fleet: Fleet) -> None:
    best = shortest_by_trying(fleet, "a", "e")
    if best == inf:
        with pytest.raises(NoWayError, match="from 'a' to 'e'; add one"):
            shortest(fleet, "a", "e")
    else:
        assert isclose(length(fleet, shortest(fleet, "a", "e")), best)
