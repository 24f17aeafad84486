"""Polling as a timeline: steady beats, sorted failures, said once."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.records import DeviceChanged, Reading, Record
from drivers.errors import BadReplyError, LinkDownError, RefusedError
from edge.polling.poller import Pace, keep_polling, next_due
from runtime.backoff import growing

Play = Callable[..., Any]
DOWN = LinkDownError("probe: no answer in 1 s")
Outcome = Exception | float
"""What a poll does: fail, or take that many seconds."""


class Notebook:
    """A diary in memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.memory: dict[str, bytes] = {}
        self.broken = False

    async def append(
        self, records: Sequence[Record], remember: Mapping[str, bytes | None] | None = None
    ) -> None:
        if self.broken:
            raise OSError("disk full")
        self.records += records
        for key, value in (remember or {}).items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value

    def recall(self, prefix: str) -> dict[str, bytes]:
        return {key: value for key, value in self.memory.items() if key.startswith(prefix)}

    def changes(self) -> list[bool]:
        return [one.available for one in self.records if isinstance(one, DeviceChanged)]


class EndOfStory(BaseException):
    """Leaves the endless loop."""


class Probe:
    """Polls according to a script, on a clock that only moves when somebody waits."""

    device = "probe"

    def __init__(self, script: Sequence[Outcome], period: float = 2.0) -> None:
        self.period = period
        self.script = list(script)
        self.time = 0.0
        self.polled: list[float] = []

    async def poll(self) -> Sequence[Reading]:
        if not self.script:
            raise EndOfStory
        self.polled.append(self.time)
        outcome = self.script.pop(0)
        if isinstance(outcome, Exception):
            self.time += 0.5
            raise outcome
        self.time += outcome
        return [Reading("probe/temperature", int(self.time), 20.0)]

    async def sleep(self, seconds: float) -> None:
        self.time += max(0.0, seconds)
        await asyncio.sleep(0)

    def pace(self) -> Pace:
        return Pace(lambda: self.time, self.sleep, lambda: 1.0)


def run(play: Play, probe: Probe, notebook: Notebook) -> list[float]:
    async def story() -> None:
        with pytest.raises(EndOfStory):
            await keep_polling(probe, notebook, lambda: int(probe.time), probe.pace())

    play(story())
    return probe.polled


def test_the_beat_is_steady_however_long_a_poll_takes(play: Play) -> None:
    probe = Probe([0.1, 0.7, 0.3, 0.0, 1.9, 0.5])
    assert run(play, probe, Notebook()) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]


def test_missed_beats_are_left_out_and_not_made_up(play: Play) -> None:
    probe = Probe([0.1, 7.0, 0.1, 0.1])
    assert run(play, probe, Notebook()) == [0.0, 2.0, 10.0, 12.0]


@given(st.floats(0, 1e6), st.floats(0.1, 100), st.floats(0, 1e6))
def test_the_next_beat_is_soon_and_never_past(due: float, period: float, late: float) -> None:
    now = due + late
    beat = next_due(due, period, now)
    assert beat >= now - 1e-6
    assert beat <= now + period * (1 + 1e-6) + 1e-6


def test_gone_and_back_are_each_said_once(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    notebook = Notebook()
    probe = Probe([0.1, DOWN, DOWN, BadReplyError("probe: short"), DOWN, 0.1, 0.1])
    run(play, probe, notebook)
    assert notebook.changes() == [True, False, True]
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "INFO"]
    gone = next(one for one in notebook.records if isinstance(one, DeviceChanged) and one.cause)
    assert "no answer" in gone.cause


def test_a_device_that_comes_back_is_polled_within_five_seconds(play: Play) -> None:
    probe = Probe([0.1, *[DOWN] * 12, 0.1])
    polled = run(play, probe, Notebook())
    pauses = [later - earlier for earlier, later in pairwise(polled[1:])]
    assert max(pauses) <= 5.5
    assert pauses == sorted(pauses)


def test_a_device_long_gone_costs_its_bus_less(play: Play) -> None:
    probe = Probe([0.1, *[DOWN] * 90])
    polled = run(play, probe, Notebook())
    assert polled[-1] - polled[-2] == pytest.approx(30.5)


def test_a_refusal_is_said_once_and_tried_again_slowly(play: Play) -> None:
    notebook = Notebook()
    probe = Probe([RefusedError("probe: illegal address")] * 8)
    polled = run(play, probe, notebook)
    assert notebook.changes() == [False]
    assert polled[-1] - polled[-2] == pytest.approx(30.5)


def test_a_bug_in_a_driver_stops_nobody(play: Play, caplog: pytest.LogCaptureFixture) -> None:
    notebook = Notebook()
    probe = Probe([0.1, ZeroDivisionError("oops"), ZeroDivisionError("oops"), 0.1])
    run(play, probe, notebook)
    assert notebook.changes() == [True, False, True]
    assert [record.levelname for record in caplog.records].count("ERROR") == 1


def test_a_restart_says_only_what_is_new(play: Play) -> None:
    notebook = Notebook()
    run(play, Probe([0.1]), notebook)
    run(play, Probe([0.1, DOWN]), notebook)
    run(play, Probe([DOWN, DOWN]), notebook)
    run(play, Probe([0.1]), notebook)
    assert notebook.changes() == [True, False, True]


def test_a_journal_that_cannot_be_written_ends_the_poller(play: Play) -> None:
    async def story() -> None:
        probe, notebook = Probe([0.1, 0.1, 0.1]), Notebook()
        notebook.broken = True
        with pytest.raises(OSError, match="disk full"):
            await keep_polling(probe, notebook, lambda: 0, probe.pace())

    play(story())


@given(st.integers(1, 10_000), st.floats(0.1, 5), st.floats(5, 60), st.floats(0, 1))
def test_pauses_are_bounded(failures: int, first: float, longest: float, chance: float) -> None:
    pause = growing(failures, first, longest, lambda: chance)
    assert first / 2 <= pause <= longest
