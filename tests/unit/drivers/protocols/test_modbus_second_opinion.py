"""pymodbus judges the same bytes as we do, and every difference is explained."""

import re
import struct
from collections import Counter
from random import Random
from typing import Any, NamedTuple

import pytest
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu import bit_message as bit
from pymodbus.pdu import register_message as register

from config.registers import Table
from drivers.protocols.modbus import rtu
from drivers.protocols.modbus.mbap import Incoming, asking
from drivers.protocols.modbus.pdu import (
    Mismatch,
    Request,
    bits,
    mask_write_request,
    read_request,
    read_write_request,
    registers,
    write_request,
)
from wenlan.proofs.mutation import mutated

TRANSACTION = 0x0102


class Difference(NamedTuple):
    """What pymodbus makes of what we refuse, and why it does."""

    theirs: str
    """Any of: reply (it takes it), silent (it waits), undecodable (it raises)."""
    why: str


DIFFERENCES = {
    r"^no Modbus header": Difference(
        "reply silent undecodable",
        "it waits where the protocol is not 0, and takes any length; the standard's is 2 to 254,"
        " and nothing that comes after another can be told apart",
    ),
    r"transaction 0, which was never asked$": Difference(
        "reply silent", "it takes 0 for any transaction; here it was never asked"
    ),
    r"^unit \d+ answered": Difference(
        "silent reply undecodable",
        "it passes another unit's reply over, and looks for a second one of the same transaction;"
        " there will be none",
    ),
    r"^an exception of": Difference(
        "reply undecodable",
        "it takes a code that the length does not count, and drops what follows a code",
    ),
    r"^function \d+ answered$": Difference(
        "reply undecodable", "it hands up the reply to another function"
    ),
    r"^\d+ bytes instead of": Difference(
        "reply undecodable", "it takes as many words as came; here as many as were asked for"
    ),
    r"^a byte count of": Difference(
        "reply undecodable", "it trusts the byte count when there are as many bytes or more"
    ),
    r"^the echo differs": Difference("reply", "it does not compare the echo with what was written"),
}
"""By the reason that is given here. What is not in this table is judged alike by both."""


class Pair(NamedTuple):
    """The same request by us and by pymodbus, and a sound reply."""

    ours: Request
    theirs: Any
    reply: bytes


def pairs() -> list[Pair]:
    words, flags = [513, 65535, 0], [True, False, True, True, False, False, True, True, True]
    ones = [int(flag) for flag in flags]
    return [
        Pair(
            read_request(17, Table.COILS, 19, 19),
            bit.ReadCoilsRequest(address=19, count=19, dev_id=17),
            bytes.fromhex("01 03 CD6B05"),
        ),
        Pair(
            read_request(1, Table.DISCRETE_INPUTS, 0xC4, 22),
            bit.ReadDiscreteInputsRequest(address=0xC4, count=22, dev_id=1),
            bytes.fromhex("02 03 ACDB35"),
        ),
        Pair(
            read_request(1, Table.HOLDING, 0x6B, 3),
            register.ReadHoldingRegistersRequest(address=0x6B, count=3, dev_id=1),
            bytes.fromhex("03 06 022B 0000 0064"),
        ),
        Pair(
            read_request(255, Table.INPUT, 8, 125),
            register.ReadInputRegistersRequest(address=8, count=125, dev_id=255),
            bytes([4, 250]) + bytes(range(250)),
        ),
        Pair(
            write_request(1, 5, 0xAC, (1,)),
            bit.WriteSingleCoilRequest(address=0xAC, bits=[True], dev_id=1),
            bytes.fromhex("05 00AC FF00"),
        ),
        Pair(
            write_request(1, 5, 0xAC, (0,)),
            bit.WriteSingleCoilRequest(address=0xAC, bits=[False], dev_id=1),
            bytes.fromhex("05 00AC 0000"),
        ),
        Pair(
            write_request(7, 6, 1, (3,)),
            register.WriteSingleRegisterRequest(address=1, registers=[3], dev_id=7),
            bytes.fromhex("06 0001 0003"),
        ),
        Pair(
            write_request(7, 15, 0x13, ones),
            bit.WriteMultipleCoilsRequest(address=0x13, bits=flags, dev_id=7),
            bytes.fromhex("0F 0013 0009"),
        ),
        Pair(
            write_request(7, 16, 1, words),
            register.WriteMultipleRegistersRequest(address=1, registers=words, dev_id=7),
            bytes.fromhex("10 0001 0003"),
        ),
        Pair(
            mask_write_request(7, 4, 0xF2, 0x25),
            register.MaskWriteRegisterRequest(address=4, and_mask=0xF2, or_mask=0x25, dev_id=7),
            bytes.fromhex("16 0004 00F2 0025"),
        ),
        Pair(
            read_write_request(7, 3, 6, 14, words),
            register.ReadWriteMultipleRegistersRequest(
                read_address=3, read_count=6, write_address=14, write_registers=words, dev_id=7
            ),
            bytes.fromhex("17 0C 00FE 0ACD 0001 0003 000D 00FF"),
        ),
    ]


