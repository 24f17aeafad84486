"""Modbus requests and replies as bytes, and what each exception code means for the caller.

Sources: MODBUS Application Protocol V1.1b3 (chapters 6 and 7) and MODBUS Messaging on TCP/IP
Implementation Guide V1.0b (3.1.3, the MBAP header).
"""

import struct
from collections.abc import Sequence
from enum import Enum, auto
from typing import NamedTuple

from config.registers import Table
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError

MBAP = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows it, unit."""
SHORTEST, LONGEST = 2, 254
"""Of the length field: the unit and at least a function, at most the unit and 253 bytes."""
EXCEPTION = 0x80

READS = {Table.COILS: 1, Table.DISCRETE_INPUTS: 2, Table.HOLDING: 3, Table.INPUT: 4}
"""Function codes that read each table."""
WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
COIL_ON = 0xFF00


class DeviceFailureError(BadReplyError):
    """Exception 4: the device is there and could not do this one thing."""


class Meaning(NamedTuple):
    """What an exception code says, and how the caller may go on."""

    text: str
    error: type[DriverError]


EXCEPTIONS = {
    1: Meaning("it does not know the function", RefusedError),
    2: Meaning("it has no such address", RefusedError),
    3: Meaning("it does not accept the value or the count", RefusedError),
    4: Meaning("it failed at it", DeviceFailureError),
    5: Meaning("it accepted and is still at it", LinkDownError),
    6: Meaning("it is busy", LinkDownError),
    8: Meaning("its memory has a parity error", BadReplyError),
    10: Meaning("the gateway has no path to it", LinkDownError),
    11: Meaning("the gateway had no answer from it", LinkDownError),
}
"""V1.1b3, chapter 7. 5, 6, 10 and 11 are worth another try; 1 to 3 never."""


class Request(NamedTuple):
    """One request: `data` is what follows the function code."""

    unit: int
    function: int
    address: int
    data: bytes
    reply: int
    """Bytes of the reply's data, after the function code."""

    def __str__(self) -> str:
        """Say what was asked, for error messages."""
        return f"unit {self.unit}, function {self.function}, address {self.address}"


def read_request(unit: int, table: Table, address: int, count: int) -> Request:
    """Ask for `count` registers or bits of a table."""
    bits = table in (Table.COILS, Table.DISCRETE_INPUTS)
    length = (count + 7) // 8 if bits else 2 * count
    return Request(unit, READS[table], address, struct.pack(">HH", address, count), 1 + length)


def write_request(unit: int, function: int, address: int, words: Sequence[int]) -> Request:
    """Ask to write words (function 5 takes one, 0 or 1)."""
    if function == WRITE_REGISTERS:
        head = struct.pack(">HHB", address, len(words), 2 * len(words))
        data = head + struct.pack(f">{len(words)}H", *words)
    else:
        (word,) = words
        data = struct.pack(">HH", address, COIL_ON * word if function == WRITE_COIL else word)
    return Request(unit, function, address, data, 4)


class Found(Enum):
    """What the bytes received so far are."""

    PART = auto()
    """Nothing whole that is ours yet."""
    REPLY = auto()
    """The reply is complete and has the form that was asked for."""


class Mismatch(NamedTuple):
    """The bytes cannot be the reply; the connection can no longer be trusted."""

    reason: str


def examine(received: bytes, transaction: int, request: Request) -> Found | Mismatch:
    """Judge what came back for a request, frame by frame.

    A whole frame with another transaction id is passed over (Implementation Guide, 4.4.1.3: such
    a reply is discarded); id 0 is never ours and never passed over, because some servers send it
    for any request.
    """
    start = 0
    while len(received) - start >= MBAP.size:
        transaction_id, protocol, length, unit = MBAP.unpack_from(received, start)
        if protocol or not SHORTEST <= length <= LONGEST:
            return Mismatch(f"no Modbus header: {received[start : start + MBAP.size].hex(' ')}")
        if transaction_id == 0:
            return Mismatch("a reply with transaction 0, which was never asked")
        begin, start = start + MBAP.size, start + MBAP.size - 1 + length
        if transaction_id != transaction:
            continue
        if unit != request.unit:
            return Mismatch(f"unit {unit} answered; if it always does, give the device that unit")
        if len(received) < start:
            return Found.PART
        return _judge(received[begin:start], request)
    return Found.PART


def _judge(pdu: bytes, request: Request) -> Found | Mismatch:
    function, data = pdu[0], pdu[1:]
    reason = ""
    if function == request.function | EXCEPTION:
        if len(data) != 1:
            reason = f"an exception of {len(pdu)} bytes instead of 2"
    elif function != request.function:
        reason = f"function {function} answered"
    elif len(data) != request.reply:
        reason = f"{len(data)} bytes instead of {request.reply}"
    elif function not in READS.values():
        if data != request.data[:4]:
            reason = f"the echo differs: {data.hex(' ')}"
    elif data[0] != request.reply - 1:
        reason = f"a byte count of {data[0]} instead of {request.reply - 1}"
    return Mismatch(reason) if reason else Found.REPLY


def refusal(where: str, request: Request, code: int) -> DriverError:
    """Turn an exception code into the error that the caller can act on."""
    text, error = EXCEPTIONS.get(code, Meaning("a code outside the standard", BadReplyError))
    return error(f"{where}: {request}: exception {code}: {text}")
