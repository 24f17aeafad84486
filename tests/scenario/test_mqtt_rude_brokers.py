"""Brokers that behave badly: found out in time, left at once, and nothing stays behind."""

import asyncio
import random
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from config.broker import BrokerAddress
from runtime.mqtt.client import Client, Io, Session
from runtime.mqtt.connect import Connect, Limits, connector
from runtime.mqtt.connection import Message, Outgoing
from runtime.mqtt.opening import Endpoint
from tests.scenario.acker import until
from tests.scenario.rude_broker import Rude, Way, black_hole, rude

Play = Callable[..., Any]
SESSION = Session("me", ("t/+", "u"), keep_alive=1)
SECRET = "s3cret"
LIMITS = Limits(opening=0.6, answer=0.6)


class Watcher:
    """A listener that keeps when what happened."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.messages: list[Message] = []
        self.at: dict[str, float] = {}

    def will(self) -> Outgoing | None:
        return Outgoing("state", b"cut off", retain=True)

    def greeting(self) -> Sequence[Outgoing]:
        return [Outgoing("state", b"here", retain=True)]

    def _note(self, what: str) -> None:
        self.happened.append(what)
        self.at[what] = time.monotonic()

    def connected(self) -> None:
        self._note("connected")

    def disconnected(self) -> None:
        self._note("disconnected")

    async def received(self, message: Message) -> None:
        self.messages.append(message)

    def farewell(self) -> Sequence[Outgoing]:
        return [Outgoing("state", b"bye", retain=True)]


def io(connect: Connect | None = None) -> Io:
    made = connect or connector(ssl.create_default_context, limits=LIMITS)
    return Io(made, asyncio.sleep, time.monotonic, random.Random(1))


def at(port: int, *, tls: bool = False) -> BrokerAddress:
    return BrokerAddress("127.0.0.1", port, tls)


@asynccontextmanager
async def nothing_left(*, within: float = 0.2) -> AsyncIterator[Callable[[Client, Watcher], Any]]:
    """Run a client; cancelled at the end, it is gone at once, with all that it opened."""
    running: list[asyncio.Task[None]] = []
    loop = asyncio.get_running_loop()
    descriptors, threads = open_descriptors(), threading.active_count()
    before = asyncio.all_tasks()

    def run(client: Client, watcher: Watcher) -> None:
        running.append(asyncio.create_task(client.run(watcher), name="client"))

    yield run
    begun = time.monotonic()
    servers = asyncio.all_tasks() - before - set(running)
    running[0].cancel()
    await asyncio.wait(running)
    assert time.monotonic() - begun < within
    assert running[0].cancelled()
    assert asyncio.all_tasks() <= before | servers
    assert threading.active_count() == threads
    assert getattr(loop, "_default_executor", None) is None
    await asyncio.sleep(0.3)  # the broker's side, in this process too, closes its sockets
    left = open_descriptors() - descriptors
    sockets = [one for one in left if _names_a_socket(one)]
    assert len(sockets) <= len(servers & asyncio.all_tasks())


def open_descriptors() -> set[Path]:
    return set(Path("/proc/self/fd").iterdir())


def _names_a_socket(descriptor: Path) -> bool:
    try:
        return str(descriptor.readlink()).startswith("socket:")
    except OSError:
        return False


def usable(_: Rude, watcher: Watcher) -> bool:
    return "connected" in watcher.happened


READY: dict[Way, Callable[[Rude, Watcher], bool]] = {
    Way.MUTE: lambda broker, _: broker.heard == [1],
    Way.NO_SUBACK: lambda broker, _: broker.heard == [1, 8],
    Way.SLAMS: lambda broker, _: broker.connects > 1,
    Way.REFUSES: lambda broker, _: broker.connects > 1,
    Way.STRANGER: lambda broker, _: broker.connects > 1,
    Way.TORN: lambda broker, _: broker.connects > 1,
    Way.GARBAGE: lambda broker, _: broker.connects > 1,
}


@pytest.mark.parametrize("way", list(Way))
def test_cancelled_at_once_and_nothing_stays_behind(way: Way, play: Play) -> None:
    async def story() -> None:
        async with rude(way) as broker:
            async with nothing_left() as run:
                watcher = Watcher()
                client = Client([at(broker.port)], SESSION, io())
                run(client, watcher)
                ready = READY.get(way, usable)
                await until(lambda: ready(broker, watcher))
            assert watcher.happened.count("connected") == watcher.happened.count("disconnected")

    play(story())


def test_cancelled_while_bytes_wait_to_be_written(play: Play) -> None:
    """Half-open: the other side takes nothing more, and a publisher waits."""

    async def story() -> None:
        async with rude(Way.STUCK) as broker, nothing_left() as run:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            run(client, watcher)
            await until(lambda: "connected" in watcher.happened)
            flood = asyncio.create_task(client.publish("x", bytes(30_000_000)), name="flood")
            await asyncio.sleep(0.3)
            assert not flood.done()
            while client.offer("x", b"more"):
                pass
            flood.cancel()
            await asyncio.wait([flood])

    play(story())


def test_a_publisher_that_waits_is_told_when_the_link_is_lost(play: Play) -> None:
    async def story() -> None:
        async with rude(Way.STUCK) as broker, nothing_left() as run:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            run(client, watcher)
            await until(lambda: "connected" in watcher.happened)
            begun = time.monotonic()
            assert not await client.publish("x", bytes(30_000_000))
            assert time.monotonic() - begun < 2 * SESSION.keep_alive + 0.3

    play(story())


@pytest.mark.parametrize("way", [Way.DEAF, Way.TALKATIVE, Way.STUCK])
@pytest.mark.parametrize("busy", [False, True])
def test_a_dead_link_is_found_within_two_keep_alives(way: Way, busy: bool, play: Play) -> None:
    async def story() -> float:
        async with rude(way) as broker, nothing_left() as run:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            run(client, watcher)
            await until(lambda: "connected" in watcher.happened)
            while "disconnected" not in watcher.happened:
                if busy:
                    await client.publish("x", b"1")
                await asyncio.sleep(0.05)
            return watcher.at["disconnected"] - watcher.at["connected"]

    assert play(story()) <= 2 * SESSION.keep_alive + 0.2


def test_a_broker_that_acknowledges_nothing_is_a_good_broker(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with rude(Way.NO_PUBACK) as broker, nothing_left() as run:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            run(client, watcher)
            await until(lambda: "connected" in watcher.happened)
            for _ in range(30):
                assert await client.publish("x", b"1", retain=True)
                await asyncio.sleep(0.1)
            assert watcher.happened == ["connected"]

    play(story())
    assert not caplog.records


@pytest.mark.parametrize(
    ("way", "words"),
    [
        (Way.MUTE, "no answer to CONNECT within 0.6 s"),
        (Way.NO_SUBACK, "no answer to SUBSCRIBE within 0.6 s"),
        (Way.REFUSES, "refuses the subscription to u; let user 'li' read it"),
        (Way.STRANGER, "refuses client 'me' of user 'li': not authorized"),
        (Way.SLAMS, "it closed the connection"),
        (Way.GARBAGE, "what it says is not MQTT 3.1.1"),
        (Way.TORN, "what it says is not MQTT 3.1.1"),
        (Way.DEAF, "it does not answer any more"),
    ],
)
def test_what_is_said_of_it(
    way: Way, words: str, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> int:
        async with rude(way) as broker, nothing_left() as run:
            address, watcher = (
                BrokerAddress("127.0.0.1", broker.port, False, "li", SECRET),
                Watcher(),
            )
            run(Client([address], SESSION, io()), watcher)
            await until(lambda: words in caplog.text)
            await until(lambda: broker.connects > 2)
            return watcher.happened.count("disconnected") or 1

    lost = play(story())
    assert caplog.text.count(words) == lost
    assert "same name" not in caplog.text
    assert SECRET not in caplog.text


def test_a_black_hole_costs_its_share_and_the_next_is_tried(play: Play) -> None:
    async def story() -> None:
        with black_hole() as hole:
            async with rude(Way.NONE) as broker, nothing_left() as run:
                watcher = Watcher()
                begun = time.monotonic()
                run(Client([at(hole), at(broker.port)], SESSION, io()), watcher)
                await until(lambda: "connected" in watcher.happened)
                assert 0.5 < watcher.at["connected"] - begun < 1.2

    play(story())


@pytest.mark.parametrize("where", ["tcp", "tls", "dns"])
def test_cancelled_while_connecting(where: str, play: Play) -> None:
    async def forever(_host: str, _port: int) -> Sequence[Endpoint]:
        await asyncio.Event().wait()
        raise AssertionError

    async def story() -> None:
        resolving: Callable[[str, int], Awaitable[Sequence[Endpoint]]] = forever
        with black_hole() as hole:
            async with rude(Way.MUTE) as broker, nothing_left() as run:
                address = at(hole) if where == "tcp" else at(broker.port, tls=True)
                long = Limits(30, 30)
                connect = connector(ssl.create_default_context, limits=long)
                if where == "dns":
                    connect = connector(ssl.create_default_context, resolving, long)
                run(Client([address], SESSION, io(connect)), Watcher())
                await asyncio.sleep(0.3)

    play(story())


def test_the_limits_of_every_day_are_a_couple_of_seconds(play: Play) -> None:
    async def story() -> float:
        connect = connector(ssl.create_default_context)
        with black_hole() as hole:
            begun = time.monotonic()
            with pytest.raises(TimeoutError, match="no answer within 2 s"):
                await connect(at(hole), ("me", 10, None))  # type: ignore[arg-type]
            return time.monotonic() - begun

    assert play(story()) < 2.3


def test_every_address_of_a_host_gets_its_share(play: Play) -> None:
    async def story() -> None:
        with black_hole() as hole:
            async with rude(Way.NONE) as broker, nothing_left() as run:
                family = socket.AF_INET

                async def two(_host: str, _port: int) -> Sequence[Endpoint]:
                    return [
                        (family, ("127.0.0.1", hole)),
                        (family, ("127.0.0.1", broker.port)),
                    ]

                watcher = Watcher()
                connect = connector(ssl.create_default_context, two, LIMITS)
                run(Client([BrokerAddress("twice", 1)], SESSION, io(connect)), watcher)
                await until(lambda: "connected" in watcher.happened, 2)

    play(story())


def test_a_goodbye_arrives_though_messages_flood_in(play: Play) -> None:
    async def story() -> None:
        async with rude(Way.NONE) as broker, nothing_left() as run:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            run(client, watcher)
            await until(lambda: "connected" in watcher.happened)
        await asyncio.wait_for(broker.cut_off.wait(), 2)
        assert broker.heard == [1, 8, 3, 3, 14]
        assert broker.received.endswith(b"bye")

    play(story())


def test_cancelled_again_and_again_at_any_moment_it_always_ends(play: Play) -> None:
    """In Python 3.11 a cancellation that meets an answer may be forgotten; here never."""

    async def story() -> None:
        draw = random.Random(7)
        async with rude(Way.NONE) as broker:
            for _ in range(300):
                client = Client([at(broker.port)], SESSION, io())
                running = asyncio.create_task(client.run(Watcher()), name="client")
                await asyncio.sleep(draw.random() * 0.003)
                running.cancel()
                done, _ = await asyncio.wait([running], timeout=0.5)
                assert done == {running}
                assert running.cancelled()

    play(story(), within=60)


def test_it_works_on_the_loop_of_the_processes() -> None:
    async def story() -> None:
        async with rude(Way.NONE) as broker:
            watcher, client = Watcher(), Client([at(broker.port)], SESSION, io())
            running = asyncio.create_task(client.run(watcher), name="client")
            await until(lambda: "connected" in watcher.happened)
            assert await client.publish("x", bytes(3_000_000))
            await until(lambda: len(broker.received) > 3_000_000)
            broker.way = Way.DEAF
            await until(lambda: "disconnected" in watcher.happened, 5)
            broker.way = Way.NONE
            await until(lambda: watcher.happened.count("connected") == 2, 3)
            running.cancel()
            await asyncio.wait([running])
            await asyncio.wait_for(broker.cut_off.wait(), 2)

    uvloop.run(story())


def test_a_name_is_looked_up(play: Play) -> None:
    async def story() -> None:
        async with rude(Way.NONE) as broker:
            watcher = Watcher()
            client = Client([BrokerAddress("localhost", broker.port)], SESSION, io())
            running = asyncio.create_task(client.run(watcher), name="client")
            await until(lambda: "connected" in watcher.happened)
            running.cancel()
            await asyncio.wait([running])

    play(story())


def test_a_name_that_is_none_is_said_and_tried_again(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with rude(Way.NONE) as broker:
            watcher = Watcher()
            addresses = [BrokerAddress("a" * 300, 1883), at(broker.port)]
            running = asyncio.create_task(Client(addresses, SESSION, io()).run(watcher), name="me")
            await until(lambda: "connected" in watcher.happened)
            running.cancel()
            await asyncio.wait([running])

    play(story())
    assert "is gone: " in caplog.text
