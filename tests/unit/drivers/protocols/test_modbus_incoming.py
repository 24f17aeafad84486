"""What comes on a connection, in whatever pieces: the reply, and nothing else for it."""

import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registers import Table
from drivers.protocols.modbus.mbap import Found, Incoming, asking, examine
from drivers.protocols.modbus.pdu import (
    Mismatch,
    Request,
    bits,
    judge,
    mask_write_request,
    packed_bits,
    read_request,
    read_write_request,
    registers,
    write_request,
)

WORDS = st.integers(0, 0xFFFF)
UNITS = st.integers(0, 255)
TRANSACTIONS = st.integers(1, 0xFFFF)
LISTS = st.lists(WORDS, min_size=1, max_size=121)
REQUESTS = st.one_of(
    st.builds(read_request, UNITS, st.sampled_from(Table), WORDS, st.integers(1, 125)),
    st.builds(lambda u, a, w: write_request(u, 5, a, (w,)), UNITS, WORDS, st.integers(0, 1)),
    st.builds(lambda u, a, w: write_request(u, 6, a, (w,)), UNITS, WORDS, WORDS),
    st.builds(lambda u, a, ws: write_request(u, 15, a, [w & 1 for w in ws]), UNITS, WORDS, LISTS),
    st.builds(lambda u, a, ws: write_request(u, 16, a, ws), UNITS, WORDS, LISTS),
    st.builds(mask_write_request, UNITS, WORDS, WORDS, WORDS),
    st.builds(read_write_request, UNITS, WORDS, st.integers(1, 125), WORDS, LISTS),
)


def answer(request: Request, filler: int = 0) -> bytes:
    """Give function code and data of a sound reply, as the manual has it."""
    if request.function in (1, 2, 3, 4, 23):
        return bytes([request.function, request.reply - 1]) + bytes([filler]) * (request.reply - 1)
    return bytes([request.function]) + request.data[: 6 if request.function == 22 else 4]


def frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


def heard(
    pieces: Sequence[bytes], transaction: int, request: Request
) -> tuple[list[bytes | Mismatch], bool]:
    """Give the verdicts on what came in pieces, and whether the connection is spoiled."""
    incoming = Incoming()
    incoming.expect(transaction, asking(request))
    verdicts = [incoming.take(piece) for piece in pieces]
    return [one for one in verdicts if one is not None], incoming.spoiled


def cut(data: st.DataObject, whole: bytes) -> list[bytes]:
    places = data.draw(st.lists(st.integers(0, len(whole)), max_size=4).map(sorted))
    return [
        whole[begin:end] for begin, end in zip([0, *places], [*places, len(whole)], strict=True)
    ]


@pytest.mark.parametrize(
    ("request_", "frame_"),
    [
        (read_request(1, Table.INPUT, 1, 2), "0007 0000 0006 01 04 0001 0002"),
        (write_request(1, 5, 0xAC, (1,)), "0007 0000 0006 01 05 00AC FF00"),
        (write_request(17, 6, 1, (3,)), "0007 0000 0006 11 06 0001 0003"),
        (
            write_request(17, 15, 0x13, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)),
            "0007 0000 0009 11 0F 0013 000A 02 CD01",
        ),
        (write_request(17, 16, 1, (10, 258)), "0007 0000 000B 11 10 0001 0002 04 000A 0102"),
        (mask_write_request(17, 4, 0xF2, 0x25), "0007 0000 0008 11 16 0004 00F2 0025"),
        (
            read_write_request(17, 3, 6, 0x0E, (255, 255, 255)),
            "0007 0000 0011 11 17 0003 0006 000E 0003 06 00FF 00FF 00FF",
        ),
    ],
)
def test_requests_are_those_of_the_manual(request_: Request, frame_: str) -> None:
    """The examples of the Application Protocol V1.1b3, chapter 6."""
    incoming = Incoming()
    assert incoming.expect(7, asking(request_)) == bytes.fromhex(frame_)


def test_bits_and_words_of_the_manuals_replies() -> None:
    assert bits(bytes.fromhex("01 03 CD6B05"), 19) == [
        *(1, 0, 1, 1, 0, 0, 1, 1),
        *(1, 1, 0, 1, 0, 1, 1, 0),
        *(1, 0, 1),
    ]
    assert registers(bytes.fromhex("03 06 022B 0000 0064")) == (555, 0, 100)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=2000))
