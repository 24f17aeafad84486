"""Timers against a list of what is due; nothing ticks in between."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from runtime.timers import MOST_STALE, Timers
from tests.unit.edge.simulated import SimulatedTime

Play = Callable[..., Any]


@pytest.mark.parametrize("seed", range(20))
def test_each_is_given_once_and_when_it_is_due(play: Play, seed: int) -> None:
    dice = random.Random(seed)

    async def story() -> None:
        time = SimulatedTime()
        timers = Timers[int](time.clock)
        model: dict[int, float] = {}
        given: list[tuple[int, float]] = []
        expected: list[tuple[int, float]] = []

        async def wait() -> None:
            while True:
                given.extend((key, time.seconds) for key in await timers.wait())

        waiter = asyncio.create_task(wait(), name="waiter")
        for _ in range(200):
            key = dice.randrange(10)
            if dice.random() < 0.7:
                model[key] = time.seconds + dice.uniform(0.0, 30.0)
                timers.set(key, model[key])
            else:
                model.pop(key, None)
                timers.cancel(key)
            assert len(timers) == len(model)
            end = time.seconds + dice.uniform(0.0, 5.0)
            await time.after(end - time.seconds)
            over = sorted((due, one) for one, due in model.items() if due <= end)
            expected += [(one, due) for due, one in over]
            for _, one in over:
                del model[one]
        waiter.cancel()
        assert [key for key, _ in given] == [key for key, _ in expected]
        assert [at for _, at in given] == pytest.approx([due for _, due in expected])

    play(story())


def test_many_things_cost_nothing_while_none_is_due(play: Play) -> None:
    async def story() -> None:
        time = SimulatedTime()
        timers = Timers[int](time.clock)
        for key in range(100_000):
            timers.set(key, time.seconds + 3600 + key)
        waiter = asyncio.create_task(timers.wait(), name="waiter")
        assert await time.after(3599) == 0
        await time.after(1)
        assert await waiter == [0]

    play(story())


def test_what_is_renewed_for_ever_takes_no_memory(play: Play) -> None:
    async def story() -> None:
        time = SimulatedTime()
        timers = Timers[str](time.clock)
        for number in range(10_000):
            timers.set("lease", time.seconds + 86_400 + number)
        assert len(timers._heap) <= 2 + MOST_STALE + 1

    play(story())
