"""The FEIG driver over a real serial line (a PTY), against literal frames."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from config.links import SerialReader, TagReaderDevice
from drivers.capabilities import TagReader
from drivers.devices.feig_reader import SPEC, FeigReader
from drivers.errors import BadReplyError, LinkDownError, RefusedError
from drivers.links.serial_line import SerialLine
from drivers.protocols.rfid import feig, iso28560
from runtime.host import system_host
from tests.conftest import play
from tests.polled import leaping_clock
from tests.scenario.pad_line import (
    AT_HOME,
    BLOCKS,
    INVENTORY,
    MISSING_BLOCK,
    MORE,
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


def framed(text: str) -> bytes:
    """Give a reader's answer with a CRC that fits."""
    head = bytes.fromhex(text)
    return head + feig.crc16(head).to_bytes(2, "little")


LENT = framed("13 00 b0 00 3e e0 04 01 00 12 34 56 78 c2 1b 03 01")
SMALL = framed("13 00 b0 00 3e e0 04 01 00 12 34 56 78 07 07 03 01")
NO_SYSTEM = framed("07 00 b0 95 01")


def settings(port: str) -> SerialReader:
    pad = TagReaderDevice(id="pad", model="feig-obid")
    wait = timedelta(seconds=0.15)
    return SerialReader(kind="feig-serial", id="line", port=port, timeout=wait, devices=(pad,))


def tell(line: PadLine, story: Callable[[FeigReader], Awaitable[None]]) -> PadLine:
    async def told() -> None:
        link = SerialLine(settings(line.port), system_host())
        reader = SPEC.build(link._config.devices[0], link, leaping_clock(1))
        assert isinstance(reader, FeigReader)
        assert isinstance(reader, TagReader)
        try:
            await story(reader)
        finally:
            await link.aclose()

    with at_the_far_end(line):
        play(told())
    return line


def test_a_tag_is_found_read_and_its_afi_written() -> None:
    async def story(reader: FeigReader) -> None:
        assert [tag.uid for tag in await reader.inventory()] == [UID]
        content = iso28560.decode(await reader.read(UID), 0x3E)
        assert (content.item, content.owner) == ("1000000056", "DK-718500")
        assert await reader.read_afi(UID) == 0x07
        await reader.write_afi(UID, 0xC2)
        await reader.write_afi(UID, 0x07)

    line = tell(
        PadLine(
            {
                INVENTORY: [ONE_TAG],
                SYSTEM: [SMALL, AT_HOME, LENT, AT_HOME],
                READ_8: [BLOCKS],
                RELEASE: [OK],
                SECURE: [OK],
            },
            pieces=True,
        ),
        story,
    )
    assert line.heard == [
        INVENTORY,
        SYSTEM,
        READ_8,
        SYSTEM,
        RELEASE,
        SYSTEM,
        SECURE,
        SYSTEM,
    ]


def test_an_empty_pad_and_many_tags() -> None:
    more = framed("11 00 b0 94 01 03 3e e0 04 01 00 12 34 56 78")

    async def story(reader: FeigReader) -> None:
        assert await reader.inventory() == []
        tags = await reader.inventory()
        assert [(tag.uid, tag.dsfid) for tag in tags] == [
            (UID, 0x3E),
            ("E0040150AABBCCDD", 0x06),
        ]

    line = tell(PadLine({INVENTORY: [NOBODY, more], MORE: [TWO_TAGS]}), story)
    assert line.heard == [INVENTORY, INVENTORY, MORE]


def test_endless_more_data_ends() -> None:
    more = framed("11 00 b0 94 01 03 3e e0 04 01 00 12 34 56 78")

    async def story(reader: FeigReader) -> None:
        assert len(await reader.inventory()) == 1

    assert len(tell(PadLine({INVENTORY: [more], MORE: [more]}), story).heard) == 8


def test_noise_before_an_answer_is_skipped() -> None:
    async def story(reader: FeigReader) -> None:
        for _ in range(3):
            assert len(await reader.inventory()) == 2

    tell(PadLine({INVENTORY: [TWO_TAGS]}, noise=b"\xff\x00\x11\x02\x00"), story)


