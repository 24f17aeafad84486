"""Polling as a timeline: steady beats, sorted failures, said once."""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.layouts import Column, Layout, sample
from contracts.records import DeviceChanged, Sample
from drivers.errors import BadReplyError, LinkDownError, RefusedError
from edge.polling.poller import SOON, Poller, next_beat, phase
from runtime.backoff import growing
from tests.unit.edge.simulated import MemoryDisk, MemoryJournal, SimulatedTime

Play = Callable[..., Any]
DOWN = LinkDownError("probe: no answer in 1 s")
Outcome = Exception | float
"""What a poll does: fail, or take that many seconds."""
LAYOUT = Layout("2s", (Column("temperature", 1),))


class EndOfStoryError(BaseException):
    """Leaves the endless loop."""


class Probe:
    """Polls according to a script, on a clock that only moves when somebody waits."""

    layouts: Sequence[Layout] = (LAYOUT,)

    def __init__(
        self, script: Sequence[Outcome], period: float = 2.0, device: str = "probe"
    ) -> None:
        self.device = device
        self.period = period
        self.script = list(script)
        self.time = SimulatedTime()
        self.disk = MemoryDisk()
        self.polled: list[float] = []

    async def poll(self) -> Sequence[Sample]:
        if not self.script:
            raise EndOfStoryError
        self.polled.append(self.time.seconds)
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            self.time.seconds += 0.5
            raise outcome
        self.time.seconds += outcome
        at = self.time.wall()
        return [sample(self.device, LAYOUT, LAYOUT.digest, at, {"temperature": 20.0})]

    async def sleep(self, seconds: float) -> None:
        self.time.seconds += max(0.0, seconds)
        await asyncio.sleep(0)

    def changes(self) -> list[bool]:
        return [one.available for one in self.disk.of(DeviceChanged)]


class Always(random.Random):
    def random(self) -> float:
        return 1.0


def run(play: Play, probe: Probe, script: Sequence[Outcome] | None = None) -> list[float]:
    """Give when it was polled, in seconds since the first poll."""
    probe.polled.clear()
    probe.script = list(script or probe.script)

    async def story() -> None:
        clock = probe.time.clock
        moved = type(clock)(clock.monotonic, clock.wall, probe.sleep)
        journal = MemoryJournal(probe.disk, moved)
        with pytest.raises(EndOfStoryError):
            await Poller(probe, journal, moved, Always()).run()
        await asyncio.sleep(0)

    play(story())
    return [round(at - probe.polled[0], 6) for at in probe.polled]


def test_the_beat_is_steady_however_long_a_poll_takes(play: Play) -> None:
    probe = Probe([0.1, 0.7, 0.3, 0.0, 1.9, 0.5])
    assert run(play, probe) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    assert len(probe.disk.of(Sample)) == 6


def test_missed_beats_are_left_out_and_not_made_up(play: Play) -> None:
    assert run(play, Probe([0.1, 7.0, 0.1, 0.1])) == [0.0, 2.0, 10.0, 12.0]


def test_polling_keeps_its_beat_through_steps_of_the_wall_clock(play: Play) -> None:
    class Stepping(Probe):
        async def poll(self) -> Sequence[Sample]:
            self.time.step_wall(random.Random(len(self.polled)).uniform(-1e9, 1e9))
            return await super().poll()

    assert run(play, Stepping([0.1] * 14)) == [2.0 * n for n in range(14)]


@given(st.floats(0, 1e6), st.floats(0.1, 100), st.floats(-1e3, 1e6))
def test_the_next_beat_is_soon_and_never_past(beat: float, period: float, late: float) -> None:
    now = beat + late
    following = next_beat(beat, period, now)
    assert following >= now - 1e-6
    assert following <= now + period * (1 + 1e-6) + 1e-6


