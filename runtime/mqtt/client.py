"""One client, connected for ever to one of its brokers: the next in turn when one is lost.

A session keeps nothing that matters in the broker: whoever uses it sends again what was not
answered. A link that is dead without a word is found by the keep-alive, within two periods.
"""

import logging
import random
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple, Protocol

from config.broker import BrokerAddress
from runtime.backoff import growing
from runtime.mqtt.connect import Connect
from runtime.mqtt.connection import Connection, Greeting, Message, Outgoing
from runtime.mqtt.errors import BrokerError, LinkLostError
from runtime.mqtt.news import SETTLED, News

log = logging.getLogger(__name__)

KEEP_ALIVE = 10
"""Seconds."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 1.5
"""Seconds: a refused connect costs nothing, and a broker that is back should be found at once."""
UNWANTED = 3
"""Connections that the broker ended right after they were made, in a row: a second client?"""


class Listener(Protocol):
    """Who is told what happens on the connection."""

    def will(self) -> Outgoing | None:
        """Give what the broker shall publish when the client is cut off."""
        ...

    def greeting(self) -> Iterable[Outgoing]:
        """Give what must be published first on a new connection."""
        ...

    def connected(self) -> None:
        """Begin to send everything else."""
        ...

    def disconnected(self) -> None:
        """Stop sending."""
        ...

    async def received(self, message: Message) -> None:
        """Take a message."""
        ...

    def farewell(self) -> Iterable[Outgoing]:
        """Give what must be published last, before a wanted disconnection."""
        ...


class Io(NamedTuple):
    """What a client needs of the world."""

    connect: Connect
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    random: random.Random


@dataclass(frozen=True, slots=True)
class Session:
    """Who connects, and what it listens to."""

    identity: str
    subscriptions: tuple[str, ...]
    keep_alive: int = KEEP_ALIVE


def identity(*parts: str) -> str:
    """Make an MQTT client id that every broker accepts: letters, digits, `_`, `:` and `-`."""
    return re.sub(r"[^A-Za-z0-9_:-]", "_", "-".join(parts))


class Client:
    """Connects, listens, and connects again."""

    def __init__(self, addresses: Sequence[BrokerAddress], session: Session, io: Io) -> None:
        self._addresses = tuple(addresses)
        self._session = session
        self._io = io
        self._open: Connection | None = None
        self._address: BrokerAddress | None = None
        self._news = News(io.monotonic, several=len(self._addresses) > 1)
        self._failures = 0
        self._unwanted = 0
        self._made = False

    @property
    def connected(self) -> BrokerAddress | None:
        """The broker that the client is on."""
        return self._address

    async def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish, and wait until the bytes are on their way; False: they are not."""
        if self._open is None:
            return False
        try:
            await self._open.publish(Outgoing(topic, payload, retain))
        except LinkLostError as error:
            log.debug("publishing on %s failed: %s", topic, error)
            return False
        return True

    def offer(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish without waiting; False when there is no link, or one that takes nothing now."""
        return self._open is not None and self._open.offer(Outgoing(topic, payload, retain))

    def drop(self) -> None:
        """Cut the connection without a word, so that the broker publishes the will."""
        if self._open is not None:
            self._open.cut()

    async def run(self, listener: Listener) -> None:
        """Stay connected until cancelled; say once that it is gone, and once that it is back."""
        for turn in count():
            address = self._addresses[turn % len(self._addresses)]
            begun, self._made = self._io.monotonic(), False
            try:
                await self._stay(address, listener)
            except (BrokerError, OSError) as error:
                lasted = self._io.monotonic() - begun
                self._news.gone(address, str(error) or type(error).__name__)
                self._judge(address, error, lasted)
            await self._io.sleep(self._pause())

    async def _stay(self, address: BrokerAddress, listener: Listener) -> None:
        session = self._session
        greeting = Greeting(session.identity, session.keep_alive, listener.will())
        connection = await self._io.connect(address, greeting)
        self._made = True
        try:
            await connection.subscribe(session.subscriptions)
            for message in listener.greeting():
                await connection.publish(message)
            await self._listen(address, connection, listener)
        finally:
            connection.cut()

    async def _listen(
        self, address: BrokerAddress, connection: Connection, listener: Listener
    ) -> None:
        self._news.there(address)
        self._open, self._address = connection, address
        wanted = False
        try:
            listener.connected()
            while True:
                await listener.received(await connection.next())
        except BaseException as error:
            wanted = not isinstance(error, Exception)
            raise
        finally:
            self._open = self._address = None
            listener.disconnected()
            if wanted:
                connection.leave(listener.farewell())

    def _judge(self, address: BrokerAddress, error: Exception, lasted: float) -> None:
        """Count what failed. Only who is sent away at once, again and again, suspects a double."""
        self._failures = 1 if lasted > SETTLED else self._failures + 1
        ended = isinstance(error, LinkLostError) and error.closed
        if ended and self._made and lasted < SETTLED:
            self._unwanted += 1
        elif lasted > SETTLED or isinstance(error, ConnectionRefusedError):
            self._unwanted = 0
        if self._unwanted == UNWANTED:
            log.error(
                "broker %s keeps dropping client id %s: is another client running under the same"
                " name?",
                address,
                self._session.identity,
            )

    def _pause(self) -> float:
        rounds = 1 + (self._failures - 1) // len(self._addresses)
        pause = growing(rounds, FIRST_PAUSE, LONGEST_PAUSE, self._io.random.random)
        # Each broker has its turn as often as one alone would have.
        return pause / len(self._addresses)