PAIRS = pairs()
NAMES = [f"function {pair.ours.function}, address {pair.ours.address}" for pair in PAIRS]


def frame(pdu: bytes, unit: int, transaction: int = TRANSACTION) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_both_send_the_same_bytes(pair: Pair) -> None:
    pair.theirs.transaction_id = TRANSACTION
    theirs = FramerSocket(DecodePDU(is_server=False)).buildFrame(pair.theirs)
    assert Incoming().expect(TRANSACTION, asking(pair.ours)) == theirs
    request = DecodePDU(is_server=True).decode(theirs[7:])
    assert request is not None
    assert request.function_code == pair.ours.function


def their_verdict(
    received: bytes, unit: int, kind: type[FramerSocket | FramerRTU] = FramerSocket
) -> ModbusPDU | str:
    """Give pymodbus's reply, or in a word why it has none."""
    framer = kind(DecodePDU(is_server=False))
    try:
        _, pdu = framer.handleFrame(received, unit, TRANSACTION)
    except ModbusException:
        return "undecodable"
    return "silent" if pdu is None else pdu


def our_verdict(received: bytes, request: Request) -> bytes | Mismatch | None:
    incoming = Incoming()
    incoming.expect(TRANSACTION, asking(request))
    return incoming.take(received)


def meant(pdu: bytes, request: Request) -> object:
    """Say what our reply means, in pymodbus's terms."""
    if pdu[0] & 0x80:
        return pdu[0], pdu[1]
    if pdu[0] in (1, 2):
        return [bool(one) for one in bits(pdu, 8 * (len(pdu) - 2))]
    if pdu[0] in (3, 4, 23):
        return list(registers(pdu))
    return pdu[0], request.address


def meant_by(pdu: ModbusPDU) -> object:
    if pdu.isError():
        return pdu.function_code, pdu.exception_code
    if pdu.function_code in (1, 2):
        return list(pdu.bits)
    if pdu.function_code in (3, 4, 23):
        return list(pdu.registers)
    return pdu.function_code, pdu.address


def verdicts(received: bytes, request: Request) -> tuple[str, str]:
    """Give ours (reply, silent, or a row of the table) and pymodbus's."""
    ours, theirs = our_verdict(received, request), their_verdict(received, request.unit)
    if isinstance(ours, Mismatch):
        (row,) = [row for row in DIFFERENCES if re.search(row, ours.reason)]
        return row, theirs if isinstance(theirs, str) else "reply"
    return compared(ours, theirs, request)


def compared(ours: bytes | None, theirs: ModbusPDU | str, request: Request) -> tuple[str, str]:
    if ours is None or isinstance(theirs, str):
        return ("silent" if ours is None else "reply"), str(theirs)
    same = meant(ours, request) == meant_by(theirs)
    return "reply", "reply" if same else f"{meant_by(theirs)}, not {meant(ours, request)}"


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_both_understand_the_sound_reply_and_an_exception(pair: Pair) -> None:
    unit = pair.ours.unit
    for pdu in (pair.reply, bytes([pair.ours.function | 0x80, 2])):
        whole = frame(pdu, unit)
        assert our_verdict(whole, pair.ours) == pdu
        assert verdicts(whole, pair.ours) == ("reply", "reply")
        stray = frame(pair.reply, unit, TRANSACTION + 1)
        assert our_verdict(stray + whole, pair.ours) == pdu
        assert verdicts(stray + whole, pair.ours) == ("reply", "reply")


@pytest.mark.parametrize("pair", PAIRS, ids=NAMES)
def test_both_say_the_same_of_mutated_replies_or_the_table_says_why(pair: Pair) -> None:
    unit, dice = pair.ours.unit, Random(f"{pair.ours.function} {pair.ours.address}")
    good = frame(pair.reply, unit)
    failed = frame(bytes([pair.ours.function | 0x80, 6]), unit)
    seeds = [good, failed, frame(pair.reply, unit, 7) + good]
    seen = Counter[str]()
    for _ in range(3_000):
        received = mutated(seeds, dice)
        ours, theirs = verdicts(received, pair.ours)
        seen[ours] += 1
        expected = DIFFERENCES[ours].theirs.split() if ours in DIFFERENCES else [ours]
        assert theirs in expected, (ours, theirs, received.hex(" "))
    assert seen["reply"] > 300
    assert seen["silent"] > 300