def test_devices_of_one_period_spread_over_it_and_stay_where_they_are(play: Play) -> None:
    shares = sorted(phase(f"probe-{n}") for n in range(1000))
    assert max(later - earlier for earlier, later in pairwise([0.0, *shares, 1.0])) < 0.015
    beats = []
    for started in (5_000.0, 7_777.7):
        probe = Probe([0.0], period=10.0, device="probe-7")
        probe.time.seconds = started
        probe.time.ahead = 1_000_000_000_000_000  # whole minutes of wall and monotonic clock agree
        probe.script = [0.0, 0.0, 0.0]
        run(play, probe)
        beats.append(round((probe.time.wall() / 1e6) % 10.0, 2))
    assert beats[0] == beats[1] == pytest.approx(phase("probe-7") * 10.0, abs=0.01)


@pytest.mark.parametrize("period", [0.5, 10.0, 900.0])
def test_the_first_poll_is_soon(play: Play, period: float) -> None:
    for number in range(50):
        probe = Probe([0.0, 0.0, 0.0], period, f"probe-{number}")
        begun = probe.time.seconds
        beats = run(play, probe)
        assert probe.polled[0] - begun <= SOON
        assert 0 < beats[1] <= period + SOON
        assert beats[2] - beats[1] == pytest.approx(period)


def test_gone_and_back_are_each_said_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    probe = Probe([0.1, DOWN, DOWN, BadReplyError("probe: short"), DOWN, 0.1, 0.1])
    run(play, probe)
    assert probe.changes() == [True, False, True]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    gone = next(one for one in probe.disk.of(DeviceChanged) if one.cause)
    assert "no answer" in gone.cause


def test_a_device_that_comes_back_is_polled_within_five_seconds(play: Play) -> None:
    polled = run(play, Probe([0.1, *[DOWN] * 12, 0.1]))
    pauses = [later - earlier for earlier, later in pairwise(polled[1:])]
    assert max(pauses) <= 5.5
    assert pauses == sorted(pauses)


def test_a_device_long_gone_costs_its_bus_less(play: Play) -> None:
    polled = run(play, Probe([0.1, *[DOWN] * 90]))
    assert polled[-1] - polled[-2] == pytest.approx(30.5)


def test_a_refusal_is_said_once_and_tried_again_slowly(play: Play) -> None:
    probe = Probe([RefusedError("probe: illegal address")] * 8)
    polled = run(play, probe)
    assert probe.changes() == [False]
    assert polled[-1] - polled[-2] == pytest.approx(30.5)


def test_a_bug_in_a_driver_stops_nobody(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    probe = Probe([0.1, ZeroDivisionError("oops"), ZeroDivisionError("oops"), 0.1])
    run(play, probe)
    assert probe.changes() == [True, False, True]
    (said,) = [record for record in caplog.records if record.exc_info]
    assert "ZeroDivisionError('oops')" in said.getMessage()


def test_a_restart_says_only_what_is_new(play: Play) -> None:
    probe = Probe([0.1])
    scripts: list[list[Outcome]] = [[0.1], [0.1, DOWN], [DOWN, DOWN], [0.1]]
    for script in scripts:
        run(play, probe, script)
    assert probe.changes() == [True, False, True]


def test_what_was_remembered_and_rots_is_said_anew(play: Play) -> None:
    probe = Probe([0.1])
    run(play, probe)
    probe.disk.rot("device", "probe")
    run(play, probe, [0.1, 0.1])
    assert probe.changes() == [True, True]


def test_a_sick_disk_stops_no_polling(play: Play) -> None:
    probe = Probe([0.1, DOWN, 0.1, 0.1])
    probe.disk.sick, probe.disk.gateway = True, False
    assert len(run(play, probe)) == 4


@given(st.integers(1, 10_000), st.floats(0.1, 5), st.floats(5, 60), st.floats(0, 1))
def test_pauses_are_bounded(failures: int, first: float, longest: float, chance: float) -> None:
    pause = growing(failures, first, longest, lambda: chance)
    assert first / 2 <= pause <= longest
