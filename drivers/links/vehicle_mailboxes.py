"""The brokers on which vehicles speak VDA 5050: one listener, and a mailbox for each robot.

A robot tries its brokers in turn, so this end is on all of them at once. Delivery is proven by the
robot's state, never by MQTT.
"""

import asyncio
from typing import NamedTuple

from config.broker import BrokerAddress
from config.links import Robot, Vda5050
from drivers.errors import LinkDownError, NotSentError
from drivers.protocols import vda5050
from runtime.host import Host
from runtime.mqtt.client import Session, identity
from runtime.mqtt.connection import Message
from runtime.mqtt.every_broker import EveryBroker

KEEP_ALIVE = 15
"""Seconds (VDA5050_EN.md 6.14 recommends 15)."""
MAILBOX = 500
"""Messages of one robot that wait to be read; beyond, the oldest goes: a newer state says more."""


class Arrival(NamedTuple):
    """One message of a robot."""

    channel: str
    payload: bytes
    retained: bool
    broker: BrokerAddress


class VehicleMailboxes:
    """Connects on first use, and again for ever."""

    def __init__(self, config: Vda5050, host: Host) -> None:
        self.config = config
        self.dropped = 0
        """Messages given up because nobody read them."""
        brokers = config.broker.addresses
        self.where = f"{config.id} ({', '.join(map(str, brokers))})"
        self._boxes: dict[str, asyncio.Queue[Arrival]] = {
            self.base(robot): asyncio.Queue(MAILBOX) for robot in config.devices
        }
        topics = tuple(
            base + channel for base in self._boxes for channel in ("state", "connection")
        )
        # 23 characters are what every broker must accept.
        # The session is clean, so a name of its own each time costs nothing, and two processes
        # never throw each other out.
        name = identity("wl", config.id[:10], host.secret(4).hex())
        session = Session(name, topics, KEEP_ALIVE)
        self._brokers = EveryBroker(brokers, session, host.mqtt(config.broker))
        self._reader: asyncio.Task[None] | None = None

    def base(self, robot: Robot) -> str:
        """Give the beginning of a robot's topics, up to and with the last slash."""
        return vda5050.topic(
            self.config.interface, self.config.version, robot.manufacturer, robot.serial, ""
        )

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish on every broker that is there; raise NotSentError when there is none."""
        self._begin()
        if not self._brokers.publish(topic, payload):
            raise NotSentError(f"{self.where}: not connected to the broker")

    async def next(self, robot: Robot) -> Arrival:
        """Wait for a robot's next message; raise LinkDownError when the link was closed."""
        reader = self._begin()
        box = self._boxes[self.base(robot)]
        waiting = asyncio.create_task(box.get(), name=f"{robot.id} awaits a message")
        try:
            await asyncio.wait((waiting, reader), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
        finally:
            waiting.cancel()
        if not reader.cancelled():
            reader.result()  # a bug in the reader comes to light here
        raise LinkDownError(f"{self.where}: the connection was closed")

    async def aclose(self) -> None:
        """End the connection."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.wait((reader,))

    def connected(self, broker: BrokerAddress) -> None:
        """Do nothing: a robot's next state says that it is there."""

    def disconnected(self, broker: BrokerAddress) -> None:
        """Do nothing: a robot that is not heard is noticed by its silence."""

    async def received(self, broker: BrokerAddress, message: Message) -> None:
        """Put a message into its robot's mailbox."""
        base, slash, channel = message.topic.rpartition("/")
        box = self._boxes.get(base + slash)
        if box is None:
            return
        if box.full():
            box.get_nowait()
            self.dropped += 1
        box.put_nowait(Arrival(channel, message.payload, message.retained, broker))

    def _begin(self) -> asyncio.Task[None]:
        if self._reader is None:
            self._reader = asyncio.create_task(
                self._brokers.run(self), name=f"vda5050-{self.config.id}"
            )
        return self._reader
