"""Stamps and clock segments while the wall clock is moved about."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import SECOND
from contracts.records import ClockStepped, Record
from edge.journal.stamps import APART, Stamps
from tests.unit.edge.simulated import SimulatedTime

Play = Callable[..., Any]


def stamps_at(time: SimulatedTime) -> Stamps:
    return Stamps(time.clock, "life", "stacks", time.boot)


def test_stamps_are_whole_milliseconds_of_the_wall_clock_at_the_start() -> None:
    time = SimulatedTime(monotonic=77.123456)
    stamps = stamps_at(time)
    assert stamps.now() == time.wall()
    time.seconds += 12.3456789
    assert stamps.now() % 1000 == 0
    assert abs(stamps.now() - time.wall()) <= 1000


def test_no_step_slips_into_a_stamp() -> None:
    time = SimulatedTime()
    stamps = stamps_at(time)
    before = stamps.now()
    time.step_wall(-86_400)
    time.seconds += 1
    assert stamps.now() == before + SECOND
    assert stamps.segment == "life.0"


@pytest.mark.parametrize("by", [3600.0, -3600.0, 0.6, -0.6, -56 * 365 * 86_400.0])
def test_a_step_is_a_record_and_a_new_segment_by_the_new_wall_clock(by: float) -> None:
    time = SimulatedTime()
    stamps = stamps_at(time)
    started = stamps.started("1.0")
    time.seconds += 10
    time.step_wall(by)
    stepped = stamps.compare()
    assert stepped is not None
    assert stepped.at == time.wall() == stamps.now()
    assert stepped.by == pytest.approx(by * SECOND, abs=2000)
    assert (started.clock, stepped.clock) == ("life.0", "life.1") == ("life.0", stamps.segment)
    assert stepped.ahead - started.ahead == pytest.approx(by * SECOND, abs=2000)
    assert (started.boot, stepped.boot) == (time.boot, time.boot)
    assert stamps.compare() is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(-2, 2)), max_size=30))
def test_after_each_comparison_the_stamps_follow_the_wall(moves: list[tuple[float, float]]) -> None:
    time = SimulatedTime()
    stamps = stamps_at(time)
    steps = 0
    for passed, step in moves:
        time.seconds += passed
        time.step_wall(step)
        steps += stamps.compare() is not None
        assert abs(stamps.now() - time.wall()) <= APART + 1000
    assert stamps.steps == steps
    assert stamps.segment == f"life.{steps}"


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_a_record_stamped_before_a_step_is_of_the_segment_before(by: float) -> None:
    time = SimulatedTime()
    stamps = stamps_at(time)
    time.seconds += 100
    early = stamps.now()
    time.seconds += 0.25
    time.step_wall(by)
    stamps.compare()
    time.seconds += 0.25
    assert stamps.segment_of(early) == "life.0"
    assert stamps.segment_of(stamps.now()) == "life.1"
    time.seconds += 60
    assert stamps.segment_of(stamps.now() - SECOND) == "life.1"


def test_what_comes_before_any_step_is_of_the_first_segment() -> None:
    time = SimulatedTime()
    stamps = stamps_at(time)
    time.seconds += 5
    for at in (0, stamps.now() - 10 * SECOND, stamps.now(), stamps.now() + 10 * SECOND):
        assert stamps.segment_of(at) == "life.0"


def test_each_second_is_a_comparison(play: Play) -> None:
    async def story() -> None:
        time = SimulatedTime()
        stamps = stamps_at(time)
        written: list[Record] = []
        watching = asyncio.create_task(stamps.watch(written.extend), name="watch")
        await time.after(3)
        time.step_wall(50)
        await time.after(1)
        assert [type(one) for one in written] == [ClockStepped]
        watching.cancel()

    play(story())


def test_what_happened_before_the_watch_began_is_noticed_at_once(play: Play) -> None:
    """A start may wait for a sick disk; what is polled then bears the time of the new clock."""

    async def story() -> None:
        time = SimulatedTime()
        stamps = stamps_at(time)
        time.seconds += 5
        time.step_wall(3600)
        written: list[Record] = []
        watching = asyncio.create_task(stamps.watch(written.extend), name="watch")
        await time.settle()
        assert [type(one) for one in written] == [ClockStepped]
        assert stamps.now() == time.wall()
        watching.cancel()

    play(story())
