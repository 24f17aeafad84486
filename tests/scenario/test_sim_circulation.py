"""The counter side on real wires: TCP and pseudo-terminals, with a kiosk made for the test."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path
from random import Random
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import serial

from config.links import SerialReader, Sip2
from config.loader import load_site
from contracts.instants import Instant
from simulators.activity import Activity
from simulators.errors import SimulatorError
from simulators.faults import Faults, What
from simulators.ground_truth import Ledger
from simulators.library_system.collection import Collection, found_library
from simulators.library_system.messages import checksum, seal
from simulators.library_system.server import Sip2Server
from simulators.readers.self_check import Circulation, Surroundings, assemble
from simulators.readers.stack_requests import StacksRequests, post
from simulators.rfid.feig_frames import crc
from simulators.rfid.feig_reader import FeigReader
from simulators.rfid.pad import Pad
from simulators.rfid.tags import OBJECTS_DSFID, Tag, Usage, objects, tag
from tests.conftest import ROOT, play

T0: Instant = 1_795_233_600_000_000  # 2026-11-21 12:00 in Hangzhou
DATE = "20261121    120000"
ZONE = ZoneInfo("Asia/Shanghai")


class Rows(list[dict[str, Any]]):
    """A ledger in memory; `two` is set when it has two rows."""

    def __init__(self) -> None:
        super().__init__()
        self.two = asyncio.Event()

    def __call__(self, kind: str, **fields: Any) -> None:
        self.append({"kind": kind, **fields})
        if len(self) == 2:
            self.two.set()


class Wrong:
    """One fault on everything."""

    def __init__(self, what: str, value: float | None = None) -> None:
        self.what = what
        self.value = value

    def on(self, target: str) -> "Wrong":
        return self


@asynccontextmanager
async def running(part: Callable[[], Awaitable[None]], name: str) -> AsyncIterator[None]:
    task = asyncio.ensure_future(part())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


# --- the library system -----------------------------------------------------------------------


def library(wire: dict[str, str] | None = None, **more: Any) -> Sip2Server:
    link = Sip2.model_validate(
        {
            "kind": "sip2",
            "id": "library-system",
            "host": "127.0.0.1",
            "devices": [{"id": "ils", "model": "sip2", "institution": "ZJLIB"}],
            **(wire or {}),
        }
    )
    collection = found_library(Random(3), _noon())
    return Sip2Server(link, collection, Rows(), lambda: T0, ZONE, latency=0.0, **more)


def _noon() -> datetime:
    return datetime(2026, 11, 21, 12, tzinfo=ZONE)


@asynccontextmanager
async def opened(server: Sip2Server) -> AsyncIterator[Sip2Server]:
    async with running(lambda: server.run(port=0), "server"):
        await server.listening.wait()
        yield server


def free_book(collection: Collection) -> str:
    return next(
        one.barcode
        for one in collection.items.values()
        if one.home == "open" and one.barcode not in collection.loans
    )


def checkout(collection: Collection, item: str, digit: int) -> bytes:
    card = next(one.card for one in collection.patrons.values() if not one.blocked)
    body = f"11NN{DATE}{DATE}AOZJLIB|AA{card}|AB{item}|AC|"
    return seal(body.encode(), str(digit)) + b"\r"


async def ask(server: Sip2Server, *messages: bytes, pace: float | None = None) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    stream = b"".join(messages)
    pieces = [stream] if pace is None else [bytes([byte]) for byte in stream]
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        if pace is not None:
            await asyncio.sleep(pace)
    try:
        answers = [await reader.readuntil(b"\r") for _ in messages]
    finally:
        writer.close()
        await writer.wait_closed()
    return [answer[:-1] for answer in answers]


def test_a_message_may_come_byte_by_byte_and_several_in_one_segment() -> None:
    async def story() -> None:
        async with opened(library()) as server:
            item = free_book(server.collection)
            slowly = await ask(server, checkout(server.collection, item, 1), pace=0)
            assert slowly[0].startswith(b"121NNY")
            status, item_status = await ask(
                server,
                seal(b"9900802.00", "0") + b"\r",
                seal(f"17{DATE}AOZJLIB|AB{item}|".encode(), "1") + b"\r",
            )
            assert status.startswith(b"98Y")
            assert item_status.startswith(b"1804")
            assert list(cast("Rows", server.ledger)) == [
                {
                    "kind": "loan",
                    "action": "checkout",
                    "item": item,
                    "patron": next(iter(server.collection.patrons)),
                    "ok": True,
                }
            ]

    play(story())


def test_terminator_and_encoding_are_the_sites() -> None:
    async def story() -> None:
        wire = {"encoding": "gb18030", "terminator": "CRLF"}
        async with opened(library(wire)) as server:
            item = free_book(server.collection)
            title = server.collection.items[item].title
            ask_title = seal(f"17{DATE}AOZJLIB|AB{item}|".encode(), "1") + b"\r\n"
            (answer, rest) = await ask(server, ask_title, ask_title)
            assert f"|AJ{title}|".encode("gb18030") in answer
            assert rest == b"\n" + answer

    play(story())


def test_two_kiosks_that_want_the_same_book_get_one_loan() -> None:
    async def story() -> None:
        async with opened(library()) as server:
            item = free_book(server.collection)
            message = checkout(server.collection, item, 1)
            answers = await asyncio.gather(*(ask(server, message) for _ in range(8)))
            assert sorted(one[0][:3] for one in answers) == [b"120"] * 7 + [b"121"]
            assert len(cast("Rows", server.ledger)) == 1

    play(story())


def test_a_wrong_checksum_and_a_cut_answer_are_what_they_say() -> None:
    async def story() -> None:
        async with opened(library(faults=Wrong("wrong-checksum"))) as server:
            (answer,) = await ask(server, seal(b"9900802.00", "4") + b"\r")
            assert answer[-4:].decode() != checksum(answer[:-4])
        async with opened(library(faults=Wrong("cut"))) as server:
            item = free_book(server.collection)
            with pytest.raises(asyncio.IncompleteReadError):
                await ask(server, checkout(server.collection, item, 1))
            assert item in server.collection.loans
        async with opened(library(faults=Wrong("offline"))) as server:
            (answer,) = await ask(server, checkout(server.collection, item, 1))
            assert answer.startswith(b"98N")

    play(story())


def test_a_silent_library_does_nothing() -> None:
    async def story() -> None:
        async with opened(library(faults=Wrong("silent"))) as server:
            item = free_book(server.collection)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await ask(server, checkout(server.collection, item, 1))
            assert item not in server.collection.loans

    play(story())


def test_a_half_open_connection_stays_dead_when_the_fault_is_over() -> None:
    async def story() -> None:
        wrong = Wrong("half-open")
        async with opened(library(faults=wrong)) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(seal(b"9900802.00", "4") + b"\r")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1)
            wrong.what = "none"
            writer.write(seal(b"9900802.00", "5") + b"\r")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.read(1)
            writer.close()
            await writer.wait_closed()
            (answer,) = await ask(server, seal(b"9900802.00", "4") + b"\r")
            assert answer.startswith(b"98Y")

    play(story())


def test_a_message_without_end_ends_its_connection_only() -> None:
    async def story() -> None:
        async with opened(library()) as server:
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(b"9" * 100_000)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            (answer,) = await ask(server, seal(b"9900802.00", "4") + b"\r")
            assert answer.startswith(b"98Y")

    play(story())


# --- the reader on its line ---------------------------------------------------------------------

INVENTORY = bytes.fromhex("07ffb001001c56")


def feig(port: Path, pad: Pad, **more: Any) -> FeigReader:
    link = SerialReader.model_validate(
        {
            "kind": "feig-serial",
            "id": "pad-line",
            "port": str(port),
            "devices": [{"id": "pad-1", "model": "feig-obid"}],
        }
    )
    return FeigReader(link, pad, latency=0.0, **more)


def book(serial_number: int = 1) -> Tag:
    content = objects(Usage.CIRCULATING, "3301000000001", "CN-330100-1-ZJLIB")
    return tag(serial_number, OBJECTS_DSFID, 0x07, content)


def converse(port: Path, *frames: bytes) -> list[bytes]:
    """Open the line as the factory sets it, ask, and close it again."""
    replies = []
    with serial.Serial(str(port), 38_400, parity=serial.PARITY_EVEN, timeout=0.5) as line:
        for frame in frames:
            line.write(frame)
            first = line.read(1)
            replies.append(first + line.read(first[0] - 1) if first else b"")
    return replies


def test_the_line_can_be_opened_closed_and_opened_again(tmp_path: Path) -> None:
    async def story() -> None:
        pad, port = Pad(), tmp_path / "run" / "pad-1"
        reader = feig(port, pad)
        async with running(reader.run, "reader"):
            await reader.listening.wait()
            assert await asyncio.to_thread(converse, port, INVENTORY) == [
                bytes.fromhex("0600b0015c63")
            ]
            pad.put([book()])
            (reply,) = await asyncio.to_thread(converse, port, INVENTORY)
            assert reply[3:6] == b"\x00\x01\x03"
            assert reply[7:15].hex().upper() == book().uid
        assert not port.is_symlink()

    play(story())


def test_damage_on_the_line_costs_one_frame_not_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        reader = feig(tmp_path / "pad-1", Pad())
        async with running(reader.run, "reader"):
            await reader.listening.wait()
            damaged = INVENTORY[:-1] + b"\x00"
            half = b"\x40\xff"
            replies = await asyncio.to_thread(
                converse, tmp_path / "pad-1", damaged, INVENTORY, half, INVENTORY
            )
            assert replies[0] == replies[2] == b""
            assert replies[1] == replies[3] == bytes.fromhex("0600b0015c63")

    play(story())


def test_a_tag_taken_away_in_the_middle_keeps_its_afi(tmp_path: Path) -> None:
    async def story() -> None:
        pad, one = Pad(), book()
        reader = feig(tmp_path / "pad-1", pad, faults=Wrong("removed"))
        pad.put([one])
        async with running(reader.run, "reader"):
            await reader.listening.wait()
            head = bytes([16, 0xFF, 0xB0, 0x27, 1]) + bytes.fromhex(one.uid) + b"\xc2"
            (reply,) = await asyncio.to_thread(converse, tmp_path / "pad-1", head + crc(head))
            assert reply[3] == 0x01
            assert one.afi == 0x07
            assert not pad.lying()

    play(story())


def test_a_real_device_or_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.write_text("mine")
    with pytest.raises(SimulatorError, match="give the reader another port"):
        play(feig(port, Pad()).run())
    assert port.read_text() == "mine"


# --- everybody ----------------------------------------------------------------------------------


class Kiosk:
    """A kiosk that trusts everybody: tells the library, then marks the tags."""

    def __init__(self, whole: Circulation) -> None:
        self.whole = whole
        self.pad = whole.patrons[0].pad
        holdings = whole.patrons[0].holdings
        self.books = {one.uid: barcode for barcode, one in holdings.books.items()}
        self.cards = {one.uid: card for card, one in holdings.cards.items()}
        self.done: list[str] = []

    async def run(self) -> None:
        while True:
            lying = list(self.pad.lying())
            cards = [self.cards[one.uid] for one in lying if one.uid in self.cards]
            for one in lying:
                if one.uid in self.books:
                    self.deal(one, cards)
            self.pad.touch()
            await asyncio.sleep(0.001)

    def deal(self, one: Tag, cards: list[str]) -> None:
        patrons, barcode = self.whole.patrons[0], self.books[one.uid]
        if cards and one.afi == patrons.secured:
            if self.whole.collection.lend(cards[0], barcode, _noon()).ok:
                one.afi = patrons.released
                self.done.append("out")
        elif not cards and one.afi == patrons.released:
            self.whole.collection.take_back(barcode)
            one.afi = patrons.secured
            self.done.append("in")


def example(tmp_path: Path) -> Surroundings:
    path = ROOT / "config" / "sites" / "zhijiang" / "site.yaml"
    site = load_site(path, {"WENLAN_PAD": str(tmp_path / "pad-1")}).site

    async def ask(_: object) -> int:
        return 0  # nobody answers

    return Surroundings(site, Rows(), lambda: T0, ask=ask)


def test_a_minute_of_readers_borrows_and_returns(tmp_path: Path) -> None:
    async def story() -> None:
        world = example(tmp_path)
        whole = assemble(world)
        (patrons,) = whole.patrons
        slept, over = 0.0, asyncio.Event()

        async def hurry(seconds: float) -> None:
            nonlocal slept
            slept += seconds
            await asyncio.sleep(0.004)
            if slept > 60:
                over.set()
                await asyncio.get_running_loop().create_future()

        patrons.sleep = hurry
        kiosk = Kiosk(whole)
        async with running(patrons.run, "patrons"), running(kiosk.run, "kiosk"):
            await over.wait()
        assert kiosk.done[0] == "out"
        assert kiosk.done.count("out") >= 5
        assert kiosk.done.count("in") >= 1
        assert not world.activity.names() or patrons.pad.lying()

    play(story())


def test_by_order_whoever_comes_has_a_card_that_is_blocked(tmp_path: Path) -> None:
    async def story() -> None:
        with Ledger(tmp_path / "ledger.jsonl", lambda: T0) as ledger:
            await ordered(Faults(ledger, lambda: T0))

    async def ordered(faults: Faults) -> None:
        world = example(tmp_path)
        (kiosk,) = (kiosk.id for edge in world.site.edges for kiosk in edge.kiosks)
        faults.admit(kiosk, {What.BLOCKED_CARD})
        world.faults = faults
        whole = assemble(world)
        (patrons,) = whole.patrons
        laid: list[list[str]] = []

        async def watch(seconds: float) -> None:
            await asyncio.sleep(0)

        patrons.sleep = watch
        put = patrons.pad.put

        def noted(tags: Sequence[Tag]) -> None:
            cards = [card for card, tag in patrons.holdings.cards.items() if tag in tags]
            laid.append(cards)
            put(tags)
            # The reader sees at once that nothing comes of it.
            if tags:
                raise TimeoutError

        patrons.pad.put = noted  # type: ignore[method-assign]
        for blocked in (False, True, True, False):
            faults.clear(kiosk)
            if blocked:
                faults.begin(kiosk, "blocked-card")
            patrons.visits = 0
            with suppress(TimeoutError):
                await patrons._visit()
            (card,) = laid[-1]
            assert bool(whole.collection.patrons[card].blocked) is blocked

    play(story())


def test_nobody_comes_to_a_closed_library(tmp_path: Path) -> None:
    async def story() -> None:
        world = example(tmp_path)
        world.busyness = lambda: 0.0
        (patrons,) = assemble(world).patrons
        patrons.sleep = lambda _: asyncio.sleep(0)
        async with running(patrons.run, "patrons"):
            await asyncio.sleep(0.05)
        assert patrons.visits == 0

    play(story())


def test_a_book_is_asked_for_until_the_gateway_is_there() -> None:
    async def story() -> None:
        bodies: list[dict[str, Any]] = []
        statuses = iter([503, 202, 202])

        async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            bodies.append(json.loads(await reader.readexactly(length)))
            status = next(statuses)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(gateway, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        rows = Rows()
        collection = found_library(Random(3), _noon())
        requests = StacksRequests(
            lambda request: asyncio.to_thread(post, f"http://127.0.0.1:{port}", request),
            "robot-1",
            "stacks-desk",
            "hall-desk",
            collection,
            Random(1),
            lambda: 1.0,
            Activity(),
            rows,
            sleep=lambda _: asyncio.sleep(0.001),
        )
        async with running(requests.run, "requests"):
            await rows.two.wait()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)
        assert bodies[0] == bodies[1]
        assert bodies[0]["action"] == "deliver"
        assert bodies[0]["arguments"]["origin"] == "stacks-desk"
        assert collection.items[bodies[0]["arguments"]["item"]].home == "stacks"
        assert rows[0]["item"] != rows[1]["item"]

    play(story())
