"""On several independent brokers at once: one connection to each, and one listener for all."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from config.broker import BrokerAddress
from runtime.mqtt.client import Client, Io, Session
from runtime.mqtt.connection import Message, Outgoing


class Audience(Protocol):
    """Who is told what happens on any of the connections, and on which."""

    def connected(self, broker: BrokerAddress) -> None:
        """Take note that a broker is there."""
        ...

    def disconnected(self, broker: BrokerAddress) -> None:
        """Take note that a broker is gone."""
        ...

    async def received(self, broker: BrokerAddress, message: Message) -> None:
        """Take a message."""
        ...


class _Ear:
    """Listens on one broker for the audience."""

    def __init__(self, broker: BrokerAddress, audience: Audience) -> None:
        self._broker = broker
        self._audience = audience

    def will(self) -> Outgoing | None:
        return None

    def greeting(self) -> Sequence[Outgoing]:
        return ()

    def connected(self) -> None:
        self._audience.connected(self._broker)

    def disconnected(self) -> None:
        self._audience.disconnected(self._broker)

    async def received(self, message: Message) -> None:
        await self._audience.received(self._broker, message)

    def farewell(self) -> Sequence[Outgoing]:
        return ()


class EveryBroker:
    """Stays on every broker; one that hangs or is gone costs the others nothing."""

    def __init__(self, brokers: Sequence[BrokerAddress], session: Session, io: Io) -> None:
        self._clients = {broker: Client([broker], session, io) for broker in brokers}

    @property
    def connected(self) -> frozenset[BrokerAddress]:
        """The brokers that are there."""
        return frozenset(one for one, client in self._clients.items() if client.connected)

    def publish(
        self, topic: str, payload: bytes, *, only: BrokerAddress | None = None
    ) -> frozenset[BrokerAddress]:
        """Publish on every broker, or on one, without waiting; give those that took it."""
        chosen = self._clients if only is None else {only: self._clients[only]}
        return frozenset(
            broker for broker, client in chosen.items() if client.offer(topic, payload)
        )

    async def run(
        self, audience: Audience, name: Callable[[BrokerAddress], str] = "broker {}".format
    ) -> None:
        """Stay connected until cancelled."""
        async with asyncio.TaskGroup() as group:
            for broker, client in self._clients.items():
                group.create_task(client.run(_Ear(broker, audience)), name=name(broker))