def test_bits_come_back_as_they_were_packed(them: list[int]) -> None:
    packed = packed_bits(them)
    assert len(packed) == -(-len(them) // 8)
    assert bits(b"\x01\x00" + packed, len(them)) == them


@pytest.mark.parametrize(
    "ask",
    [
        lambda: read_request(1, Table.HOLDING, 0, 126),
        lambda: read_request(1, Table.HOLDING, 0, 0),
        lambda: read_request(1, Table.COILS, 0, 2001),
        lambda: write_request(1, 16, 0, [0] * 124),
        lambda: write_request(1, 16, 0, []),
        lambda: write_request(1, 15, 0, [0] * 1969),
        lambda: write_request(1, 4, 0, [0]),
        lambda: read_write_request(1, 0, 126, 0, [1]),
        lambda: read_write_request(1, 0, 1, 0, [0] * 122),
    ],
)
def test_what_fits_no_frame_is_not_asked(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match=r"at once|writes nothing"):
        ask()


def test_the_longest_requests_and_replies_fit_a_frame() -> None:
    for request in (
        read_request(1, Table.HOLDING, 0, 125),
        read_request(1, Table.COILS, 0, 2000),
        write_request(1, 16, 0, [0] * 123),
        write_request(1, 15, 0, [0] * 1968),
        read_write_request(1, 0, 125, 0, [0] * 121),
    ):
        assert len(request.data) < 253
        whole = frame(9, 1, answer(request))
        assert len(whole) <= 260
        assert heard([whole], 9, request) == ([answer(request)], False)


@given(REQUESTS, TRANSACTIONS, st.lists(st.tuples(TRANSACTIONS, WORDS), max_size=3), st.data())
def test_a_reply_is_found_among_strays_however_it_is_cut(
    request: Request, transaction: int, others: list[tuple[int, int]], data: st.DataObject
) -> None:
    strays = [
        frame(other, request.unit, answer(request, filler & 255))
        for other, filler in others
        if other != transaction
    ]
    place = data.draw(st.integers(0, len(strays)))
    pdu = answer(request, 0x55)
    strays.insert(place, frame(transaction, request.unit, pdu))
    verdicts, spoiled = heard(cut(data, b"".join(strays)), transaction, request)
    assert verdicts == [pdu]
    assert not spoiled


@given(REQUESTS, TRANSACTIONS, st.data())
def test_pieces_are_judged_as_the_whole_is(
    request: Request, transaction: int, data: st.DataObject
) -> None:
    whole = bytearray(frame(transaction, request.unit, answer(request, 1)))
    for _ in range(data.draw(st.integers(0, 2))):
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    found = examine(bytes(whole), transaction, request)
    verdicts, _ = heard(cut(data, bytes(whole)), transaction, request)
    if found is Found.PART:
        assert verdicts == []
    elif found is Found.REPLY:
        assert verdicts == [bytes(whole[7 : 6 + whole[4] * 256 + whole[5]])]
    else:
        assert verdicts == [found]


@given(REQUESTS, st.data())
def test_only_the_echo_is_taken_for_a_write(request: Request, data: st.DataObject) -> None:
    pdu = bytearray(answer(request, 1))
    assert judge(bytes(pdu), request) is None
    fixed = 2 if request.function in (1, 2, 3, 4, 23) else len(pdu)
    pdu[data.draw(st.integers(0, fixed - 1))] ^= data.draw(st.integers(1, 127))
    assert judge(bytes(pdu), request) is not None


def test_a_stray_in_two_pieces_with_a_request_between_costs_nothing() -> None:
    request = read_request(1, Table.INPUT, 1, 2)
    stray, good = answer(request, 0x66), answer(request, 0x11)
    incoming = Incoming()
    incoming.expect(1, asking(request))
    late = frame(9, 1, stray)
    assert incoming.take(frame(1, 1, good) + late[:4]) == good
    incoming.expect(2, asking(request))
    assert incoming.take(late[4:] + frame(2, 1, good)) == good
    assert not incoming.spoiled


@pytest.mark.parametrize(
    "what", [b"HTTP/1.1 400 Bad Request\r\n", bytes(64), b"\0\0\0\0\0\3\1\3\1"]
)
def test_what_no_server_sends_spoils_a_connection_that_is_idle(what: bytes) -> None:
    request = read_request(1, Table.INPUT, 1, 2)
    good = answer(request)
    for pieces in ([frame(5, 1, good) + what], [frame(5, 1, good), what]):
        assert heard(pieces, 5, request) == ([good], True)


def test_an_endless_stream_of_strays_is_not_kept() -> None:
    request = read_request(1, Table.INPUT, 1, 2)
    incoming = Incoming()
    incoming.expect(1, asking(request))
    flood = frame(9, 1, answer(request)) * 5000
    for begin in range(0, len(flood), 1999):
        assert incoming.take(flood[begin : begin + 1999]) is None
        assert not incoming.spoiled
        assert len(incoming._rest) <= 260
