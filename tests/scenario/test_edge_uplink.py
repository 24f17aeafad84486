"""Journal and uplink on a real broker, with a small gateway that keeps and acknowledges."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from contracts.codec import encode
from contracts.messages import Card, Command
from contracts.ranges import Ranges
from contracts.records import EdgeStarted, InputRefused, OutcomeStatus, Reading, Record
from contracts.topics import of_edge
from edge.commands.commandable import Targets
from edge.commands.inbox import Hearing, Inbox
from edge.commands.known import KnownCommands
from edge.composition import keeping_journal
from edge.control.outputs import Outputs
from edge.journal.journal import Journal
from edge.journal.refused_input import RefusedInput
from edge.journal.stamps import Stamps
from edge.journal.terms import Terms
from edge.uplink.gateway import Gateway as Way
from edge.uplink.gateway import Ground
from edge.uplink.layouts import Layouts
from runtime.host import system_host
from runtime.supervisor import Part, Supervisor
from tests.scenario.acker import TOPICS, Gateway, Nats, clock, ended, site_at, until
from wenlan.import_session import import_csv

Play = Callable[..., Any]


class Core:
    """The edge's core, without devices."""

    def __init__(self, journal: Journal, way: Way) -> None:
        self.journal, self.way = journal, way

    @property
    def last(self) -> int:
        """The last number of the own stream that is on disk."""
        return next(one.next for one in self.journal.tracks() if one.use == "own") - 1

    async def write(self, *records: Record) -> None:
        assert await self.journal.append(records).durable(10.0)

    async def settled(self) -> None:
        async with asyncio.timeout(30):
            await self.way._uplink.settled()


@contextlib.asynccontextmanager
async def running(
    folder: Path, port: int, cards: Sequence[Card] = (), *, linked: bool = True
) -> AsyncIterator[Core]:
    host, site = system_host(), site_at(port)
    edge = site.edges[0]
    stamps = Stamps(host.clock, host.secret(8).hex(), edge.id, host.boot)
    async with keeping_journal(edge, folder / "data", host, stamps, frozenset()) as journal:
        time, terms = stamps.clock, Terms(stamps.clock, host.boot)
        refused = RefusedInput(journal, time)
        ground = Ground(host, stamps, time, terms, journal, refused)
        way = Way(site, edge.id, "test", ground)
        inbox = Inbox(
            Targets(),
            Outputs({}, journal, time, terms, host.random),
            KnownCommands(journal, time, terms),
            journal,
            time,
            Hearing(stamps.life, way.now),
            refused,
        )
        parts = [Part("journal", journal.run), Part("refused", refused.run)]
        if linked:
            parts += way.parts(Layouts(journal, cards), inbox)
        supervisor = Supervisor(time, host.random, lambda change: None)
        working = asyncio.create_task(supervisor.run(parts), name="core")
        try:
            yield Core(journal, way)
        finally:
            working.cancel()
            await asyncio.wait([working])


def readings(first: int, count: int) -> list[Record]:
    at = clock()
    return [Reading("probe/temperature", at + one, float(first + one)) for one in range(count)]


def started() -> EdgeStarted:
    return EdgeStarted(clock(), "stacks", "t")


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
                    await edge.write(*readings(appended, 40), started())
                    appended += 41
                    await asyncio.sleep(0.02)
                await nats.kill()
                await edge.write(*readings(appended, 700), started())
                appended += 701
                await nats.start()
            await edge.settled()
            assert gateway.numbers() == Ranges([(1, appended)])
            assert gateway.states[-1].online
            assert "probe" in gateway.cards
            # What was named twice is deleted.
            await until(lambda: edge.journal.tracks()[0].oldest >= appended)
        await until(lambda: not gateway.states[-1].online)
        assert gateway.states[-1].next == appended + 1
        await ended(listening)
        await nats.kill()

    play(story(), within=60)


def test_while_a_backlog_drains_live_values_are_fresh(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with running(tmp_path, 9, linked=False) as edge:
            for number in range(20):
                await edge.write(*readings(1000 * number, 1000))
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        await until(lambda: gateway.client is not None)
        async with running(tmp_path, nats.port) as edge:
            for number in range(5):
                await edge.write(started())
                await until(lambda n=number: len(gateway.of(EdgeStarted)) > n, 1.0)  # type: ignore[misc]  # bound early
            await edge.settled()
        assert gateway.numbers() == Ranges([(1, 20_005)])
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
            for _ in range(40):
                await edge.write(started())
            await asyncio.sleep(6)
            gateway.deaf = False
            await edge.write(started())
            await edge.settled()
            assert gateway.numbers() == Ranges([(1, 41)])
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
            at = clock()
            command = Command("c1", "nobody", "write", at, at + 60_000_000, "me")
            kept = Command("c2", "nobody", "write", at, at + 60_000_000, "me")
            for payload in (encode(command), encode(command), b"{nonsense"):
                await client.publish(TOPICS.command, payload)
            await client.publish(TOPICS.command, encode(kept), retain=True)
            await client.publish(TOPICS.ack, b"[]")
            await until(lambda: len(gateway.of(InputRefused)) == 2 and bool(gateway.outcomes()))
        # A command that the broker keeps is nobody's word: the next session leaves it alone.
        async with running(tmp_path, nats.port):
            await until(lambda: len(gateway.of(InputRefused)) == 3)
        outcomes = {one.command: one for one in gateway.outcomes()}
        assert outcomes["c1"].status == OutcomeStatus.REFUSED
        assert "nobody" in outcomes["c1"].reason
        assert len(gateway.outcomes()) == 2
        assert "retained" in gateway.of(InputRefused)[-1].reason
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
                file, site_at(nats.port), "logger", "vault", system_host(), said.append
            )
            assert (result.rows, result.values, result.missing) == (720, 720, 720)
            assert len(result.refused) == 1
            assert len(gateway.rows) == 720
        assert 720 <= gateway.copies <= 1500
        assert gateway.cards == ["logger", "logger"]
        assert not gateway.states
        assert any("line 722" in line for line in said)
        await ended(listening)
        await nats.kill()

    play(story(), within=30)