READ, WRITE = PAIRS[2], PAIRS[8]
LIES = {
    r"^no Modbus header": (READ, b"\1\2\0\1" + frame(READ.reply, 1)[4:], "silent"),
    r"transaction 0, which was never asked$": (READ, frame(READ.reply, 1, 0), "reply"),
    r"^unit \d+ answered": (READ, frame(READ.reply, 2), "silent"),
    r"^an exception of": (READ, frame(b"\x83\2\0", 1), "reply"),
    r"^function \d+ answered$": (READ, frame(b"\6\0\1\0\x09", 1), "reply"),
    r"^\d+ bytes instead of": (READ, frame(b"\3\4\0\1\0\2", 1), "reply"),
    r"^a byte count of": (READ, frame(b"\3\4" + READ.reply[2:], 1), "reply"),
    r"^the echo differs": (WRITE, frame(b"\x10\0\2\0\3", 7), "reply"),
}
"""What a server may say, and what pymodbus's client makes of it: six of eight it hands up."""


@pytest.mark.parametrize("row", DIFFERENCES)
def test_each_row_of_the_table_is_met(row: str) -> None:
    pair, received, theirs = LIES[row]
    assert verdicts(received, pair.ours) == (row, theirs)


LINE_DIFFERENCES = {
    r"^unit \d+ answered": Difference(
        "silent", "it passes another unit's reply over and waits; here the exchange ends at once"
    ),
    r"^function \d+ answered$": Difference(
        "silent reply undecodable",
        "it hands up a reply of another function, or waits for as much as that would have",
    ),
    r"^a byte count of": Difference(
        "silent reply", "it takes as many words as came, or waits for as many"
    ),
    r"^the checksum is wrong": Difference(
        "silent", "it throws away what came and waits; here the exchange ends at once"
    ),
    r"^the echo differs": Difference("reply", "it does not compare the echo with what was written"),
}
"""On a serial line, likewise."""


def line_verdicts(received: bytes, request: Request) -> tuple[str, str]:
    """Give ours (reply, silent, or a row of the table) and pymodbus's."""
    ours = rtu.examine(received, request)
    # It takes the noise before a frame for a part of it, see below.
    theirs = their_verdict(received.lstrip(rtu.NOISE), request.unit, FramerRTU)
    if isinstance(ours, Mismatch):
        (row,) = [row for row in LINE_DIFFERENCES if re.search(row, ours.reason)]
        return row, theirs if isinstance(theirs, str) else "reply"
    return compared(ours, theirs, request)


LINE_PAIRS = [pair for pair in PAIRS if pair.ours.unit < 248]


@pytest.mark.parametrize("pair", LINE_PAIRS, ids=[NAMES[PAIRS.index(one)] for one in LINE_PAIRS])
def test_both_say_the_same_on_a_serial_line_or_the_table_says_why(pair: Pair) -> None:
    unit, function = pair.ours.unit, pair.ours.function
    dice = Random(f"line {function} {pair.ours.address}")
    framer = FramerRTU(DecodePDU(is_server=False))
    assert rtu.frame(pair.ours) == framer.buildFrame(pair.theirs)
    good = framer.encode(pair.reply, unit, 0)
    failed = framer.encode(bytes([function | 0x80, 6]), unit, 0)
    for whole, pdu in ((good, pair.reply), (failed, failed[1:-2])):
        assert rtu.examine(whole, pair.ours) == pdu
        assert line_verdicts(whole, pair.ours) == ("reply", "reply")
    seen = Counter[str]()
    for turn in range(3_000):
        received = mutated([good, failed], dice)
        if turn % 5 == 0:
            received = rtu.NOISE[turn % 2 :] + received
        if turn % 2 and len(received) > 3:  # damage that the checksum does not show
            received = framer.encode(received[1:-2], received[0], 0)
        ours, theirs = line_verdicts(received, pair.ours)
        seen[ours] += 1
        known = LINE_DIFFERENCES.get(ours)
        expected = known.theirs.split() if known else [ours]
        assert theirs in expected, (ours, theirs, received.hex(" "))
    assert seen["reply"] > 100
    assert seen["silent"] > 100


LINE_LIES = {
    r"^unit \d+ answered": (READ, b"\2" + READ.reply, "silent"),
    r"^function \d+ answered$": (READ, b"\1\6\0\1\0\x09", "reply"),
    r"^a byte count of": (READ, b"\1\3\4\0\1\0\2", "reply"),
    r"^the echo differs": (WRITE, b"\7\x10\0\2\0\3", "reply"),
}


@pytest.mark.parametrize("row", LINE_LIES)
def test_each_row_of_the_lines_table_is_met(row: str) -> None:
    pair, received, theirs = LINE_LIES[row]
    assert line_verdicts(received + rtu.checksum(received), pair.ours) == (row, theirs)


def test_damage_ends_an_exchange_here_and_noise_before_a_frame_does_not() -> None:
    good = b"\1" + READ.reply
    good += rtu.checksum(good)
    damaged = good[:-1] + bytes([good[-1] ^ 1])
    assert line_verdicts(damaged, READ.ours) == ("^the checksum is wrong", "silent")
    assert rtu.examine(b"\0" + good, READ.ours) == READ.reply
    assert their_verdict(b"\0" + good, 1, FramerRTU) == "silent"
