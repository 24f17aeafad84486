"""One connection to the broker, for ever: MQTT 3.1.1 by aiomqtt, clean session, last will.

A session keeps nothing that matters in the broker; whoever uses it sends again what was not
answered. A link that is dead without a word is found by the keep-alive (no byte in for two
periods) and by the PUBACK that every retained message must get.
"""

import asyncio
import contextlib
import logging
import random
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import aiomqtt

from config.broker import BrokerAddress
from runtime.backoff import growing
from runtime.mqtt.connection import heed_cancellation

log = logging.getLogger(__name__)

KEEP_ALIVE = 10
"""Seconds; a dead link is noticed within two of them."""
SETTLED = 30.0
"""Seconds after which a connection counts as a good one, and the pauses begin anew."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
UNWANTED = 3
"""Connections lost right after they were made, in a row, that suggest a second client."""
FAILURE = 0x80
"""A SUBACK return code from here on is a refusal (MQTT 3.1.1, 3.9.3)."""


class Listener(Protocol):
    """Who is told what happens on the connection."""

    async def greet(self) -> None:
        """Publish what must come first, right after subscribing."""
        ...

    def connected(self) -> None:
        """Begin to send everything else."""
        ...

    def disconnected(self) -> None:
        """Stop sending."""
        ...

    async def received(self, topic: str, payload: bytes) -> None:
        """Take a message."""
        ...

    async def leave(self) -> None:
        """Publish what must come last, before a wanted disconnection."""
        ...


class RefusedSubscriptionError(Exception):
    """The broker is there but does not let this client listen; says to what."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who connects, where, and what it listens to."""

    address: BrokerAddress
    identity: str
    subscriptions: tuple[str, ...]
    will_topic: str = ""
    """Where the broker says that the client was cut off; empty: nowhere."""
    will: bytes = b""


def identity(*parts: str) -> str:
    """Make an MQTT client id that every broker accepts: letters, digits, `_`, `:` and `-`."""
    return re.sub(r"[^A-Za-z0-9_:-]", "_", "-".join(parts))


class Broker:
    """Connects, listens, and connects again."""

    def __init__(
        self,
        client: Client,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._dice = dice
        self._open: aiomqtt.Client | None = None
        self._leash: asyncio.Timeout | None = None
        self._made = False
        self._greeted = False

    async def publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        """Publish; False: it did not go out, or at QoS 1 was not confirmed in time."""
        if self._open is None:
            return False
        try:
            await self._open.publish(topic, payload, qos, retain)
        except aiomqtt.MqttError as error:
            log.debug("publishing on %s failed: %s", topic, error)
            self._drop()
            return False
        return True

    async def run(self, listener: Listener) -> None:
        """Stay connected until cancelled; say once that it is gone, and once that it is back."""
        loop = asyncio.get_running_loop()
        failures = short = 0
        while True:
            begun = loop.time()
            try:
                await self._stay(listener)
                cause = "the link is dead"
            except (aiomqtt.MqttError, RefusedSubscriptionError, OSError) as error:
                cause = str(error) or type(error).__name__
            heed_cancellation()  # a failing farewell to the broker took its place
            if loop.time() - begun > SETTLED:
                failures = short = 0
            if self._greeted or not failures:
                log.warning("broker %s is gone: %s; trying again", self._where, cause)
            failures += 1
            short = short + 1 if self._made else 0
            self._greeted = self._made = False
            if short == UNWANTED:
                log.error(
                    "broker %s keeps dropping client id %s: is another edge running under the"
                    " same name?",
                    self._where,
                    self._client.identity,
                )
            await self._sleep(growing(failures, FIRST_PAUSE, LONGEST_PAUSE, self._dice))

    async def _stay(self, listener: Listener) -> None:
        client = self._make()
        try:
            async with client:
                self._made = True
                await self._subscribe(client)
                self._open = client
                try:
                    await self._talk(client, listener)
                except asyncio.CancelledError:
                    await listener.leave()
                    raise
                finally:
                    self._leash = self._open = None
                    listener.disconnected()
        finally:
            # aiomqtt leaves the socket open when the broker never answers CONNECT or DISCONNECT.
            client._client._sock_close()  # noqa: SLF001

    async def _talk(self, client: aiomqtt.Client, listener: Listener) -> None:
        # A publication that is not confirmed pulls the leash: the link may be half-open.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as self._leash:
                await listener.greet()
                heed_cancellation()
                log.info("broker %s is there", self._where)
                self._greeted = True
                listener.connected()
                async for message in client.messages:
                    await listener.received(message.topic.value, bytes(message.payload))

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        for topic in self._client.subscriptions:
            answers = await client.subscribe(topic, qos=1)
            heed_cancellation()
            for granted in answers:
                code = granted if isinstance(granted, int) else granted.value
                if code >= FAILURE:
                    raise RefusedSubscriptionError(
                        f"the broker refuses the subscription to {topic}; let user"
                        f" {self._client.address.username!r} read it"
                    )

    def _make(self) -> aiomqtt.Client:
        address = self._client.address
        will = aiomqtt.Will(self._client.will_topic, self._client.will, qos=1, retain=True)
        return aiomqtt.Client(
            address.host,
            address.port,
            identifier=self._client.identity,
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=KEEP_ALIVE,
            will=will if self._client.will_topic else None,
            tls_context=ssl.create_default_context() if address.tls else None,
        )

    def _drop(self) -> None:
        if self._leash is not None and self._open is not None:
            self._open = None
            self._leash.reschedule(asyncio.get_running_loop().time())

    @property
    def _where(self) -> str:
        return f"{self._client.address.host}:{self._client.address.port}"