def test_a_chip_that_does_not_tell_its_size_is_read_as_the_smallest() -> None:
    async def story(reader: FeigReader) -> None:
        assert len(await reader.read(UID)) == 32
        with pytest.raises(RefusedError, match="does not tell its AFI"):
            await reader.read_afi(UID)

    tell(PadLine({SYSTEM: [NO_SYSTEM], READ_8: [BLOCKS]}), story)


def test_errors_are_sorted_by_what_the_caller_may_do() -> None:
    async def story(reader: FeigReader) -> None:
        with pytest.raises(RefusedError, match="no such block"):
            await reader.read(UID)
        with pytest.raises(BadReplyError, match="reads AFI 0x07 after 0xc2"):
            await reader.write_afi(UID, 0xC2)
        with pytest.raises(BadReplyError, match="no tag answers"):
            await reader.write_afi(UID, 0x07)
        with pytest.raises(LinkDownError, match="no answer"):
            await reader.inventory()

    tell(
        PadLine(
            {
                SYSTEM: [SMALL, AT_HOME],
                READ_8: [MISSING_BLOCK],
                RELEASE: [OK],
                SECURE: [NOBODY],
            }
        ),
        story,
    )


def test_a_damaged_frame_is_a_bad_reply_and_the_next_is_read() -> None:
    damaged = bytearray(ONE_TAG)
    damaged[8] ^= 1

    async def story(reader: FeigReader) -> None:
        with pytest.raises(BadReplyError, match="no sound frame"):
            await reader.inventory()
        assert len(await reader.inventory()) == 1

    tell(PadLine({INVENTORY: [bytes(damaged), ONE_TAG]}), story)


def test_a_late_answer_is_not_taken_for_the_next() -> None:
    line = PadLine({INVENTORY: [ONE_TAG, TWO_TAGS], SYSTEM: [AT_HOME]}, late=0.2)

    async def story(reader: FeigReader) -> None:
        with pytest.raises(LinkDownError):
            await reader.inventory()
        await asyncio.sleep(0.1)
        assert len(await reader.inventory()) == 2

    tell(line, story)


def test_a_port_that_is_not_there_and_comes_later(tmp_path: Path) -> None:
    port = tmp_path / "ttyPad"
    line = PadLine({INVENTORY: [ONE_TAG]})

    async def story() -> None:
        link = SerialLine(settings(str(port)), system_host())
        reader = FeigReader("pad", 0xFF, link)
        with pytest.raises(LinkDownError, match="ttyPad"):
            await reader.inventory()
        for _ in range(2):  # plugged in, pulled out, and plugged in again as another device
            with at_the_far_end(line):
                port.unlink(missing_ok=True)
                port.symlink_to(line.port)
                assert len(await reader.inventory()) == 1
            with pytest.raises(LinkDownError):
                await reader.inventory()
        await link.aclose()

    play(story())


def test_a_cancelled_exchange_does_not_disturb_the_next() -> None:
    async def story(reader: FeigReader) -> None:
        assert len(await reader.inventory()) == 2
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await reader.read_afi(UID)
        assert len(await reader.inventory()) == 2

    tell(PadLine({INVENTORY: [TWO_TAGS]}), story)


def test_a_tag_is_written_and_read_back() -> None:
    write = bytes.fromhex(
        "32 ff b0 24 01 e0 04 01 00 12 34 56 78 00 08 04 31 01 01 11 30 30 30 30 35 30 30 30"
        " 00 00 00 36 98 00 00 00 37 4b 44 a4 30 35 38 31 00 00 00 30 fc 3d"
    )
    memory = bytes.fromhex("1101013130303030303030353600000000000098a4444b373138353030000000")

    async def story(reader: FeigReader) -> None:
        await reader.write(UID, 0, memory)
        with pytest.raises(ValueError, match="whole blocks"):
            await reader.write(UID, 0, memory[:-1])

    tell(PadLine({SYSTEM: [SMALL], write: [OK], READ_8: [BLOCKS]}), story)
