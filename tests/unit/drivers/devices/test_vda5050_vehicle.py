"""A robot that moves between brokers: what the one it left says of it is not its word."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from config.broker import BrokerAddress
from config.links import Robot, Vda5050
from drivers.devices.vda5050_vehicle import Vda5050Vehicle
from drivers.links.vehicle_mailboxes import VehicleMailboxes
from drivers.protocols.vda5050 import Connection
from runtime.host import Host, system_host
from runtime.mqtt.connection import Message
from tests.polled import leaping_clock
from tests.unit.runtime.mqtt_world import A, B, Up, World, turns

Play = Callable[..., Any]
BASE = "uagv/v2/Example/WL-001/"
ROBOT = {"id": "robot-1", "model": "vda5050", "manufacturer": "Example", "serial": "WL-001"}
LINK = Vda5050.model_validate(
    {"kind": "vda5050", "id": "robots", "broker": ["mqtt://a", "mqtt://b"], "devices": [ROBOT]}
)


def host_of(world: World) -> Host:
    """Give a host whose way to any broker is the world's."""
    clock = replace(leaping_clock(1), monotonic=lambda: world.now, sleep=world.sleep)
    return replace(system_host(), clock=clock, brokers=lambda _: world.connect, secret=bytes)


def connection(how: str, *, retained: bool = False) -> Message:
    said = {
        "headerId": 0,
        "timestamp": "2026-01-01T00:00:00.000Z",
        "version": "2.1.0",
        "manufacturer": "Example",
        "serialNumber": "WL-001",
        "connectionState": how,
    }
    return Message(BASE + "connection", json.dumps(said).encode(), retained)


def heard(play: Play, *messages: tuple[BrokerAddress, Message]) -> Sequence[str]:
    async def story() -> Sequence[str]:
        link = VehicleMailboxes(LINK, host_of(World()))
        (robot,) = LINK.devices
        assert isinstance(robot, Robot)
        vehicle, states = Vda5050Vehicle(robot, link, leaping_clock(1)), list[str]()
        for broker, message in messages:
            await link.received(broker, message)

        async def listen() -> None:
            async for one in vehicle.messages():
                assert isinstance(one, Connection)
                states.append(one.connection_state)

        listening = asyncio.create_task(listen(), name="listen")
        for _ in range(30):
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await link.aclose()
        return states

    result: Sequence[str] = play(story())
    return result


def test_what_is_retained_is_believed_until_the_robot_speaks(play: Play) -> None:
    assert heard(
        play,
        (A, connection("OFFLINE", retained=True)),
        (B, connection("ONLINE", retained=True)),
    ) == ["OFFLINE", "ONLINE"]


def test_the_will_on_the_broker_that_it_left_is_not_heard(play: Play) -> None:
    assert heard(
        play,
        (A, connection("ONLINE")),
        (B, connection("ONLINE")),
        (A, connection("CONNECTIONBROKEN")),
        (A, connection("ONLINE", retained=True)),
        (B, connection("CONNECTIONBROKEN")),
    ) == ["ONLINE", "ONLINE", "CONNECTIONBROKEN"]


def test_the_link_is_on_every_broker_and_listens_to_every_robot(play: Play) -> None:
    async def story() -> None:
        world = World()
        world.live = True
        world.up = {A: [Up(0, 1e9)], B: [Up(0, 1e9)]}
        link = VehicleMailboxes(LINK, host_of(world))
        (robot,) = LINK.devices
        waiting = asyncio.create_task(link.next(robot), name="next")
        await turns(lambda: len(world.connections) == 2)
        for one in world.connections:
            assert one.greeting.identity == "wl-robots-00000000"
            assert one.subscribed == (BASE + "state", BASE + "connection")
        await turns(lambda: len(link._brokers.connected) == 2)
        await link.publish("x", b"order")
        assert [len(one.published) for one in world.connections] == [1, 1]
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await link.aclose()

    play(story())
