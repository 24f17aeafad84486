"""The simulated FEIG reader against the frames of the reference, and against nonsense."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.rfid.feig_frames import Reader, Splitter, crc, seal
from simulators.rfid.tags import FIXED_DSFID, Tag, Usage, fixed_block

FIRST = "E004010012345678"
SECOND = "E0040150AABBCCDD"
UID = bytes.fromhex(FIRST)


def tag(uid: str = FIRST, afi: int = 0x07) -> Tag:
    content = fixed_block(Usage.CIRCULATING, "1000000056", "DK-718500")[:32]
    return Tag(uid, FIXED_DSFID, afi, bytearray(content.ljust(112, b"\0")))


def ask(frame: str, *tags: Tag) -> str | None:
    reply = Reader(lambda: tags).answer(bytes.fromhex(frame))
    return None if reply is None else reply.hex(" ")


INVENTORY = "07 ff b0 01 00 1c 56"
READ = "11 ff b0 23 01 e0 04 01 00 12 34 56 78 00 08 07 d6"
WRITE = (
    "32 ff b0 24 01 e0 04 01 00 12 34 56 78 00 08 04 31 01 01 11 30 30 30 30 35 30 30 30"
    " 00 00 00 36 98 00 00 00 37 4b 44 a4 30 35 38 31 00 00 00 30 fc 3d"
)
AFI_07 = "10 ff b0 27 01 e0 04 01 00 12 34 56 78 07 d8 de"
AFI_C2 = "10 ff b0 27 01 e0 04 01 00 12 34 56 78 c2 79 4f"
DSFID_3E = "10 ff b0 29 01 e0 04 01 00 12 34 56 78 3e 47 3b"
SYSTEM = "0f ff b0 2b 01 e0 04 01 00 12 34 56 78 11 a3"
ONE = "11 00 b0 00 01 03 3e e0 04 01 00 12 34 56 78 a0 e6"
TWO = "1b 00 b0 00 02 03 3e e0 04 01 00 12 34 56 78 03 06 e0 04 01 50 aa bb cc dd f4 68"
BLOCKS = (
    "30 00 b0 00 08 04 00 31 01 01 11 00 30 30 30 30 00 35 30 30 30 00 00 00 00 36 00 98 00 00"
    " 00 00 37 4b 44 a4 00 30 35 38 31 00 00 00 00 30 a4 39"
)


def test_no_tag_one_tag_and_two_tags_are_listed_as_in_the_reference() -> None:
    second = tag(SECOND)
    second.dsfid = 0x06
    assert ask(INVENTORY) == "06 00 b0 01 5c 63"
    assert ask(INVENTORY, tag()) == ONE
    assert ask(INVENTORY, tag(), second) == TWO


def test_memory_is_read_last_byte_first_as_in_the_reference() -> None:
    assert ask(READ, tag()) == BLOCKS


def test_system_information_is_that_of_the_reference() -> None:
    assert ask(SYSTEM, tag()) == "13 00 b0 00 3e e0 04 01 00 12 34 56 78 07 1b 03 01 5f 9e"


def test_what_is_written_is_there_afterwards() -> None:
    blank = Tag(FIRST, 0, 0, bytearray(112))
    assert ask(WRITE, blank) == "06 00 b0 00 d5 72"
    assert ask(DSFID_3E, blank) == "06 00 b0 00 d5 72"
    assert ask(AFI_07, blank) == "06 00 b0 00 d5 72"
    assert blank == tag()
    assert ask(AFI_C2, blank) == "06 00 b0 00 d5 72"
    assert blank.afi == 0xC2


def test_a_block_that_is_not_there_is_an_error_of_the_tag() -> None:
    frame = seal(0xFF, 0xB0, bytes([0x23, 1, *UID, 26, 4]))
    assert ask(frame.hex(), tag()) == "07 00 b0 95 10 72 fd"


def test_a_locked_afi_stays_as_it_is() -> None:
    locked = tag()
    locked.afi_locked = True
    answer = ask(AFI_C2, locked)
    assert answer is not None
    assert answer.startswith("07 00 b0 95 12")
    assert locked.afi == 0x07


def test_a_tag_that_is_not_there_is_no_transponder() -> None:
    for frame in (READ, AFI_C2, SYSTEM):
        assert ask(frame, tag(SECOND)) == "06 00 b0 01 5c 63"


def test_more_tags_than_fit_come_in_several_replies_each_once() -> None:
    tags = [tag(f"E00401{n:010X}") for n in range(11)]
    reader = Reader(lambda: tags)
    listed: list[str] = []
    frame = bytes.fromhex(INVENTORY)
    for _ in range(10):
        reply = reader.answer(frame)
        assert reply is not None
        assert len(reply) == 7 + 10 * reply[4]
        listed += [reply[7 + 10 * n : 15 + 10 * n].hex().upper() for n in range(reply[4])]
        if reply[3] == 0x00:
            break
        assert reply[3] == 0x94
        frame = bytes.fromhex("07 ff b0 01 80 14 d2")
    assert listed == [one.uid for one in tags]


@pytest.mark.parametrize(
    ("frame", "status"),
    [
        ("06 ff 52 00 0f 6e", "00"),
        ("05 ff 65 e5 cb", "00"),
        ("05 ff 69 89 01", "00"),
        (seal(0xFF, 0x99, b"").hex(), "80"),
        (seal(0xFF, 0xB0, b"\x77\x00").hex(), "95"),
        (seal(0xFF, 0xB0, b"").hex(), "81"),
        (seal(0xFF, 0xB0, bytes([0x27, 1, *UID])).hex(), "81"),
        (seal(0xFF, 0xB0, bytes([0x23, 1, *UID, 0, 40])).hex(), "11"),
    ],
)
def test_each_command_has_its_status(frame: str, status: str) -> None:
    answer = ask(frame, tag())
    assert answer is not None
    assert answer.split()[3] == status
    raw = bytes.fromhex(answer)
    assert raw[0] == len(raw)
    assert crc(raw[:-2]) == raw[-2:]


def test_damage_and_foreign_addresses_get_no_reply() -> None:
    assert ask("07 ff b0 01 00 1c 57", tag()) is None
    assert ask(seal(0x03, 0xB0, b"\x01\x00").hex(), tag()) is None
    assert ask(seal(0x00, 0xB0, b"\x01\x00").hex(), tag()) is not None


@given(st.lists(st.sampled_from([INVENTORY, READ, AFI_C2, SYSTEM]), max_size=5), st.data())
def test_frames_are_cut_from_the_stream_however_it_arrives(
    frames: list[str], data: st.DataObject
) -> None:
    stream = bytes.fromhex("".join(frames))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    splitter, found = Splitter(), list[bytes]()
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += splitter.feed(stream[begin:end])
    assert found == [bytes.fromhex(frame) for frame in frames]


@given(st.binary(max_size=80))
def test_any_frame_gets_a_sound_reply_or_none(body: bytes) -> None:
    reader = Reader(lambda: [tag()])
    for frame in (*Splitter().feed(body), seal(0xFF, 0xB0, body)):
        reply = reader.answer(frame)
        if reply is not None:
            assert reply[0] == len(reply)
            assert crc(reply[:-2]) == reply[-2:]
