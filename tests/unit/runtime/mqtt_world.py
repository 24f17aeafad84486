"""Brokers that come and go at given seconds, for clients that live on a simulated clock."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import pytest

from config.broker import BrokerAddress
from runtime.mqtt.client import Client, Io, Session
from runtime.mqtt.connection import Connection, Greeting, Message, Outgoing
from runtime.mqtt.errors import BrokerError, LinkLostError

A = BrokerAddress("a", 1883)
B = BrokerAddress("b", 1883)
SESSION = Session("me", ("t/+", "u"))


class Up(NamedTuple):
    """From when to when a broker runs, and how the last connection to it ends."""

    begin: float
    end: float
    closed: bool = True


class FakeConnection:
    """Lasts until its broker ends, or for `lasting` seconds."""

    def __init__(self, world: "World", address: BrokerAddress, greeting: Greeting) -> None:
        self._world = world
        self.address = address
        self.greeting = greeting
        self.published: list[Outgoing] = []
        self.subscribed: Sequence[str] = ()
        self.goodbye: list[Outgoing] | None = None
        self.ended = False
        self.stuck = False

    async def subscribe(self, topics: Sequence[str]) -> None:
        if self._world.refusal is not None:
            raise self._world.refusal
        self.subscribed = topics

    async def publish(self, message: Outgoing) -> None:
        if self.ended:
            raise LinkLostError("gone")
        self.published.append(message)

    def offer(self, message: Outgoing) -> bool:
        if not (self.ended or self.stuck):
            self.published.append(message)
        return not (self.ended or self.stuck)

    async def next(self) -> Message:
        world = self._world
        if world.letters.get(self.address):
            await asyncio.sleep(0)
            return world.letters[self.address].pop(0)
        if world.live:
            await world.over.wait()
        up = world.running(self.address)
        assert up is not None
        until = min(up.end, world.now + world.lasting)
        if until > world.until:
            await world.stop()
        world.now = until
        self.ended = True
        raise LinkLostError("it went", closed=up.closed)

    def leave(self, farewell: Sequence[Outgoing] = ()) -> None:
        self.goodbye = list(farewell)
        self.ended = True

    def cut(self) -> None:
        self.ended = True


class World:
    """Tells when which broker runs; time passes only by what is waited for."""

    def __init__(self, until: float = 1e9, seed: int = 1) -> None:
        self.now = 0.0
        self.until = until
        self.up: dict[BrokerAddress, list[Up]] = {}
        self.lasting = float("inf")
        """Seconds after which any connection ends."""
        self.costs: dict[BrokerAddress, float] = {}
        """Seconds that an attempt costs where nobody answers; without an entry it is refused."""
        self.refusal: BrokerError | None = None
        self.unmade = False
        """Whether connections are closed before CONNACK."""
        self.letters: dict[BrokerAddress, list[Message]] = {}
        self.live = False
        """Whether connections wait for the end of the test instead of their own."""
        self.over = asyncio.Event()
        self.attempts: list[tuple[float, BrokerAddress]] = []
        self.pauses: list[float] = []
        self.connections: list[FakeConnection] = []
        self.io = Io(self.connect, self.sleep, lambda: self.now, random.Random(seed))

    def running(self, address: BrokerAddress) -> Up | None:
        spans = self.up.get(address, [])
        return next((up for up in spans if up.begin <= self.now < up.end), None)

    async def connect(self, address: BrokerAddress, greeting: Greeting) -> Connection:
        self.attempts.append((self.now, address))
        if self.running(address) is None:
            if address in self.costs:
                self.now += self.costs[address]
                raise BrokerError("no answer")
            raise ConnectionRefusedError("refused")
        if self.unmade:
            raise LinkLostError("it closed the connection", closed=True)
        connection = FakeConnection(self, address, greeting)
        self.connections.append(connection)
        return cast("Connection", connection)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.now > self.until:
            await self.stop()
        await asyncio.sleep(0)

    async def stop(self) -> None:
        """Let the client be cancelled here."""
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class Diary:
    """A listener that keeps what happened, in order."""

    def __init__(self) -> None:
        self.happened: list[Any] = []
        self.on_message: Callable[[Message], None] = lambda _: None

    def will(self) -> Outgoing | None:
        return Outgoing("state", b"cut off", retain=True)

    def greeting(self) -> Sequence[Outgoing]:
        return [Outgoing("state", b"here", retain=True)]

    def connected(self) -> None:
        self.happened.append("connected")

    def disconnected(self) -> None:
        self.happened.append("disconnected")

    async def received(self, message: Message) -> None:
        self.happened.append(message)
        self.on_message(message)

    def farewell(self) -> Sequence[Outgoing]:
        return [Outgoing("state", b"bye", retain=True)]


async def turns(true: Callable[[], bool]) -> None:
    """Let the loop turn until something is true."""
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0)
    pytest.fail("it does not become true")


async def live(world: World, *brokers: BrokerAddress, diary: Diary | None = None) -> Client:
    """Run a client until the world ends."""
    client = Client(brokers or (A,), SESSION, world.io)
    running = asyncio.create_task(client.run(diary or Diary()), name="client")
    await asyncio.gather(running, return_exceptions=True)
    if not running.cancelled():
        running.result()
    return client
