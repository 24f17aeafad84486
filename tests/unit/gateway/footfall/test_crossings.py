"""Counting people with a counter that rolls over, resets, repeats and arrives out of order."""

import csv
from itertools import pairwise, permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import HOUR, MINUTE, SECOND
from gateway.footfall.crossings import Count, Interval, Rules, between, counted, step
from tests.conftest import data_folder

DAY = 24 * HOUR
METER = Rules(rollover=1_000_000, fastest=2.0)


def at(second: float, value: int) -> Count:
    return Count(round(second * SECOND), value)


@pytest.mark.parametrize(
    ("before", "now", "passed", "flag"),
    [
        (100, 130, 30, ""),
        (100, 100, 0, ""),
        (999_990, 15, 25, "rollover"),
        (5_000, 40, None, "reset"),
        (10_249, 397_872, None, "implausible"),
        (0, 0, 0, ""),
    ],
)
def test_two_readings_a_minute_apart(before: int, now: int, passed: int | None, flag: str) -> None:
    assert between(at(0, before), at(60, now), METER) == Interval(0, MINUTE, passed, flag)


def test_sixteen_bits_roll_over_to_the_right_number() -> None:
    rules = Rules(rollover=65_536, fastest=2.0)
    assert between(at(0, 65_530), at(60, 4), rules).passed == 10


def test_a_hole_is_flagged_and_its_people_are_kept() -> None:
    rules = METER._replace(hole=MINUTE)
    assert between(at(0, 10), at(60, 12), rules).flag == ""
    assert between(at(0, 10), at(61, 12), rules) == Interval(0, 61 * SECOND, 2, "outage")


def test_a_group_in_one_second_is_no_fault() -> None:
    assert between(at(0, 10), at(0.9, 13), METER).passed == 3


@pytest.mark.parametrize("value", [-1.0, 0.5, 1e6, 1e300])
def test_what_no_counter_can_show_is_not_counted(value: float) -> None:
    assert counted(value, METER) is None


def test_the_first_reading_counts_nothing() -> None:
    assert step(None, at(0, 500), None, METER) == ()


class Book:
    """Intervals by their end, as the store keeps them, over readings in the order of time."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.counts: list[Count] = []
        self.intervals: dict[int, Interval] = {}

    def add(self, now: Count) -> None:
        before = max((one for one in self.counts if one.at < now.at), default=None)
        behind = min((one for one in self.counts if one.at > now.at), default=None)
        self.counts.append(now)
        for one in step(before, now, behind, self.rules):
            self.intervals[one.until] = one


def test_a_late_reading_splits_an_interval_and_keeps_the_sum() -> None:
    book = Book(METER)
    for count in (at(0, 100), at(600, 160), at(300, 125)):
        book.add(count)
    assert [one.passed for _, one in sorted(book.intervals.items())] == [25, 35]


@given(st.lists(st.integers(0, 999_999), min_size=1, max_size=5))
def test_any_order_of_arrival_gives_the_same_intervals(values: list[int]) -> None:
    counts = [Count(n * MINUTE, value) for n, value in enumerate(values)]
    seen = set()
    for order in permutations(counts):
        book = Book(METER)
        for count in order:
            book.add(count)
        seen.add(tuple(sorted(book.intervals.items())))
    assert len(seen) == 1
    assert len(book.intervals) == len(counts) - 1


@given(st.lists(st.integers(0, 100), min_size=2, max_size=30), st.integers(0, 65_535))
def test_whatever_passed_is_counted_across_roll_overs(steps: list[int], start: int) -> None:
    rules = Rules(rollover=65_536, fastest=2.0)
    shown = start
    total = 0
    counts = [Count(0, shown)]
    for n, passed in enumerate(steps, start=1):
        shown = (shown + passed) % 65_536
        total += passed
        counts.append(Count(n * MINUTE, shown))
    made = [between(before, now, rules) for before, now in pairwise(counts)]
    assert sum(one.passed or 0 for one in made) == total


def test_the_gate_meter_of_a_library_never_books_the_jump() -> None:
    rows = _rows(data_folder("gatecounts-utl") / "sampleGateCount.csv")
    texts = [row["counts"] for row in rows]
    counts = [Count(n * DAY, int(text)) for n, text in enumerate(texts) if text.isdecimal()]
    made = [between(before, now, METER) for before, now in pairwise(counts)]
    jump = next(one for one, now in zip(made, counts[1:], strict=True) if now.value == 397_872)
    assert (jump.passed, jump.flag) == (None, "implausible")
    assert [one.flag for one in made].count("rollover") == 1
    assert max(one.passed or 0 for one in made) < 20_000
    assert 0 in [one.passed for one in made]


def test_a_season_at_one_door_adds_up() -> None:
    rows = _rows(data_folder("calit2") / "calit2_in_out_30min.csv")
    shown = 65_000
    counts = [Count(0, shown)]
    for n, row in enumerate(rows, start=1):
        if not row["in"]:
            continue
        shown = (shown + int(row["in"])) % 65_536
        counts.append(Count(n * 30 * MINUTE, shown))
    rules = Rules(rollover=65_536, fastest=2.0)
    made = [between(before, now, rules) for before, now in pairwise(counts)]
    assert sum(one.passed or 0 for one in made) == 19_625
    assert {one.flag for one in made} == {"", "rollover"}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines))
