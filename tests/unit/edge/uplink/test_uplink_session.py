"""What an edge tells the gateway: batches with their clocks and origins, presence, cards."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from contracts.codec import LARGEST_MESSAGE, batches, cards, decode_received, encode, presences
from contracts.layouts import Column, Layout
from contracts.messages import MOST_WAS, Ack, Card, Presence
from contracts.ranges import Ranges
from contracts.topics import of_edge
from edge.journal.journal import Journal
from edge.journal.rows import Limits, Piece, Row, Stamp, Was
from edge.uplink.batches import MOST_ORIGINS, Sender, batch_of, fitting
from edge.uplink.layouts import Layouts
from edge.uplink.session import Session, Who
from edge.uplink.uplink import Uplink
from runtime.clock import Clock
from tests.unit.edge.journal.journal_world import LAYOUT, World, passes, play, settle

TOPICS = of_edge("site", "edge")
CARD = Card("d1", "edge", "Probe", "probe", layouts=(LAYOUT,))


@dataclass
class Broker:
    """Keeps what was published."""

    sent: list[tuple[str, bytes, bool]] = field(default_factory=list)
    up: bool = True

    async def publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        if self.up:
            self.sent.append((topic, payload, retain))
        return self.up

    def take(self, topic: str) -> list[bytes]:
        """Give what came on a topic, once."""
        found = [payload for name, payload, _ in self.sent if name == topic]
        self.sent = [one for one in self.sent if one[0] != topic]
        return found

    def presence(self) -> list[Presence]:
        return [presences.decode(one) for one in self.take(TOPICS.state)]


@dataclass
class Refusing:
    """Takes commands, and counts what makes no sense."""

    commands: list[bytes] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def take(self, payload: bytes) -> None:
        self.commands.append(payload)

    def refuse_input(self, reason: str) -> None:
        self.refused.append(reason)


@dataclass
class Edge:
    """The edge's side, on a broker."""

    world: World
    journal: Journal
    card: Card = CARD
    steps: int = 0

    def __post_init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.broker, self.inbox = Broker(), Refusing()
        clock = Clock(loop.time, self.world.now, asyncio.sleep)
        self.layouts = Layouts(self.journal, [self.card])
        self.uplink = Uplink(
            self.journal,
            TOPICS.journal,
            self.broker.publish,
            loop.time,
            lambda: Stamp(self.world.now(), self.world.segment),
        )
        who = Who("edge", "1.0", TOPICS, lambda: self.steps)
        self.session = Session(
            who,
            self.journal,
            self.layouts,
            self.uplink,
            self.inbox,
            self.broker.publish,
            clock,
        )

    async def send(self) -> list[Any]:
        """Send all that may go out now, and give the batches."""
        while await self.uplink.step() == 0.0:
            pass
        return [batches.decode(one) for one in self.broker.take(TOPICS.journal)]

    async def hear(self, ack: Ack) -> None:
        await self.session.received(TOPICS.ack, encode(ack))

    async def during(self, seconds: float) -> None:
        """Let all parts run for a while."""
        parts = (self.journal.run(), self.uplink.run(), self.session.run())
        tasks = [asyncio.create_task(one) for one in parts]
        await asyncio.sleep(seconds)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def test_a_batch_says_whose_rows_it_has_and_in_which_clock(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        world.segment = "first"
        async with world.journal() as journal:
            journal.append([world.reading(20.0)])
            await settle(journal)
            world.segment = "second"
            journal.append([world.reading(21.0)])
        world.segment = "third"
        async with world.journal() as journal:
            edge = Edge(world, journal)
            journal.append([world.reading(22.0)])
            await settle(journal)
            edge.session.connected()
            await passes(1.0)
            found = await edge.send()
            told = [(one.life, one.since, one.first, one.clock, one.now, one.k) for one in found]
            assert told == [
                ("life-2", 3, 3, "third", "", 1),
                ("life-1", 1, 2, "second", "third", 2),
                ("life-1", 1, 1, "first", "third", 3),
            ]
            assert {one.session for one in found} == {"life-2"}
            assert {one.oldest for one in found} == {1}
            assert {one.sent for one in found} == {world.now()}
            assert {one.heard for one in found} == {None}
            first = found[0]
            await edge.hear(Ack(first.stream, ((3, 3),), "life-2", "life-2", 1, 0, 77_000_000))
            await passes(2.0)
            (again,) = [one for one in await edge.send() if one.life == "life-2"]
            assert again.heard == (77_000_000, 2_000_000)
            assert edge.uplink.heard.gateway_now() == 79_000_000

    play(story())


def test_nonsense_and_acks_of_others_are_counted_and_change_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            edge = Edge(world, journal)
            journal.append([world.reading(20.0)])
            await settle(journal)
            edge.session.connected()
            (batch,) = await edge.send()
            await edge.session.received(TOPICS.ack, b"{")
            await edge.hear(Ack(batch.stream, ((5, 2),)))
            assert len(edge.inbox.refused) == 2
            await edge.hear(Ack("another", ((1, 1),), "life-1", "life-1", 1))
            await edge.hear(Ack(batch.stream, ((1, 1),), "life-1", "another", 1))
            assert edge.uplink.ignored == 2
            await edge.session.received(TOPICS.command, b"anything")
            assert edge.inbox.commands == [b"anything"]
            assert [tuple(one) for one in journal.tracks()[0].held] == [(1, 1)]

    play(story())


def test_a_refused_life_gets_numbers_of_its_own_and_says_what_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal.append([world.reading(20.0), world.reading(21.0)])
        async with world.journal() as journal:
            edge = Edge(world, journal)
            journal.append([world.reading(22.0)])
            await settle(journal)
            edge.session.connected()
            found = await edge.send()
            stream = found[0].stream
            await edge.hear(Ack(stream, (), "life-2", "life-2", 1, refused=3))
            await settle(journal)
            tracks = {(one.use, one.life): list(one.held) for one in journal.tracks()}
            assert tracks == {("draining", "life-1"): [(1, 2)], ("own", "life-2"): [(1, 2)]}
            await passes(10.0)
            own = next(one for one in await edge.send() if one.stream != stream)
            assert own.origins == ((stream, "life-2"),)
            assert own.was == ((1, 0, 3),)
            # The new stream was born in this life: nobody else can have its numbers.
            await edge.hear(Ack(own.stream, (), "life-2", "life-2", own.k, refused=1))
            await settle(journal)
            assert own.stream in {one.stream for one in journal.tracks() if one.current}

    play(story())


def test_presence_is_told_within_two_seconds_of_a_change(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            edge = Edge(world, journal)
            await edge.session.greet()
            (first,) = edge.broker.presence()
            (own,) = journal.tracks()
            assert (first.online, first.session, first.journal) == (True, "life-1", "ok")
            assert [(one.stream, one.use) for one in first.streams] == [(own.stream, "own")]
            edge.session.connected()
            await edge.during(20.0)
            assert edge.broker.presence() == []
            edge.steps = 1
            await edge.during(2.0)
            (told,) = edge.broker.presence()
            assert told.steps == 1
            await edge.during(31.0)
            assert len(edge.broker.presence()) == 1
            await edge.session.leave()
            (last,) = edge.broker.presence()
            assert not last.online

    play(story())


def test_cards_repeat_a_layout_while_a_record_that_names_it_is_held(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            Layouts(journal, [CARD])
            journal.append([world.reading(20.0)])
        today = Layout("air", (Column("temperature", 2),))
        card = msgspec.structs.replace(CARD, layouts=(today,))
        async with world.journal() as journal:
            edge = Edge(world, journal, card)
            await settle(journal)
            await edge.session.greet()
            (shown,) = [cards.decode(one) for one in edge.broker.take(TOPICS.card + "d1")]
            assert shown.layouts == (today, LAYOUT)
            edge.session.connected()
            (batch,) = await edge.send()
            journal.named(batch.stream, Ranges(), Ranges([(1, 1)]))
            await edge.during(5.0)
            (shown,) = [cards.decode(one) for one in edge.broker.take(TOPICS.card + "d1")]
            assert shown.layouts == (today,)
        async with world.journal() as journal:
            assert [one.layouts for one in Layouts(journal, [card]).cards()] == [(today,)]

    play(story())


def test_cards_come_again_while_the_gateway_takes_not_all_of_a_batch(tmp_path: Path) -> None:
    # A sample whose layout has not come is not taken; a broker may have dropped the card.
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            edge = Edge(world, journal)
            edge.session.connected()
            journal.append([world.reading(20.0)])
            await edge.during(40.0)
            assert edge.broker.take(TOPICS.card + "d1") == []
            running = asyncio.create_task(edge.during(33.0), name="edge")
            while not running.done():
                await passes(0.1)
                for one in edge.broker.take(TOPICS.journal):
                    batch = batches.decode(one)
                    await edge.hear(Ack(batch.stream, (), batch.life, batch.session, batch.k))
            (card,) = edge.broker.take(TOPICS.card + "d1")
            assert cards.decode(card).layouts == (LAYOUT,)

    play(story())


def test_live_data_is_there_at_once_beside_a_long_backlog(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            for _ in range(100):
                journal.append([world.reading(n / 10) for n in range(1, 101)])
                await settle(journal)
        async with world.journal() as journal:
            edge = Edge(world, journal)
            loop = asyncio.get_running_loop()
            await edge.session.greet()
            edge.session.connected()

            begun, stored = loop.time(), dict[str, Ranges]()
            live, drained = [], []

            async def gateway() -> None:
                """Answer each batch after 50 ms; note when what came."""
                while True:
                    await passes(0.05)
                    for payload in edge.broker.take(TOPICS.journal):
                        batch = batches.decode(payload)
                        got = (batch.first, batch.first + len(batch.records) - 1)
                        stored[batch.life] = stored.get(batch.life, Ranges()).union([got])
                        named = tuple((one.first, one.last) for one in stored[batch.life])
                        ack = Ack(batch.stream, named, batch.life, batch.session, batch.k)
                        await edge.hear(ack)
                        if batch.life == "life-2":
                            live.append(loop.time() - begun)
                        if sum(one.size for one in stored.values()) == 10_001:
                            drained.append(loop.time() - begun)

            answering = asyncio.create_task(gateway())
            journal.append([world.reading(1.0)])
            await edge.during(10.0)
            answering.cancel()
            await asyncio.wait([answering])
            assert live[0] <= 0.1
            assert drained[0] <= 1.0
            await settle(journal)
            assert not any(len(one.held) for one in journal.tracks())

    play(story())


def test_the_largest_batch_fits_its_message() -> None:
    body = encode(Layout("x", (Column("y"),)))
    was = tuple(Was(f"{n:020d}", f"{n:020d}", 2**53 - n) for n in range(MOST_ORIGINS * 3, 0, -1))
    rows = tuple(
        Row(1, "segment", None, urgent=True, body=body, was=was[n * 7 : n * 7 + MOST_WAS])
        for n in range(200)
    )
    piece = fitting(Piece("stream", "life", 1, 2**52, rows))
    assert 0 < len(piece.rows) < len(rows)
    batch = batch_of(piece, 1, Sender("session", 2**52, Stamp(2**61, "segment"), (2**61, 2**61)))
    assert len(encode(batch)) < LARGEST_MESSAGE
    assert batches.decode(encode(batch)).was == batch.was
    assert piece.last == 2**52 + 199
    row = Row(1, "s", None, urgent=True, body=b'"' + b"x" * 899_000 + b'"')
    batch = batch_of(piece._replace(rows=(row,)), 1, Sender("s", 1, Stamp(1, "s"), None))
    assert decode_received(batches.decode(encode(batch)))
    assert Limits(1, 1)
