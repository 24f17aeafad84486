"""Dispatcher and robot on a real broker: everything is killed once, and the book arrives once."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from config.broker import Broker as Brokers
from config.links import Vda5050
from config.site import Fleet
from contracts.instants import SECOND
from contracts.messages import Command
from contracts.records import DeliveryChanged, DeliveryStep, InputRefused, Record, RobotChanged
from drivers.devices.vda5050_vehicle import SPEC
from drivers.errors import DriverError
from drivers.links.vehicle_mailboxes import VehicleMailboxes
from edge.fleet.delivery_request import delivery_of
from edge.fleet.dispatcher import Dispatcher
from runtime.host import system_host
from simulators.robots.robot import RobotModel, RobotSimulator
from simulators.run import io_for
from tests.broker import Broker
from tests.scenario.real_journal import recorded

Play = Callable[..., Any]
FLEET = Fleet.model_validate(
    {
        "stations": [
            {"id": "dock", "x": 0, "y": 0},
            {"id": "lift", "x": 8, "y": 0},
            {"id": "desk", "x": 8, "y": 10},
        ],
        "ways": [["dock", "lift"], ["lift", "desk"]],
    }
)
STEPS = ["asked", "sent", "accepted", "loaded", "delivered"]


def now() -> int:
    return time.time_ns() // 1000


class Building:
    """A broker, a robot, and an edge that may be killed."""

    def __init__(self, folder: Path, pace: float = 30.0) -> None:
        self.folder = folder
        self.broker = Broker(folder / "broker")
        self.records: list[Record] = []
        self.ledger: list[tuple[str, str]] = []
        stations = {one.id: (one.x, one.y) for one in FLEET.stations}
        model = RobotModel(
            Brokers.model_validate(self.broker.url),
            "uagv",
            "Example",
            "WL-001",
            stations,
            "dock",
            pace=pace,
        )
        self.robot = RobotSimulator(
            model,
            lambda _, **line: self.ledger.append((line["order"], line["step"])),
            now,
            io_for(model.broker),
            "robot",
        )
        self.link_config = Vda5050.model_validate(
            {
                "kind": "vda5050",
                "id": "robots",
                "broker": self.broker.url,
                "devices": [
                    {
                        "id": "robot-1",
                        "model": "vda5050",
                        "manufacturer": "Example",
                        "serial": "WL-001",
                        "silent_after": "2s",
                    }
                ],
            }
        )

    @asynccontextmanager
    async def edge(self) -> AsyncIterator[Dispatcher]:
        """Run an edge; leaving the block kills it."""
        link = VehicleMailboxes(self.link_config, system_host())
        robot = self.link_config.devices[0]
        async with recorded(self.folder, system_host()) as journal:
            journal.records = self.records
            clock = journal.clock
            vehicle = SPEC.build(robot, link, clock)
            dispatcher = Dispatcher(vehicle, robot, FLEET, journal, clock, journal.terms)  # type: ignore[arg-type] # the catalogue promises only an object
            task = asyncio.create_task(dispatcher.run(), name="dispatcher")
            try:
                yield dispatcher
            finally:
                task.cancel()
                await asyncio.wait([task])
                await link.aclose()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Run broker and robot."""
        async with AsyncExitStack() as stack:
            stack.enter_context(self.broker)
            task = asyncio.create_task(self.robot.run(), name="robot")
            try:
                yield
            finally:
                task.cancel()
                await asyncio.wait([task])

    def steps(self, delivery: str) -> list[str]:
        return [
            str(one.step)
            for one in self.records
            if isinstance(one, DeliveryChanged) and one.delivery == delivery
        ]

    async def until(self, true: Callable[[], object], within: float = 12.0) -> None:
        until = time.monotonic() + within
        while not true():
            assert time.monotonic() < until, (self.records[-5:], self.ledger)
            await asyncio.sleep(0.02)

    async def come_to(self, step: str, delivery: str) -> None:
        await self.until(lambda: step in self.steps(delivery))


def wish(command: str) -> Command:
    return Command(
        command,
        "robot-1",
        "deliver",
        now(),
        now() + 60 * SECOND,
        "ann",
        arguments={"item": "B-1", "origin": "lift", "destination": "desk"},
    )


