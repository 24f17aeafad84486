"""Replies on a serial line: the very reply is taken for it, and nothing whose checksum is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registers import Table
from drivers.protocols.modbus.pdu import (
    Mismatch,
    Request,
    bits,
    read_request,
    registers,
    write_request,
)
from drivers.protocols.modbus.rtu import LONGEST_FRAME, checksum, examine, frame

WORDS = st.integers(0, 0xFFFF)
UNITS = st.integers(1, 247)
REQUESTS = st.one_of(
    st.builds(read_request, UNITS, st.sampled_from(Table), WORDS, st.integers(1, 125)),
    st.builds(lambda u, a, w: write_request(u, 6, a, (w,)), UNITS, WORDS, WORDS),
    st.builds(
        lambda u, a, ws: write_request(u, 16, a, ws),
        UNITS,
        WORDS,
        st.lists(WORDS, min_size=1, max_size=123),
    ),
)


def by_hand(data: bytes) -> bytes:
    """Divide bit by bit, as the guide's appendix B draws it."""
    rest = 0xFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            carry, rest = rest & 1, rest >> 1
            if carry:
                rest ^= 0xA001
    return bytes([rest & 0xFF, rest >> 8])


def answer(request: Request, filler: int = 0x5A) -> bytes:
    if request.function <= 4:
        data = bytes([request.reply - 1]) + bytes([filler]) * (request.reply - 1)
    else:
        data = request.data[:4]
    whole = bytes([request.unit, request.function]) + data
    return whole + by_hand(whole)


@pytest.mark.parametrize(
    ("request_", "sent"),
    [
        (read_request(1, Table.INPUT, 1, 2), "01 04 00 01 00 02 20 0b"),
        (write_request(1, 5, 0, (1,)), "01 05 00 00 ff 00 8c 3a"),
        (read_request(1, Table.COILS, 0, 8), "01 01 00 00 00 08 3d cc"),
        (read_request(1, Table.INPUT, 0, 2), "01 04 00 00 00 02 71 cb"),
        (read_request(1, Table.INPUT, 0x156, 2), "01 04 01 56 00 02 90 27"),
    ],
)
def test_requests_of_makers_manuals(request_: Request, sent: str) -> None:
    """XY-MD02, a relay board twice, an SDM630 meter twice."""
    assert frame(request_) == bytes.fromhex(sent)


def test_replies_of_makers_manuals() -> None:
    probe = read_request(1, Table.INPUT, 1, 2)
    pdu = examine(bytes.fromhex("01 04 04 01 31 02 22 2a ce"), probe)
    assert isinstance(pdu, bytes)
    assert registers(pdu) == (305, 546)
    holding = read_request(1, Table.HOLDING, 0, 1)
    assert examine(bytes.fromhex("01 83 02 c0 f1"), holding) == b"\x83\x02"
    coils = read_request(1, Table.COILS, 0, 8)
    relays = b"\x01\x01\x01\x85"
    found = examine(relays + by_hand(relays), coils)
    assert isinstance(found, bytes)
    assert bits(found, 8) == [1, 0, 1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("unit", [0, 248, 255])
def test_a_unit_that_no_line_has_is_not_asked(unit: int) -> None:
    with pytest.raises(ValueError, match="1 to 247"):
        frame(read_request(unit, Table.HOLDING, 0, 1))


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_the_division(data: bytes) -> None:
    assert checksum(data) == by_hand(data)


@given(REQUESTS, st.binary(max_size=4), st.data())
def test_a_reply_is_found_whole_and_never_before(
    request: Request, behind: bytes, data: st.DataObject
) -> None:
    whole = answer(request)
    assert len(whole) <= LONGEST_FRAME
    noise = bytes(data.draw(st.lists(st.sampled_from([0, 255]), max_size=3)))
    assert examine(noise + whole + behind, request) == whole[1:-2]
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert examine(noise + whole[:cut], request) is None


@given(REQUESTS, st.data())
def test_no_flip_of_up_to_three_bits_passes(request: Request, data: st.DataObject) -> None:
    """The polynomial's distance is 4 for all frames of this length."""
    whole = answer(request)
    places = data.draw(
        st.lists(st.integers(0, 8 * len(whole) - 1), min_size=1, max_size=3, unique=True)
    )
    changed = bytearray(whole)
    for place in places:
        changed[place // 8] ^= 1 << place % 8
    assert not isinstance(examine(bytes(changed), request), bytes)


@given(REQUESTS, REQUESTS)
def test_the_reply_to_another_request_is_taken_only_when_nothing_tells_them_apart(
    request: Request, other: Request
) -> None:
    found = examine(answer(other), request)
    alike = (request.unit, request.function, request.reply) == (
        *(other.unit, other.function, other.reply),
    )
    if request.function > 4:
        alike = alike and request.data[:4] == other.data[:4]
    assert isinstance(found, bytes) == alike


@pytest.mark.parametrize(
    ("received", "why"),
    [
        ("02 04 04 01 31 02 22", "unit 2 answered"),
        ("01 03 04 01 31 02 22", "function 3 answered"),
        ("01 83 02 c0 f1", "function 131 answered"),
        ("01 04 06 01 31 02 22", "a byte count of 6 instead of 4"),
        ("01 04 04 01 31 02 23 2a ce", "the checksum is wrong"),
    ],
)
def test_what_is_no_reply_is_told_by_its_name(received: str, why: str) -> None:
    found = examine(bytes.fromhex(received), read_request(1, Table.INPUT, 1, 2))
    assert isinstance(found, Mismatch)
    assert why in found.reason


def test_a_write_that_reads_back_otherwise_is_no_reply() -> None:
    echo = bytes.fromhex("01 06 00 01 00 04")
    found = examine(echo + by_hand(echo), write_request(1, 6, 1, (3,)))
    assert isinstance(found, Mismatch)
    assert "echo differs" in found.reason
