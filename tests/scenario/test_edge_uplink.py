"""Journal and uplink on a real broker, with a small gateway that keeps and acknowledges."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from config.broker import BrokerAddress
from config.site import Site
from contracts.codec import decode_mixed, encode, presences
from contracts.messages import Ack, Card, Command, Presence
from contracts.ranges import Ranges
from contracts.records import CommandOutcome, EdgeStarted, OutcomeStatus, Reading, Record
from contracts.topics import EdgeTopics, of_edge
from edge.broker import Broker, Client, identity
from edge.commands import Commands, Targets
from edge.conversation import Conversation, Who, will_of
from edge.imports import import_csv
from edge.journal import Journal
from edge.uplink import Uplink
from wenlan.broker import configure, program

Play = Callable[..., Any]
TOPICS = of_edge("site", "stacks")


def clock() -> int:
    return time.time_ns() // 1000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nats:
    """A broker process that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._settings = configure(folder, self.port)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program(),
            "-c",
            self._settings,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(100):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)
        pytest.fail("the broker does not start")

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


class Gateway:
    """Keeps each record once, counts the copies, and acknowledges; it can be told to be deaf."""

    def __init__(self, port: int, topics: EdgeTopics = TOPICS) -> None:
        self._port = port
        self._topics = topics
        self.rows: dict[int, Record] = {}
        self.order: list[int] = []
        self.copies = 0
        self.deaf = False
        self.client: aiomqtt.Client | None = None
        self.states: list[Presence] = []
        self.cards: list[str] = []

    async def run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, identifier="gw") as client:
                    for topic in (
                        self._topics.journal,
                        self._topics.state,
                        self._topics.card + "+",
                    ):
                        await client.subscribe(topic, qos=1)
                    self.client = client
                    async for message in client.messages:
                        await self._take(client, message.topic.value, bytes(message.payload))
            except aiomqtt.MqttError:
                self.client = None
                await asyncio.sleep(0.2)

    async def _take(self, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
        if topic == self._topics.state:
            self.states.append(presences.decode(payload))
        elif topic.startswith(self._topics.card):
            self.cards.append(topic.removeprefix(self._topics.card))
        elif not self.deaf:
            stream, first, records = decode_mixed(payload)
            for seq, record in enumerate(records, first):
                if seq in self.rows:
                    self.copies += 1
                    continue
                assert isinstance(record, Record)
                self.rows[seq] = record
                self.order.append(seq)
            done = Ranges((seq, seq) for seq in self.rows)
            ack = Ack(stream, tuple((low, high) for low, high in done))
            await client.publish(self._topics.ack, encode(ack), qos=1)

    def outcomes(self) -> list[CommandOutcome]:
        return [row for row in self.rows.values() if isinstance(row, CommandOutcome)]


class Edge:
    """The edge's core, without devices."""

    def __init__(self, journal: Journal, uplink: Uplink, commands: Commands) -> None:
        self.journal, self.uplink, self.commands = journal, uplink, commands


@contextlib.asynccontextmanager
async def running(tmp_path: Path, port: int, cards: Sequence[Card] = ()) -> AsyncIterator[Edge]:
    async with Journal(tmp_path / "journal.sqlite3", clock) as journal:
        client = Client(
            BrokerAddress("127.0.0.1", port, tls=False, username=None, password=None),
            identity("edge", "site", "stacks"),
            (TOPICS.ack, TOPICS.command),
            TOPICS.state,
            will_of("stacks"),
        )
        broker = Broker(client)
        uplink = Uplink(journal, TOPICS.journal, broker.publish)
        commands = Commands(Targets(), journal, clock)
        who = Who("stacks", "test", TOPICS, cards)
        conversation = Conversation(who, journal, uplink, commands, broker.publish, clock)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=name)
                for name, work in {
                    "journal": journal.run(),
                    "uplink": uplink.run(),
                    "prune": uplink.prune(),
                    "broker": broker.run(conversation),
                    "presence": conversation.stay_present(),
                    "leases": commands.run(),
                }.items()
            ]
            try:
                yield Edge(journal, uplink, commands)
            finally:
                for task in tasks:
                    task.cancel()


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {seconds} s")


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


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
            for _ in range(40):
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
                assert len(gateway.rows) < 40_000
                await asyncio.sleep(0.3)
            await edge.uplink.drained()
        backlog = [seq for seq in gateway.order if seq <= 40_000]
        assert backlog == sorted(backlog)
        assert len(gateway.rows) == 40_005
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


def site_at(port: int) -> Site:
    name = {"en": "Library", "zh": "图书馆"}
    device = {"id": "probe", "model": "xy-md02"}
    link = {"kind": "modbus-tcp", "id": "bus", "host": "127.0.0.1", "devices": [device]}
    return Site.model_validate(
        {
            "site": "site",
            "name": name,
            "timezone": "Europe/London",
            "broker": f"mqtt://127.0.0.1:{port}",
            "spaces": [{"id": "vault", "kind": "vault", "name": name}],
            "edges": [{"id": "stacks", "links": [link]}],
        }
    )


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
