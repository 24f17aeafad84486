"""Whatever dies between two steps: each delivery ends once, and nothing is carried twice."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from contracts.records import DeliveryStep
from edge.fleet.jobs import FOLLOWING
from tests.unit.edge.fleet.fleet_world import FleetWorld, KilledError

Play = Callable[..., Any]
LONG_ENOUGH = 200
"""Seconds for two deliveries."""


def check(world: FleetWorld, delivery: str) -> None:
    steps = world.steps(delivery)
    assert len(world.ends(delivery)) == 1, steps
    assert all(after in FOLLOWING[DeliveryStep(before)] for before, after in pairwise(steps)), steps
    drops = sum(1 for order, step in world.vehicle.log if (order, step) == (delivery, "dropped"))
    picks = sum(1 for order, step in world.vehicle.log if (order, step) == (delivery, "picked"))
    assert drops <= 1
    assert picks <= 1
    assert (drops == 1) == (steps[-1] == DeliveryStep.DELIVERED)


async def asked(world: FleetWorld, command: str) -> str:
    """Ask as the edge does: a command whose outcome was not written down comes again."""
    while True:
        try:
            return await world.deliver(command)
        except KilledError:
            world.restarts += 1
            world.restart()


async def two_deliveries(fuses: tuple[int, ...]) -> FleetWorld:
    world = FleetWorld()
    left = list(fuses)
    world.fuse.left = left.pop(0)
    first = await asked(world, "c1")
    second = await asked(world, "c2")
    for _ in range(LONG_ENOUGH):
        if left and world.fuse.blown:
            world.fuse.left = left.pop(0)
        await world.second()
    for delivery in (first, second):
        check(world, delivery)
        assert world.ends(delivery) == [DeliveryStep.DELIVERED]
    return world


def test_a_dispatcher_killed_between_any_two_steps_goes_on_where_it_stopped(play: Play) -> None:
    async def story() -> None:
        kills = 0
        for place in range(1000):
            world = await two_deliveries((place,))
            if world.restarts == 0:
                break
            kills += world.restarts
        assert kills > 30  # every write and every message, before and after

    play(story(), within=60)


@pytest.mark.parametrize("second", range(0, 12, 2))
def test_killed_twice_it_goes_on_too(play: Play, second: int) -> None:
    async def story() -> None:
        for first in range(0, 40, 3):
            await two_deliveries((first, second))

    play(story(), within=60)


def test_a_robot_that_reboots_at_any_moment_carries_nothing_twice(play: Play) -> None:
    async def story() -> None:
        outcomes = set()
        for moment in range(1, 50):
            world = FleetWorld()
            delivery = await world.deliver()
            await world.run(moment)
            world.vehicle.reboot()
            await world.dispatcher.hear(world.vehicle.connection("CONNECTIONBROKEN"))
            await world.dispatcher.hear(world.vehicle.connection("ONLINE"))
            await world.run(LONG_ENOUGH)
            check(world, delivery)
            outcomes |= {*world.ends(delivery)}
        assert outcomes == {DeliveryStep.DELIVERED, DeliveryStep.FAILED}

    play(story(), within=60)


def test_a_link_cut_at_any_moment_loses_nothing(play: Play) -> None:
    async def story() -> None:
        for moment in range(50):
            world = FleetWorld()
            delivery = await world.deliver()
            await world.run(moment)
            world.vehicle.linked = False
            await world.run(60)
            assert world.connections()[-1] == "UNKNOWN"
            world.vehicle.linked = True
            await world.run(LONG_ENOUGH)
            check(world, delivery)
            assert world.ends(delivery) == [DeliveryStep.DELIVERED]

    play(story(), within=60)


def test_robot_rebooted_while_the_dispatcher_was_down(play: Play) -> None:
    async def story() -> None:
        for moment in range(1, 50, 2):
            world = FleetWorld()
            delivery = await world.deliver()
            await world.run(moment)
            world.vehicle.reboot()
            world.restart()
            await world.run(LONG_ENOUGH)
            check(world, delivery)

    play(story(), within=60)


def test_cancelled_at_any_moment_it_ends_once_and_the_robot_is_free(play: Play) -> None:
    async def story() -> None:
        for moment in range(50):
            world = FleetWorld()
            delivery = await world.deliver()
            await world.run(moment)
            if delivery in world.dispatcher._job_store.jobs:
                await world.order("c9", "cancel", delivery=delivery)
            await world.run(30)
            check(world, delivery)
            assert not world.vehicle.agenda.busy

    play(story(), within=60)


def test_released_at_any_moment_it_ends_once_even_when_the_robot_hears_nothing(play: Play) -> None:
    async def story() -> None:
        for moment in range(0, 50, 2):
            world = FleetWorld()
            delivery = await world.deliver()
            await world.run(moment)
            world.vehicle.linked = False
            if delivery in world.dispatcher._job_store.jobs:
                await world.order("c9", "release", delivery=delivery)
            world.restart()
            await world.run(5)
            world.vehicle.linked = True
            await world.run(60)
            assert len(world.ends(delivery)) == 1
            assert not world.vehicle.agenda.busy

    play(story(), within=60)
