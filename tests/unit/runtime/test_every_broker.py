"""One audience on several brokers: who said what, and who is told."""

import asyncio
from collections.abc import Callable
from typing import Any

from config.broker import BrokerAddress
from runtime.mqtt.connection import Message, Outgoing
from runtime.mqtt.every_broker import EveryBroker
from tests.unit.runtime.mqtt_world import SESSION, A, B, Up, World, turns

Play = Callable[..., Any]


class Crowd:
    """An audience that keeps what happened."""

    def __init__(self) -> None:
        self.happened: list[tuple[str, BrokerAddress]] = []
        self.messages: list[tuple[BrokerAddress, Message]] = []

    def connected(self, broker: BrokerAddress) -> None:
        self.happened.append(("connected", broker))

    def disconnected(self, broker: BrokerAddress) -> None:
        self.happened.append(("disconnected", broker))

    async def received(self, broker: BrokerAddress, message: Message) -> None:
        self.messages.append((broker, message))


def test_on_every_broker_that_is_there(play: Play) -> None:
    async def story() -> None:
        world, crowd = World(), Crowd()
        world.live = True
        world.up = {A: [Up(0, 1e9)]}
        world.letters = {A: [Message("t/1", b"on a")], B: [Message("t/1", b"on b")]}
        both = EveryBroker([A, B], SESSION, world.io)
        running = asyncio.create_task(both.run(crowd), name="both")
        await turns(lambda: both.connected == {A})
        assert both.publish("x", b"1") == {A}
        assert both.publish("x", b"2", only=B) == frozenset()
        world.up[B] = [Up(0, 1e9)]
        await turns(lambda: both.connected == {A, B} and len(crowd.messages) == 2)
        assert both.publish("x", b"3") == {A, B}
        assert both.publish("x", b"4", only=B) == {B}
        assert crowd.messages == [(A, Message("t/1", b"on a")), (B, Message("t/1", b"on b"))]
        on_a, on_b = world.connections
        assert [one.payload for one in on_a.published] == [b"1", b"3"]
        assert on_b.published == [Outgoing("x", b"3"), Outgoing("x", b"4")]
        on_a.stuck = True
        assert both.publish("x", b"5") == {B}
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert crowd.happened[:2] == [("connected", A), ("connected", B)]
        assert sorted(one[0] for one in crowd.happened[2:]) == ["disconnected", "disconnected"]
        assert on_a.goodbye == []
        assert on_b.goodbye == []

    play(story())
