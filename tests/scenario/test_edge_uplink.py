"""Journal and uplink on a real broker, with a small gateway that keeps and acknowledges."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from config.broker import BrokerAddress
from contracts.codec import encode
from contracts.messages import Card, Command
from contracts.records import EdgeStarted, OutcomeStatus, Reading, Record
from contracts.topics import of_edge
from edge.commands.inbox import Commands, Targets
from edge.journal.journal import Journal
from edge.uplink.send_window import MOST_RECORDS
from edge.uplink.session import Conversation, Who
from edge.uplink.uplink import Uplink
from runtime.mqtt.client import Client, Io, Session, identity
from runtime.mqtt.connect import connector
from tests.scenario.acker import TOPICS, Gateway, Nats, clock, ended, site_at, until
from wenlan.import_session import import_csv

Play = Callable[..., Any]


class Edge:
    """The edge's core, without devices."""

    def __init__(self, journal: Journal, uplink: Uplink, commands: Commands) -> None:
        self.journal, self.uplink, self.commands = journal, uplink, commands


@contextlib.asynccontextmanager
async def running(tmp_path: Path, port: int, cards: Sequence[Card] = ()) -> AsyncIterator[Edge]:
    async with Journal(tmp_path / "journal.sqlite3", clock) as journal:
        session = Session(identity("edge", "site", "stacks"), (TOPICS.ack, TOPICS.command))
        connect = connector(ssl.create_default_context)
        io = Io(connect, asyncio.sleep, time.monotonic, random.Random(1))
        client = Client([BrokerAddress("127.0.0.1", port)], session, io)
        uplink = Uplink(journal, TOPICS.journal, client.publish)
        commands = Commands(Targets(), journal, clock)
        who = Who("stacks", "test", TOPICS, cards)
        conversation = Conversation(who, journal, uplink, commands, client.publish, clock)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=name)
                for name, work in {
                    "journal": journal.run(),
                    "uplink": uplink.run(),
                    "prune": uplink.prune(),
                    "broker": client.run(conversation),
                    "presence": conversation.stay_present(),
                    "leases": commands.run(),
                }.items()
            ]
            try:
                yield Edge(journal, uplink, commands)
            finally:
                for task in tasks:
                    task.cancel()


def readings(first: int, count: int) -> list[Record]:
    return [Reading("probe/temperature", first + one, float(one)) for one in range(count)]


def test_the_broker_dies_and_nothing_is_lost_or_doubled(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        await until(lambda: gateway.client is not None)
        card = Card("probe", "stacks", "xy", "climate")
        async with running(tmp_path, nats.port, [card]) as edge:
            appended = 0
            for _ in range(3):
                for _ in range(5):
                    await edge.journal.append(readings(appended, 40))
                    await edge.journal.append([EdgeStarted(appended, "stacks", "t")])
                    appended += 41
                    await asyncio.sleep(0.02)
                await nats.kill()
                await edge.journal.append(readings(appended, 700))
                await edge.journal.append([EdgeStarted(appended, "stacks", "t")])
                appended += 701
                await nats.start()
            await edge.uplink.drained()
            assert sorted(gateway.rows) == list(range(1, appended + 1))
            assert gateway.states[-1].online
            assert "probe" in gateway.cards

            for _ in range(100):
                if await edge.journal.read(1, appended, 1, 1000) is None:
                    break
                await asyncio.sleep(0.05)
            else:
                pytest.fail("what was acknowledged is not pruned")
        await until(lambda: not gateway.states[-1].online)
        assert gateway.states[-1].next == appended + 1
        await ended(listening)
        await nats.kill()

    play(story(), within=60)


def test_while_a_backlog_drains_live_values_are_fresh(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "journal.sqlite3", clock) as journal:
            for _ in range(20):
                await journal.append(readings(0, 1000))
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        await until(lambda: gateway.client is not None)
        async with running(tmp_path, nats.port) as edge:
            await until(lambda: len(gateway.rows) > 1000)
            for _ in range(5):
                await edge.journal.append([EdgeStarted(clock(), "stacks", "live")])
                live = edge.journal.last
                await until(lambda live=live: live in gateway.rows, 1.0)  # type: ignore[misc]
                assert len(gateway.rows) < 20_000
                await asyncio.sleep(0.3)
            await edge.uplink.drained()
        # The newest batch of what was there comes first; the rest follows in order.
        backlog = [seq for seq in gateway.order if seq <= 20_000 - MOST_RECORDS]
        assert backlog == sorted(backlog)
        assert len(gateway.rows) == 20_005
        assert gateway.copies == 0
        await ended(listening)
        await nats.kill()

    play(story(), within=60)


def test_a_deaf_gateway_gets_everything_when_it_listens_again(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        gateway.deaf = True
        listening = asyncio.create_task(gateway.run(), name="gateway")
        async with running(tmp_path, nats.port) as edge:
            for number in range(40):
                await edge.journal.append([EdgeStarted(number, "stacks", "t")])
            await asyncio.sleep(6)
            gateway.deaf = False
            await edge.journal.append([EdgeStarted(40, "stacks", "t")])
            await edge.uplink.drained()
            assert sorted(gateway.rows) == list(range(1, 42))
        await ended(listening)
        await nats.kill()

    play(story(), within=60)


def test_commands_on_the_wire(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        async with running(tmp_path, nats.port):
            await until(lambda: bool(gateway.states and gateway.states[-1].online))
            client = gateway.client
            assert client is not None
            command = Command("c1", "nobody", "write", clock(), clock() + 60_000_000, "me")
            await client.publish(TOPICS.command, encode(command), qos=1)
            await client.publish(TOPICS.command, encode(command), qos=1)
            await client.publish(TOPICS.command, b"{nonsense", qos=1)
            await client.publish(TOPICS.ack, b"[]", qos=1)
            await until(lambda: len(gateway.rows) >= 2)
            await asyncio.sleep(0.3)
        (outcome,) = gateway.outcomes()
        assert outcome.status is OutcomeStatus.REFUSED
        assert "nobody" in outcome.reason
        await ended(listening)
        await nats.kill()

    play(story(), within=30)


def test_an_import_ends_when_all_is_acknowledged_and_a_second_one_adds_nothing(
    tmp_path: Path, play: Play
) -> None:
    rows = [
        f"2024-01-{day:02} {hour:02}:00,{hour},NA" for day in range(1, 31) for hour in range(24)
    ]
    file = tmp_path / "logger.csv"
    file.write_text("time,temperature,humidity\n" + "\n".join(rows) + "\n2024-02-01,x,y\n")

    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port, of_edge("site", "import"))
        listening = asyncio.create_task(gateway.run(), name="gateway")
        said: list[str] = []
        for _ in range(2):
            result = await import_csv(
                file, site_at(nats.port), "logger", "vault", tmp_path / "data", clock, said.append
            )
            assert (result.rows, result.values, result.missing) == (720, 720, 720)
            assert len(result.refused) == 1
            assert len(gateway.rows) == 720
        assert 0 < gateway.copies <= 720  # the first ack covers the rest
        assert gateway.cards == ["logger", "logger"]
        assert not gateway.states
        assert not list((tmp_path / "data").iterdir())
        assert any("line 722" in line for line in said)
        await ended(listening)
        await nats.kill()

    play(story(), within=30)
