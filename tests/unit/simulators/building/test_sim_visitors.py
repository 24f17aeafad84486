from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from simulators.building.visitors import BETWEEN_PERSONS, SHARES, Lane, People, expected

IN = [Lane("south", "c", 0), Lane("east", "c", 2)]
OUT = [Lane("south", "c", 1), Lane("east", "c", 3)]
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


def live(
    people: People, begin: datetime, hours: float, pace: float, tick: float = 0.25
) -> list[tuple[float, Lane]]:
    passed, real, local = list[tuple[float, Lane]](), 0.0, begin
    while real * pace < hours * 3600:
        real += tick
        local += timedelta(seconds=tick * pace)
        passed += [(real, lane) for lane in people.step(local, tick * pace, tick)]
        assert people.inside >= 0
    return passed


def test_the_shares_of_the_hours_make_one_day() -> None:
    assert sum(SHARES) == pytest.approx(1.0)


def test_nobody_comes_at_night() -> None:
    assert expected(MONDAY.replace(hour=3), 500) == 0
    assert expected(MONDAY.replace(hour=21), 500) == 0
    assert live(People(IN, OUT, Random(1)), MONDAY, 8.9, 60) == []


def test_a_day_brings_about_the_visits_asked_for_and_everybody_leaves() -> None:
    people = People(IN, OUT, Random(1), 500)
    arrived = list[str]()
    people.on_arrival.append(arrived.append)
    passed = Counter(lane.channel for _, lane in live(people, MONDAY, 24, 60))
    assert 430 < passed[0] + passed[2] < 570
    assert passed[0] + passed[2] == passed[1] + passed[3] == len(set(arrived)) == len(arrived)
    assert people.inside == 0


@pytest.mark.parametrize("pace", [1, 60, 600])
def test_no_lane_is_ever_faster_than_two_persons_a_second(pace: float) -> None:
    people = People(IN, OUT, Random(3), 5000)
    times: dict[Lane, list[float]] = {lane: [] for lane in IN + OUT}
    for at, lane in live(people, MONDAY.replace(hour=13), 200 * pace / 3600, pace):
        times[lane].append(at)
    for passages in times.values():
        gaps = [later - before for before, later in pairwise(passages)]
        assert all(gap >= BETWEEN_PERSONS - 1e-6 for gap in gaps)


def test_the_same_seed_is_the_same_day() -> None:
    one, two = (live(People(IN, OUT, Random(7)), MONDAY, 12, 60) for _ in range(2))
    assert one == two


def test_a_building_without_gates_stays_empty() -> None:
    assert live(People([], [], Random(1)), MONDAY.replace(hour=9), 2, 60) == []
