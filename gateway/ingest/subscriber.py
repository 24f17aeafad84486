"""The gateway on its brokers, on all of them at once: what edges say comes in, answers go out.

A broker is trusted with nothing: batches are acknowledged by us, after the commit; whatever is lost
on the way, edges send again. An answer goes out on every broker: its edge is on one of them.
"""

import asyncio
from collections.abc import Callable, Sequence

from config.broker import BrokerAddress
from contracts.codec import ContractError, presences
from contracts.instants import Instant
from contracts.topics import Address, of_edge, parse
from gateway.engine.outbox import Outbox
from gateway.ingest.validation import Arrived
from runtime.mqtt.client import Io, Session, identity
from runtime.mqtt.connection import Message
from runtime.mqtt.every_broker import EveryBroker
from runtime.mqtt.whereabouts import Whereabouts

AGAIN = 0.1
"""Seconds after which a message that no broker took is offered again."""


class Subscriber:
    """Listens for a site's edges, and sends what the outbox holds."""

    def __init__(
        self,
        site: str,
        brokers: Sequence[BrokerAddress],
        outbox: Outbox,
        offer: Callable[[Arrived], None],
        now: Callable[[], Instant],
        io: Io,
    ) -> None:
        topics = of_edge(site, "+")
        subscriptions = (topics.state, f"{topics.card}+", topics.journal)
        session = Session(identity("gateway", site), subscriptions)
        self.online = asyncio.Event()
        """Set while at least one broker is there."""
        self._site = site
        self._brokers = EveryBroker(brokers, session, io)
        self._outbox = outbox
        self._offer = offer
        self._now = now
        self._sleep = io.sleep
        self._edges = Whereabouts()

    async def run(self) -> None:
        """Stay on every broker until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._brokers.run(self), name="brokers")
            group.create_task(self._send(), name="broker-send")

    def connected(self, broker: BrokerAddress) -> None:  # noqa: ARG002 - one of them suffices
        """Begin to send."""
        self.online.set()

    def disconnected(self, broker: BrokerAddress) -> None:  # noqa: ARG002 - as above
        """Stop sending when it was the last one."""
        if not self._brokers.connected:
            self.online.clear()

    async def received(self, broker: BrokerAddress, message: Message) -> None:
        """Hand on what an edge says."""
        address = parse(message.topic)
        if address is None or address.site != self._site:
            return
        if self._alive(address, message):
            self._edges.heard(address.edge, broker)
        elif self._edges.elsewhere(address.edge, broker):
            return
        self._offer(Arrived(address, message.payload, self._now()))

    def _alive(self, address: Address, message: Message) -> bool:
        """Whether only the edge itself can have sent it, just now: neither retained nor a will."""
        if message.retained:
            return False
        if address.channel != "state":
            return True
        try:
            return presences.decode(message.payload).online
        except ContractError:
            return False  # what is wrong with it is counted where it is read

    async def _send(self) -> None:
        while True:
            await self.online.wait()
            key, topic, payload = await self._outbox.next()
            if not self._brokers.publish(topic, payload):
                self._outbox.put_back(key, topic, payload)
                await self._sleep(AGAIN)
