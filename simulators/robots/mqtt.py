"""A robot on its broker: MQTT 3.1.1, with the topics of VDA5050_EN.md 2.1.0, 6.1 to 6.4."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from config.broker import Broker
from contracts.instants import SECOND, Instant, moment
from runtime.mqtt.client import Client, Io, Session, identity
from runtime.mqtt.connection import Message, Outgoing

VERSION = "2.1.0"
KEEP_ALIVE = 15
BOOTING = 2.0
"""Seconds."""


class Identity(NamedTuple):
    """Who speaks, and where."""

    broker: Broker
    interface: str
    manufacturer: str
    serial: str


class RobotClient:
    """Stays connected for ever: ONLINE, a will for the worst, and what the master says.

    `hear(channel, payload)` is called for each message, `greet()` after each connection. `token`
    makes the client id one that nobody else has.
    """

    def __init__(
        self,
        who: Identity,
        hear: Callable[[str, bytes], None],
        greet: Callable[[], None],
        now: Callable[[], Instant],
        io: Io,
        token: str,
    ) -> None:
        self._who = who
        self._hear = hear
        self._greet = greet
        self._now = now
        self._sleep = io.sleep
        self._headers: dict[str, int] = {}
        self._booting = False
        self._deaf_until: Instant = 0
        topics = (self._topic("order"), self._topic("instantActions"))
        session = Session(identity("robot", token), topics, KEEP_ALIVE)
        self._client = Client(who.broker.addresses, session, io._replace(sleep=self._pause))

    def go_silent(self, seconds: float) -> None:
        """Say and hear nothing for so long, though connected."""
        self._deaf_until = self._now() + round(seconds * SECOND)

    def lose_power(self) -> None:
        """Vanish without a goodbye, and count from zero when back."""
        self._headers.clear()
        self._booting = True
        self._client.drop()

    async def run(self) -> None:
        """Talk until cancelled; then say goodbye."""
        await self._client.run(self)

    async def say(self, channel: str, body: Mapping[str, Any], *, retain: bool = False) -> bool:
        """Publish; False when it did not go out."""
        if self._client.connected is None or self._now() < self._deaf_until:
            return False
        return await self._client.publish(*self._message(channel, body)[:2], retain=retain)

    async def _pause(self, seconds: float) -> None:
        booting, self._booting = self._booting, False
        await self._sleep(max(seconds, BOOTING) if booting else seconds)

    # --- what the client asks ------------------------------------------------------------------

    def will(self) -> Outgoing:
        """Give what the broker says when the robot is cut off."""
        return self._connection("CONNECTIONBROKEN")

    def greeting(self) -> Sequence[Outgoing]:
        """Say that the robot is there."""
        return [self._connection("ONLINE")]

    def farewell(self) -> Sequence[Outgoing]:
        """Say that it goes."""
        return [self._connection("OFFLINE")]

    def connected(self) -> None:
        """Tell the robot that the master can hear it."""
        self._greet()

    def disconnected(self) -> None:
        """Do nothing: the robot drives on."""

    async def received(self, message: Message) -> None:
        """Take what the master says."""
        if self._now() >= self._deaf_until:
            self._hear(message.topic.rpartition("/")[2], message.payload)

    def _connection(self, how: str) -> Outgoing:
        # The standard wants QoS 1 here; to those who subscribe at QoS 0, as we do, it is the same.
        return self._message("connection", {"connectionState": how})._replace(retain=True)

    def _message(self, channel: str, body: Mapping[str, Any]) -> Outgoing:
        number = self._headers.get(channel, 0)
        self._headers[channel] = (number + 1) % 2**32
        stamp = moment(self._now()).isoformat(timespec="milliseconds")
        header = {
            "headerId": number,
            "timestamp": stamp.replace("+00:00", "Z"),
            "version": VERSION,
            "manufacturer": self._who.manufacturer,
            "serialNumber": self._who.serial,
        }
        return Outgoing(self._topic(channel), json.dumps({**header, **body}).encode())

    def _topic(self, channel: str) -> str:
        who = self._who
        return f"{who.interface}/v2/{who.manufacturer}/{who.serial}/{channel}"
