"""The whole kiosk on real wires: a PTY, a TCP connection, a journal on disk."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from config.base import Name
from config.links import SerialReader, TagReaderDevice
from config.site import Kiosk
from contracts.records import LoanChanged, LoanStep
from drivers.devices.feig_reader import FeigReader
from drivers.devices.sip2_system import Sip2Circulation
from drivers.links.serial_line import SerialLine
from drivers.links.sip2_tcp import Sip2Connection
from drivers.protocols.rfid import feig
from edge.kiosk.kiosk import SelfCheck
from edge.kiosk.patron_key import patron_key
from runtime.folder import SystemFolder
from runtime.host import Host, system_host
from tests.conftest import play
from tests.scenario.pad_line import (
    BLOCKS,
    INVENTORY,
    NOBODY,
    OK,
    ONE_TAG,
    READ_8,
    RELEASE,
    SECURE,
    SYSTEM,
    TWO_TAGS,
    UID,
    PadLine,
    at_the_far_end,
)
from tests.scenario.real_journal import recorded
from tests.scenario.sip2_quirks import QuirkyServer, serving, settings
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.faulty_host import Troubles, faulty_host

BOOK, CARD, CARD_UID = "1000000056", "reader-1", "E0040150AABBCCDD"
KIOSK = Kiosk(
    id="kiosk-1", name=Name(en="Kiosk", zh="机"), space="lobby", reader="pad", library="ils"
)
ENDS = (LoanStep.CLOSED, LoanStep.REFUSED, LoanStep.STAFF)


def framed(text: str) -> bytes:
    head = bytes.fromhex(text)
    return head + feig.crc16(head).to_bytes(2, "little")


def system(uid: str, afi: str) -> bytes:
    return framed(f"13 00 b0 00 3e {uid} {afi} 07 03 01")


def card_blocks() -> bytes:
    """A patron card: the vector of ISO 28560-3 with usage 8 and another number."""
    memory = bytearray(bytes.fromhex("180101") + CARD.encode().ljust(16, b"\0") + bytes(13))
    crc = 0xFFFF
    for byte in memory[:19] + memory[21:] + b"\0\0":
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    memory[19:21] = crc.to_bytes(2, "little")
    blocks = "".join("00" + memory[at : at + 4][::-1].hex() for at in range(0, 32, 4))
    return framed("30 00 b0 00 08 04" + blocks)


class Shelf(PadLine):
    """A pad on which a book lies, with a card or alone; remembers its AFI."""

    def __init__(self, *, card: bool) -> None:
        super().__init__()
        ask_card = framed(f"0f ff b0 2b 01 {CARD_UID}")
        read_card = framed(f"11 ff b0 23 01 {CARD_UID} 00 08")
        self.answers = {
            INVENTORY: [TWO_TAGS if card else ONE_TAG],
            SYSTEM: [system(UID, "07" if card else "c2")],
            READ_8: [BLOCKS],
            ask_card: [system(CARD_UID, "00")],
            read_card: [card_blocks()],
            RELEASE: [OK],
            SECURE: [OK],
        }

    def _answer(self, master: int, request: bytes) -> None:
        super()._answer(master, request)
        if request in (RELEASE, SECURE):
            self.answers[SYSTEM] = [system(UID, "c2" if request == RELEASE else "07")]

    @property
    def afi(self) -> int:
        return self.answers[SYSTEM][0][13]


async def serve(
    folder: Path,
    shelf: Shelf,
    server: QuirkyServer,
    done: Callable[[list[LoanChanged]], bool],
    host: Host | None = None,
) -> list[LoanChanged]:
    """Run a kiosk until its journal satisfies `done`; give the steps of its loans."""
    pad = TagReaderDevice(id="pad", model="feig-obid")
    wait = timedelta(milliseconds=200)
    host = host or system_host()
    line = SerialLine(
        SerialReader(kind="feig-serial", id="line", port=shelf.port, timeout=wait, devices=(pad,)),
        host,
    )
    config = settings(server.port)
    library = Sip2Connection(config, host)
    async with recorded(folder, host) as journal:
        clock = journal.clock
        kiosk = SelfCheck(
            KIOSK,
            FeigReader("pad", pad.address, line),
            Sip2Circulation(config.devices[0], library, config.obey_status_flags, clock),
            pad,
            journal,
            clock,
            host.random,
            patron_key(host.folder(folder), host.secret),
        )
        task = asyncio.create_task(kiosk.run(), name="kiosk")
        try:
            async with asyncio.timeout(8):
                while not done(steps := journal.of(LoanChanged)):
                    assert not task.done()
                    await asyncio.sleep(0.05)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await library.aclose()
            await line.aclose()
        return steps


async def until(condition: Callable[[], bool]) -> None:
    while True:
        if condition():
            return
        await asyncio.sleep(0.005)


def settled(steps: list[LoanChanged]) -> bool:
    return bool(steps) and steps[-1].step in ENDS


def test_a_book_is_lent(tmp_path: Path) -> None:
    shelf, server = Shelf(card=True), QuirkyServer()

    async def story() -> list[LoanChanged]:
        async with serving(server):
            return await serve(tmp_path, shelf, server, settled)

    with at_the_far_end(shelf):
        steps = play(story())
    assert [one.step for one in steps] == ["intent", "granted", "closed"]
    assert steps[-1].title == "A title"
    assert server.holders == {BOOK: CARD}
    assert shelf.afi == 0xC2
    assert CARD not in repr(steps)


def test_a_sick_disk_and_no_gateway_lend_nothing_and_say_so(tmp_path: Path) -> None:
    shelf, server = Shelf(card=True), QuirkyServer()
    troubles = Troubles()
    host, layer = faulty_host(lambda: troubles)

    def settled_while_sick(steps: list[LoanChanged]) -> bool:
        troubles.disk = Faults(write_error=1.0, sync_error=1.0)
        return settled(steps)

    async def story() -> list[LoanChanged]:
        async with serving(server):
            return await serve(tmp_path, shelf, server, settled_while_sick, host)

    with at_the_far_end(shelf):
        steps = play(story())
    assert [one.step for one in steps] == ["intent", "refused"]
    assert "not now, nothing was done" in steps[-1].reason
    assert server.holders == {}
    del layer


def test_a_book_is_taken_back(tmp_path: Path) -> None:
    shelf, server = Shelf(card=False), QuirkyServer(holders={BOOK: CARD})

    async def story() -> list[LoanChanged]:
        async with serving(server):
            return await serve(tmp_path, shelf, server, settled)

    with at_the_far_end(shelf):
        steps = play(story())
    assert [one.step for one in steps] == ["intent", "granted", "closed"]
    assert server.holders == {}
    assert shelf.afi == 0x07


@pytest.mark.parametrize("requests", range(7))
def test_the_connection_is_cut_after_any_message(tmp_path: Path, requests: int) -> None:
    """Login, status, patron, checkout: whichever is cut, the loan ends once and truly."""
    shelf, server = Shelf(card=True), QuirkyServer()
    server.quirks.hangs_up_after = requests

    async def story() -> list[LoanChanged]:
        async def back() -> None:
            await until(lambda: not server.quirks.hangs_up_after)
            await asyncio.sleep(0.1)
            server.quirks.hangs_up_after = 10**9

        async with serving(server), asyncio.TaskGroup() as group:
            group.create_task(back(), name="back")
            steps = await serve(tmp_path, shelf, server, settled)
            server.quirks.hangs_up_after = 0
            return steps

    with at_the_far_end(shelf):
        steps = play(story())
    assert sum(one.step in ENDS for one in steps) == 1
    if steps[-1].step == LoanStep.CLOSED:
        assert server.holders == {BOOK: CARD}
        assert shelf.afi == 0xC2
    else:
        assert steps[-1].step == LoanStep.STAFF
        assert shelf.afi == 0x07


def test_a_loan_cut_off_by_a_restart_is_settled_by_the_next_process(tmp_path: Path) -> None:
    shelf, server = Shelf(card=True), QuirkyServer()
    server.quirks.swallows = 10**9

    async def story() -> list[LoanChanged]:
        async with serving(server):

            def asked(steps: list[LoanChanged]) -> bool:
                return bool(steps)

            server.quirks.swallows = 0
            first = asyncio.create_task(serve(tmp_path, shelf, server, asked), name="first")
            await until(lambda: any(line.startswith("63") for line in server.heard))
            server.quirks.swallows = 10**9  # carried out, never answered
            await first
            server.quirks.swallows = 0
            return await serve(tmp_path, shelf, server, settled)

    with at_the_far_end(shelf):
        steps = play(story())
    assert len({one.loan for one in steps}) == 1
    assert sum(one.step in ENDS for one in steps) == 1
    closed = steps[-1].step == LoanStep.CLOSED
    assert (shelf.afi == 0xC2) == closed
    assert (server.holders == {BOOK: CARD}) or not closed


def test_the_key_is_kept_and_closed_to_others(tmp_path: Path) -> None:
    folder, secrets = SystemFolder(tmp_path), iter([b"a" * 32, b"b" * 32])
    key = patron_key(folder, lambda _: next(secrets))
    assert patron_key(folder, lambda _: next(secrets)) == key == b"a" * 32
    (path,) = tmp_path.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"short")
    with pytest.raises(ValueError, match="5 bytes"):
        patron_key(folder, lambda _: next(secrets))


def test_an_empty_pad_stays_quiet(tmp_path: Path) -> None:
    shelf, server = Shelf(card=True), QuirkyServer()
    shelf.answers[INVENTORY] = [NOBODY]

    async def story() -> list[LoanChanged]:
        async with serving(server):
            until = asyncio.get_running_loop().time() + 1

            def over(_: list[LoanChanged]) -> bool:
                return asyncio.get_running_loop().time() > until

            return await serve(tmp_path, shelf, server, over)

    with at_the_far_end(shelf):
        assert play(story()) == []
    assert 3 <= len(shelf.heard) <= 5
