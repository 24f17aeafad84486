"""Parts that fall and stand again, told as timelines."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Self

import pytest

from runtime.supervisor import LONGEST_PAUSE, STEADY, Change, Part, Supervisor
from tests.unit.edge.simulated import SimulatedTime

Play = Callable[..., Any]


class Building:
    """A supervisor on a simulated clock, and what it said."""

    def __init__(self, *parts: Part) -> None:
        self.time = SimulatedTime()
        self.said: list[Change] = []
        self.parts = parts

    async def __aenter__(self) -> Self:
        supervisor = Supervisor(self.time.clock, random.Random(1), self.said.append)
        self.running = asyncio.create_task(supervisor.run(self.parts), name="building")
        await self.time.settle()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)


def failing(
    starts: list[float], building: list[Building], times: int
) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        starts.append(building[0].time.seconds)
        if len(starts) <= times:
            raise OSError(f"fall {len(starts)}")
        await asyncio.Event().wait()

    return run


def test_a_part_that_falls_is_started_again_and_its_neighbour_never_notices(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    starts: list[float] = []
    beats: list[float] = []
    buildings: list[Building] = []

    async def beat() -> None:
        while True:
            beats.append(buildings[0].time.seconds)
            await buildings[0].time.sleep(1.0)

    async def story() -> None:
        building = Building(Part("sick", failing(starts, buildings, 4)), Part("sound", beat))
        buildings.append(building)
        async with building:
            await building.time.after(60)
        assert [(one.part, one.stands) for one in building.said] == [
            ("sick", False),
            ("sick", True),
        ]
        assert building.said[0].reason == "OSError: fall 1"
        assert building.said[1].falls == 4

    with caplog.at_level(logging.INFO):
        play(story())
    assert len(starts) == 5
    assert len(beats) == 61
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]


def test_pauses_grow_to_a_ceiling_and_never_end(play: Play) -> None:
    starts: list[float] = []
    buildings: list[Building] = []

    async def story() -> None:
        building = Building(Part("hopeless", failing(starts, buildings, 10**9)))
        buildings.append(building)
        async with building:
            await building.time.after(3600)
        assert [one.stands for one in building.said] == [False]

    play(story())
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert max(pauses) <= LONGEST_PAUSE
    assert min(pauses[10:]) >= LONGEST_PAUSE / 2
    assert len(starts) > 100


def test_a_part_that_ends_by_itself_has_fallen(play: Play) -> None:
    ends = 0

    async def brief() -> None:
        nonlocal ends
        ends += 1

    async def story() -> None:
        async with Building(Part("brief", brief)) as building:
            await building.time.after(10)
        assert building.said[0].reason == "it ended by itself"

    play(story())
    assert ends > 3


def test_it_stands_only_when_it_has_lasted(play: Play) -> None:
    async def shaky() -> None:
        await buildings[0].time.sleep(STEADY * 0.9)
        raise ValueError("again")

    buildings: list[Building] = []

    async def story() -> None:
        building = Building(Part("shaky", shaky))
        buildings.append(building)
        async with building:
            await building.time.after(300)
        assert [one.stands for one in building.said] == [False]

    play(story())


def test_cancelled_everything_ends_at_once(play: Play) -> None:
    ended: list[str] = []

    def until_cancelled(name: str) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(name)

        return run

    async def story() -> None:
        names = ["a", "b", "c"]
        async with Building(*(Part(name, until_cancelled(name)) for name in names)) as building:
            tasks = {task.get_name() for task in asyncio.all_tasks()}
            assert {*names} <= tasks
            building.running.cancel()
            for _ in range(3):
                await asyncio.sleep(0)
            assert sorted(ended) == names

    play(story())


def test_what_is_no_error_ends_the_process(play: Play) -> None:
    class Interrupt(BaseException):
        pass

    async def interrupted() -> None:
        raise Interrupt

    async def story() -> None:
        supervisor = Supervisor(SimulatedTime().clock, random.Random(1), lambda _: None)
        with pytest.raises(BaseExceptionGroup) as caught:
            await supervisor.run([Part("interrupted", interrupted)])
        assert caught.value.subgroup(Interrupt) is not None

    play(story())


def test_a_part_that_swallows_its_cancellation_or_falls_over_it_is_not_started_again(
    play: Play,
) -> None:
    starts: list[str] = []

    async def swallows() -> None:
        starts.append("swallows")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def falls() -> None:
        starts.append("falls")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("on its way out") from None

    async def story() -> None:
        async with Building(Part("swallows", swallows), Part("falls", falls)) as building:
            building.running.cancel()
            done, _ = await asyncio.wait([building.running], timeout=1)
            assert done
            assert building.running.cancelled()
            assert building.said == []
        assert sorted(starts) == ["falls", "swallows"]

    play(story())
