"""A broker on which vehicles speak VDA 5050: one connection, one reader, for all of them.

MQTT 3.1.1 by aiomqtt with a clean session: nothing that matters is kept by the broker. Delivery is
proven by the robot's state, never by MQTT.
"""

import asyncio
import logging
import re
import ssl
from typing import NamedTuple

import aiomqtt

from config.broker import broker_address
from config.links import Robot, Vda5050
from drivers.errors import LinkDownError, NotSentError, RefusedError
from drivers.protocols import vda5050
from runtime.host import Host
from runtime.mqtt.connection import connection, heeding

log = logging.getLogger(__name__)

KEEP_ALIVE = 15
"""Seconds (VDA5050_EN.md 6.14 recommends 15)."""
TIMEOUT = 5.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
MAILBOX = 500
"""Messages of one robot that wait to be read; beyond, the oldest goes: a newer state says more."""
REFUSAL = 0x80
"""A SUBACK code from here on is a refusal (MQTT 3.1.1, 3.9.3)."""


class Arrival(NamedTuple):
    """One message of a robot."""

    channel: str
    payload: bytes
    retained: bool


class VehicleBroker:
    """Connects on first use, and again for ever."""

    def __init__(self, config: Vda5050, host: Host) -> None:
        self.config = config
        self.dropped = 0
        """Messages given up because nobody read them."""
        self._address = broker_address(config.broker)
        self.where = f"{config.id} ({self._address.host}:{self._address.port})"
        self._host = host
        self._boxes: dict[str, asyncio.Queue[Arrival]] = {
            self.base(robot): asyncio.Queue(MAILBOX) for robot in config.devices
        }
        self._client: aiomqtt.Client | None = None
        self._reader: asyncio.Task[None] | None = None
        self._met = False

    def base(self, robot: Robot) -> str:
        """Give the beginning of a robot's topics, up to and with the last slash."""
        return vda5050.topic(
            self.config.interface, self.config.version, robot.manufacturer, robot.serial, ""
        )

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0; raise NotSentError when there is no connection, else LinkDownError."""
        self._begin()
        if self._client is None:
            raise NotSentError(f"{self.where}: not connected to the broker")
        try:
            await heeding(self._client.publish(topic, payload, qos=0))
        except aiomqtt.MqttError as error:
            raise LinkDownError(f"{self.where}: publishing on {topic} failed: {error}") from error

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
        while reader is not None and not reader.done():
            reader.cancel()
            await asyncio.wait((reader,), timeout=1.0)

    def _begin(self) -> asyncio.Task[None]:
        if self._reader is None:
            self._reader = asyncio.create_task(self._run(), name=f"vda5050-{self.config.id}")
        return self._reader

    async def _run(self) -> None:
        failures = 0
        while True:
            self._met = False
            try:
                await self._stay()
            except (aiomqtt.MqttError, OSError, RefusedError) as error:
                if self._met or not failures:
                    log.warning("%s is gone: %s; trying again", self.where, error)
            failures = 1 if self._met else failures + 1
            pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
            await self._host.clock.sleep(pause * (0.5 + 0.5 * self._host.random.random()))

    async def _stay(self) -> None:
        client = self._make()
        async with connection(client):
            for robot in self.config.devices:
                await self._subscribe(client, self.base(robot) + "state", 0)
                await self._subscribe(client, self.base(robot) + "connection", 1)
            log.info("%s is there", self.where)
            self._met = True
            self._client = client
            try:
                async for message in client.messages:
                    self._sort(message)
            finally:
                self._client = None

    async def _subscribe(self, client: aiomqtt.Client, topic: str, qos: int) -> None:
        for granted in await heeding(client.subscribe(topic, qos)):
            code = granted if isinstance(granted, int) else granted.value
            if code >= REFUSAL:
                raise RefusedError(
                    f"the broker refuses the subscription to {topic}; let user"
                    f" {self._address.username!r} read it"
                )

    def _sort(self, message: aiomqtt.Message) -> None:
        base, slash, channel = message.topic.value.rpartition("/")
        box = self._boxes.get(base + slash)
        if box is None:
            return
        if box.full():
            box.get_nowait()
            self.dropped += 1
        box.put_nowait(Arrival(channel, bytes(message.payload), message.retain))

    def _make(self) -> aiomqtt.Client:
        # The session is clean, so a name of its own each time costs nothing, and two processes
        # never throw each other out. 23 characters are what every broker must accept.
        link = re.sub(r"[^A-Za-z0-9_:-]", "_", self.config.id)[:10]
        return aiomqtt.Client(
            self._address.host,
            self._address.port,
            identifier=f"wl-{link}-{self._host.secret(4).hex()}",
            username=self._address.username,
            password=self._address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=TIMEOUT,
            tls_context=ssl.create_default_context() if self._address.tls else None,
        )
