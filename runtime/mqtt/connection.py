"""One open connection to one broker: subscribes, publishes at QoS 0, and gives what comes."""

import asyncio
import socket
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.reasoncodes import ReasonCode

from config.broker import BrokerAddress
from runtime.mqtt.errors import BrokerError, LinkLostError, RefusedError
from runtime.mqtt.wire import Protocol, Wire

MOST_WAITING = 10_000
MOST_WAITING_BYTES = 64 * 2**20
"""Received and not yet read; beyond, the oldest goes: a newer message says more."""
MOST_UNWRITTEN = 100
"""Messages that the system does not take now; beyond, nothing more is offered to the link."""
FAILURE = 0x80
"""A SUBACK return code from here on is a refusal (MQTT 3.1.1, 3.9.3)."""
ENDS = {
    0: "the connection was ended",
    130: "what it says is not MQTT 3.1.1",
}
"""What paho's reasons mean; any other: the broker closed the connection."""


class Message(NamedTuple):
    """What came."""

    topic: str
    payload: bytes
    retained: bool = False


class Outgoing(NamedTuple):
    """What goes out, at QoS 0."""

    topic: str
    payload: bytes
    retain: bool = False


class Greeting(NamedTuple):
    """What a client tells the broker of itself. `keep_alive` is in seconds."""

    identity: str
    keep_alive: int
    will: Outgoing | None = None


def _user(address: BrokerAddress) -> str:
    return f"user {address.username!r}" if address.username else "a client without a user"


class Connection:
    """A connection from its CONNECT to its end."""

    def __init__(
        self, wire: socket.socket, address: BrokerAddress, greeting: Greeting, patience: float
    ) -> None:
        """Take a connected socket; `patience`: seconds that each answer of the broker may take."""
        self.dropped = 0
        """Messages given up because nobody read them in time."""
        self.unreadable = 0
        """Messages whose topic is no text."""
        self._address = address
        self._greeting = greeting
        self._patience = patience
        loop = asyncio.get_running_loop()
        self._accepted: asyncio.Future[None] = loop.create_future()
        self._granted: asyncio.Future[Sequence[ReasonCode]] = loop.create_future()
        self._inbox: deque[Message] = deque()
        self._waiting_bytes = self._unwritten = 0
        self._arrived = asyncio.Event()
        self._lost: LinkLostError | None = None
        protocol = Protocol(wire, greeting.identity)
        if address.username is not None:
            protocol.username_pw_set(address.username, address.password)
        if greeting.will is not None:
            protocol.will_set(greeting.will.topic, greeting.will.payload, 0, greeting.will.retain)
        protocol.on_connect = self._on_connect
        protocol.on_subscribe = self._on_subscribe
        protocol.on_message = self._on_message
        protocol.on_disconnect = self._on_disconnect
        self._wire = Wire(wire, protocol, lambda why: self._lose(LinkLostError(why)))

    async def greet(self) -> None:
        """Send CONNECT and wait for its answer. Raises BrokerError."""
        self._wire.begin(self._greeting.keep_alive)
        try:
            async with asyncio.timeout(self._patience):
                await self._accepted
        except TimeoutError:
            raise BrokerError(f"no answer to CONNECT within {self._patience:g} s") from None

    async def subscribe(self, topics: Sequence[str]) -> None:
        """Subscribe at QoS 0, once. Raises RefusedError, naming the topics, and BrokerError."""
        if not topics:
            return
        self._wire.do(lambda: self._wire.protocol.subscribe([(topic, 0) for topic in topics]))
        try:
            async with asyncio.timeout(self._patience):
                codes = await self._granted
        except TimeoutError:
            raise BrokerError(f"no answer to SUBSCRIBE within {self._patience:g} s") from None
        answered = zip(topics, codes, strict=False)
        refused = [topic for topic, code in answered if code.value >= FAILURE]
        if refused or len(codes) != len(topics):
            raise RefusedError(
                f"the broker refuses the subscription to {', '.join(refused or topics)}; let"
                f" {_user(self._address)} read it"
            )

    async def publish(self, message: Outgoing) -> None:
        """Publish, and wait until the system has taken every byte. Raises LinkLostError."""
        self._check()
        self._send(message)
        await asyncio.sleep(0)  # who publishes much lets others have their turn
        await self._wire.flushed.wait()
        self._check()

    def offer(self, message: Outgoing) -> bool:
        """Publish without waiting; False when the link is lost, or takes nothing now."""
        if self._wire.flushed.is_set():
            self._unwritten = 0
        if self._lost is not None or self._unwritten >= MOST_UNWRITTEN:
            return False
        self._send(message)
        self._unwritten += 1
        return self._lost is None

    async def next(self) -> Message:
        """Wait for the next message. Raises LinkLostError when no more will come."""
        while not self._inbox:
            self._check()
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        self._waiting_bytes -= len(message.payload)
        return message

    def leave(self, farewell: Iterable[Outgoing] = ()) -> None:
        """Say goodbye and close, at once: what the system does not take now is not said."""
        for message in farewell:
            self._send(message)
        self._wire.read_away()
        self._wire.do(self._wire.protocol.disconnect)
        self.cut()

    def cut(self) -> None:
        """Close without a word: the broker publishes the will. Does nothing a second time."""
        self._lose(LinkLostError("the connection was ended"))
        self._wire.close()

    def _send(self, message: Outgoing) -> None:
        topic, payload, retain = message
        self._wire.do(lambda: self._wire.protocol.publish(topic, payload, 0, retain))

    def _check(self) -> None:
        if self._lost is not None:
            raise self._lost

    def _lose(self, error: LinkLostError) -> None:
        if self._lost is not None:
            return
        self._lost = error
        for answer in (self._accepted, self._granted):
            if not answer.done():
                answer.set_exception(error)
                answer.exception()  # it may be that nobody waits
        self._arrived.set()

    # --- what paho tells -----------------------------------------------------------------------

    def _on_connect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any
    ) -> None:
        if self._accepted.done():
            return
        if not code.is_failure:
            self._accepted.set_result(None)
            return
        what = f"client {self._greeting.identity!r} of {_user(self._address)}"
        self._accepted.set_exception(RefusedError(f"it refuses {what}: {code.getName().lower()}"))
        self._accepted.exception()

    def _on_subscribe(
        self, _client: paho.Client, _data: Any, _number: int, codes: list[ReasonCode], _more: Any
    ) -> None:
        if not self._granted.done():
            self._granted.set_result(codes)

    def _on_message(self, _client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            self.unreadable += 1
            return
        self._inbox.append(Message(topic, bytes(message.payload), message.retain))
        self._waiting_bytes += len(message.payload)
        while len(self._inbox) > MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES:
            self._waiting_bytes -= len(self._inbox.popleft().payload)
            self.dropped += 1
        self._arrived.set()

    def _on_disconnect(
        self, _client: paho.Client, _data: Any, _flags: Any, code: ReasonCode, _more: Any
    ) -> None:
        why = ENDS.get(code.value)
        closed = why is None
        self._lose(LinkLostError(why or "it closed the connection", closed=closed))