def test_a_book_is_delivered_over_a_real_broker(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        delivery = delivery_of("c1")
        async with building.alive(), building.edge() as dispatcher:
            await dispatcher.execute(wish("c1"))
            await building.until(lambda: "delivered" in building.steps(delivery))
        assert building.steps(delivery) == STEPS
        assert building.ledger == [(delivery, step) for step in ("accepted", "picked", "dropped")]

    play(story())


def test_an_edge_killed_at_every_step_delivers_once(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        building = Building(tmp_path, pace=20.0)
        delivery = delivery_of("c1")
        async with building.alive():
            for step in ("asked", "sent", "accepted", "loaded"):
                async with building.edge() as dispatcher:
                    await dispatcher.execute(wish("c1"))  # the same wish again: no second delivery
                    await building.come_to(step, delivery)
            async with building.edge():
                await building.until(lambda: "delivered" in building.steps(delivery))
        assert building.steps(delivery) == STEPS
        assert [step for _, step in building.ledger] == ["accepted", "picked", "dropped"]

    play(story())


def test_a_broker_killed_on_the_way_loses_nothing(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        building = Building(tmp_path, pace=10.0)
        delivery = delivery_of("c1")
        async with building.alive(), building.edge() as dispatcher:
            await dispatcher.execute(wish("c1"))
            await building.until(lambda: "accepted" in building.steps(delivery))
            building.broker.kill()
            await building.until(lambda: _connection(building) == "UNKNOWN")
            building.broker.start()
            await building.until(lambda: "delivered" in building.steps(delivery))
            assert _connection(building) == "ONLINE"
        assert building.steps(delivery) == STEPS
        assert [step for _, step in building.ledger] == ["accepted", "picked", "dropped"]

    play(story())


def test_a_robot_that_loses_power_is_told_by_its_will_and_ends_for_staff(
    play: Play, tmp_path: Path
) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        delivery = delivery_of("c1")
        async with building.alive(), building.edge() as dispatcher:
            await dispatcher.execute(wish("c1"))
            await building.until(lambda: "loaded" in building.steps(delivery))
            building.robot.body.driving = False
            building.robot.reboot()
            await building.until(lambda: _connection(building) == "CONNECTIONBROKEN")
            await building.until(lambda: "failed" in building.steps(delivery))
            assert _connection(building) == "ONLINE"

    play(story())


def test_garbage_and_strangers_on_the_robots_topics_harm_nothing(
    play: Play, tmp_path: Path
) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        delivery = delivery_of("c1")
        state = "uagv/v2/Example/WL-001/state"
        stranger = (
            b'{"headerId":1,"timestamp":"","version":"2.1.0","manufacturer":"Other",'
            b'"serialNumber":"X","connectionState":"OFFLINE"}'
        )
        async with building.alive(), building.edge() as dispatcher:
            await building.until(lambda: _connection(building) == "ONLINE")
            async with aiomqtt.Client("127.0.0.1", building.broker.port) as client:
                await client.publish(state, b"\xff{", qos=1)
                await client.publish(state, b"", qos=1)
                await client.publish("uagv/v2/Example/WL-001/connection", stranger, qos=1)
                await client.publish("uagv/v2/Example/WL-001/order", b"{", qos=1)
                await client.publish("uagv/v2/Example/WL-001/order", b'{"orderId":3}', qos=1)
                await client.publish("uagv/v2/Example/WL-001/instantActions", b"[]", qos=1)
            await dispatcher.execute(wish("c1"))
            await building.until(lambda: "delivered" in building.steps(delivery))
        assert [type(one) for one in building.records].count(InputRefused) == 2
        assert "OFFLINE" not in {
            one.connection for one in building.records if isinstance(one, RobotChanged)
        }

    play(story())


def test_a_link_without_a_broker_says_so_and_comes_up_when_there_is_one(
    play: Play, tmp_path: Path
) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        async with building.edge() as dispatcher:
            other = VehicleMailboxes(building.link_config, system_host())
            with pytest.raises(DriverError, match="not connected"):
                await other.publish("a/b", b"")
            await other.aclose()
            await dispatcher.execute(wish("c1"))
            async with building.alive():
                await building.until(
                    lambda: DeliveryStep.DELIVERED in building.steps(delivery_of("c1"))
                )

    play(story())


def _connection(building: Building) -> str:
    said = [one.connection for one in building.records if isinstance(one, RobotChanged)]
    return str(said[-1]) if said else ""
