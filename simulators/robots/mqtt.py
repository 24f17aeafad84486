"""A robot's radio: MQTT 3.1.1 to its broker, with the topics of VDA5050_EN.md 2.1.0, 6.1 to 6.4."""

import asyncio
import json
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import aiomqtt

from config.broker import broker_address
from contracts.instants import SECOND, Instant, moment
from runtime.mqtt.connection import connection, heeding

log = logging.getLogger(__name__)

VERSION = "2.1.0"
KEEP_ALIVE = 15
RECONNECT = 0.5
BOOTING = 2.0
"""Seconds."""


class Identity(NamedTuple):
    """Who speaks, and where."""

    broker_url: str
    interface: str
    manufacturer: str
    serial: str


class Radio:
    """Stays connected for ever: ONLINE, a will for the worst, and what the master says.

    `hear(channel, payload)` is called for each message, `greet()` after each connection.
    """

    def __init__(
        self,
        identity: Identity,
        hear: Callable[[str, bytes], None],
        greet: Callable[[], None],
        now: Callable[[], Instant],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._identity = identity
        self._hear = hear
        self._greet = greet
        self._now = now
        self._sleep = sleep
        self._headers: dict[str, int] = {}
        self._client: aiomqtt.Client | None = None
        self._leash: asyncio.Timeout | None = None
        self._deaf_until: Instant = 0

    def go_silent(self, seconds: float) -> None:
        """Say and hear nothing for so long, though connected."""
        self._deaf_until = self._now() + round(seconds * SECOND)

    def lose_power(self) -> None:
        """Vanish without a goodbye, and count from zero when back."""
        self._headers.clear()
        if self._leash is not None and self._client is not None:
            self._leash.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Talk until cancelled; then say goodbye."""
        while True:
            try:
                await self._stay()
                await self._sleep(BOOTING)
            except (aiomqtt.MqttError, OSError) as error:
                log.debug("robot %s lost its broker: %s", self._identity.serial, error)
                await self._sleep(RECONNECT)

    async def _stay(self) -> None:
        client = self._make()
        async with connection(client):
            for channel in ("order", "instantActions"):
                await heeding(client.subscribe(self._topic(channel), qos=0))
            await heeding(self._announce(client, "ONLINE"))
            self._client = client
            self._greet()
            try:
                await self._listen(client)
                # A reboot: the line goes dead without a goodbye, and the broker tells our will.
                client._client._sock_close()  # noqa: SLF001 - aiomqtt has no other way
            except asyncio.CancelledError:
                with suppress(aiomqtt.MqttError):
                    await self._announce(client, "OFFLINE")
                raise
            finally:
                self._client = self._leash = None

    async def _listen(self, client: aiomqtt.Client) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._leash:
                async for message in client.messages:
                    if self._now() >= self._deaf_until:
                        channel = message.topic.value.rpartition("/")[2]
                        self._hear(channel, bytes(message.payload))

    async def say(self, channel: str, body: Mapping[str, Any], *, retain: bool = False) -> bool:
        """Publish at QoS 0; False when it did not go out."""
        if self._client is None or self._now() < self._deaf_until:
            return False
        payload = json.dumps({**self._header(channel), **body}).encode()
        try:
            await heeding(self._client.publish(self._topic(channel), payload, retain=retain))
        except aiomqtt.MqttError:
            return False
        return True

    async def _announce(self, client: aiomqtt.Client, how: str) -> None:
        payload = json.dumps({**self._header("connection"), "connectionState": how}).encode()
        await client.publish(self._topic("connection"), payload, qos=1, retain=True)

    def _header(self, channel: str) -> dict[str, Any]:
        number = self._headers.get(channel, 0)
        self._headers[channel] = (number + 1) % 2**32
        stamp = moment(self._now()).isoformat(timespec="milliseconds")
        return {
            "headerId": number,
            "timestamp": stamp.replace("+00:00", "Z"),
            "version": VERSION,
            "manufacturer": self._identity.manufacturer,
            "serialNumber": self._identity.serial,
        }

    def _topic(self, channel: str) -> str:
        who = self._identity
        return f"{who.interface}/v2/{who.manufacturer}/{who.serial}/{channel}"

    def _make(self) -> aiomqtt.Client:
        address = broker_address(self._identity.broker_url)
        will = json.dumps({**self._header("connection"), "connectionState": "CONNECTIONBROKEN"})
        return aiomqtt.Client(
            address.host,
            address.port,
            identifier=f"robot-{secrets.token_hex(6)}",
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=5.0,
            will=aiomqtt.Will(self._topic("connection"), will.encode(), qos=1, retain=True),
            tls_context=ssl.create_default_context() if address.tls else None,
        )
