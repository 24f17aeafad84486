"""Requests and replies as bytes: nothing but the very reply is taken for it."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.registers import Table
from drivers.protocols.modbus.mbap import Found, examine
from drivers.protocols.modbus.pdu import (
    EXCEPTIONS,
    Mismatch,
    Request,
    read_request,
    refusal,
    write_request,
)
from tests.conftest import data_folder

READS = st.builds(
    read_request,
    st.integers(0, 255),
    st.sampled_from(Table),
    st.integers(0, 65000),
    st.integers(1, 125),
)
WORDS = st.integers(0, 0xFFFF)
WRITES = st.one_of(
    st.builds(
        lambda unit, address, word: write_request(unit, 6, address, (word,)),
        st.integers(0, 255),
        WORDS,
        WORDS,
    ),
    st.builds(
        lambda unit, address, bit: write_request(unit, 5, address, (bit,)),
        st.integers(0, 255),
        WORDS,
        st.integers(0, 1),
    ),
    st.builds(
        lambda unit, address, words: write_request(unit, 16, address, words),
        st.integers(0, 255),
        WORDS,
        st.lists(WORDS, min_size=1, max_size=4),
    ),
)
REQUESTS = st.one_of(READS, WRITES)
TRANSACTIONS = st.integers(1, 65000)


def reply(request: Request, transaction: int, filler: int = 0) -> bytes:
    if request.function <= 4:
        data = bytes([request.reply - 1]) + bytes([filler]) * (request.reply - 1)
    else:
        data = request.data[:4]
    pdu = bytes([request.function]) + data
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, request.unit) + pdu


def test_the_manuals_frames() -> None:
    """XY-MD02, registers 1 and 2: 01 04 00 01 00 02, answered 01 04 04 01 31 02 22."""
    request = read_request(1, Table.INPUT, 1, 2)
    assert bytes([request.unit, request.function]) + request.data == bytes.fromhex("010400010002")
    answer = bytes.fromhex("0005 0000 0007 01 04 04 0131 0222")
    assert examine(answer, 5, request) is Found.REPLY
    assert write_request(1, 5, 0, (1,)).data == bytes.fromhex("0000ff00")


@given(REQUESTS, TRANSACTIONS, st.data())
def test_a_reply_is_found_whole_and_never_before(
    request: Request, transaction: int, data: st.DataObject
) -> None:
    whole = reply(request, transaction)
    assert examine(whole, transaction, request) is Found.REPLY
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert examine(whole[:cut], transaction, request) is Found.PART


@given(REQUESTS, TRANSACTIONS, st.lists(TRANSACTIONS, max_size=3))
def test_other_transactions_are_passed_over(
    request: Request, transaction: int, others: list[int]
) -> None:
    strays = b"".join(reply(request, other, 0x77) for other in others if other != transaction)
    assert examine(strays, transaction, request) is Found.PART
    assert examine(strays + reply(request, transaction), transaction, request) is Found.REPLY


@given(REQUESTS, TRANSACTIONS, st.data())
def test_no_change_of_head_function_or_echo_passes(
    request: Request, transaction: int, data: st.DataObject
) -> None:
    whole = reply(request, transaction)
    # The values of a read may be anything; every other byte is checked.
    fixed = 9 if request.function <= 4 else len(whole)
    place = data.draw(st.integers(0, fixed - 1))
    flip = data.draw(st.integers(1, 255))
    changed = whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :]
    found = examine(changed, transaction, request)
    assert found is not Found.REPLY


@given(REQUESTS, TRANSACTIONS, st.sampled_from([1, 2, 3, 4, 5, 6, 8, 10, 11, 77]))
def test_an_exception_is_a_reply_and_says_what_it_means(
    request: Request, transaction: int, code: int
) -> None:
    pdu = bytes([request.function | 0x80, code])
    frame = struct.pack(">HHHB", transaction, 0, 3, request.unit) + pdu
    assert examine(frame, transaction, request) is Found.REPLY
    error = refusal("bus", request, code)
    assert f"exception {code}" in str(error)
    assert f"unit {request.unit}" in str(error)
    if code in EXCEPTIONS:
        assert type(error) is EXCEPTIONS[code].error


@given(REQUESTS, TRANSACTIONS, st.binary(max_size=300))
def test_any_bytes_are_judged(request: Request, transaction: int, received: bytes) -> None:
    found = examine(received, transaction, request)
    assert isinstance(found, Found) or found.reason


def payloads(path: Path) -> Iterator[bytes]:
    """Give the TCP payloads of a capture (pcap, Ethernet, IPv4), damaged ones included."""
    blob = path.read_bytes()
    order = "<" if blob[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    place = 24
    while place + 16 <= len(blob):
        (length,) = struct.unpack_from(f"{order}I", blob, place + 8)
        packet = blob[place + 16 : place + 16 + length]
        place += 16 + length
        if packet[12:14] != b"\x08\x00" or len(packet) < 54 or packet[23] != 6:
            continue
        head = 14 + 4 * (packet[14] & 15)
        end = 14 + int.from_bytes(packet[16:18], "big")
        if len(packet) > head + 12:
            yield packet[head + 4 * (packet[head + 12] >> 4) : end]


@pytest.mark.parametrize(
    "name",
    [
        "fuzz-72.pcap",
        "fuzz-1011.pcap",
        "modbusSmall.pcap",
        "modbus_test.pcap",
        "modbus_test_data_part1.pcap",
        "modbus_test_data_part2.pcap",
    ],
)
def test_captures_of_real_and_damaged_traffic_are_judged(name: str) -> None:
    request = read_request(1, Table.HOLDING, 0, 10)
    seen = 0
    for payload in payloads(data_folder("modbus") / name):
        seen += 1
        transaction = int.from_bytes(payload[:2], "big") or 1
        found = examine(payload, transaction, request)
        assert isinstance(found, Found | Mismatch)
        if found is Found.REPLY:
            assert payload[6] == 1
            assert payload[7] & 0x7F == 3
    assert seen
