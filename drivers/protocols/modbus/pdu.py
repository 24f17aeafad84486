"""Modbus requests and the exact shape of each reply, whatever wire carries them.

Source: MODBUS Application Protocol V1.1b3, chapters 6 (functions) and 7 (exceptions).
"""

import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from config.registers import Table
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError

EXCEPTION = 0x80
"""Added to the function code of a reply that says no."""
LONGEST = 253
"""Bytes of a function code and its data."""

READS = {Table.COILS: 1, Table.DISCRETE_INPUTS: 2, Table.HOLDING: 3, Table.INPUT: 4}
"""Function codes that read each table."""
BITS = (Table.COILS, Table.DISCRETE_INPUTS)
WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS = 5, 6, 15, 16
MASK_WRITE, READ_WRITE = 22, 23
COUNTED = frozenset({*READS.values(), READ_WRITE})
"""Functions whose reply is a count of bytes and as many bytes; that of the others is an echo."""
COIL_ON = 0xFF00
MOST_BITS_READ, MOST_READ = 2000, 125
MOST_BITS_WRITTEN, MOST_WRITTEN, MOST_EXCHANGED = 1968, 123, 121
"""What one request may ask for, so that neither it nor its reply is longer than `LONGEST`."""


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


class Mismatch(NamedTuple):
    """The bytes cannot be the reply; the connection can no longer be trusted."""

    reason: str


def read_request(unit: int, table: Table, address: int, count: int) -> Request:
    """Ask for `count` registers or bits of a table. Raises ValueError when they are too many."""
    bits = table in BITS
    _bounded(count, MOST_BITS_READ if bits else MOST_READ)
    length = (count + 7) // 8 if bits else 2 * count
    return Request(unit, READS[table], address, struct.pack(">HH", address, count), 1 + length)


def write_request(unit: int, function: int, address: int, words: Sequence[int]) -> Request:
    """Ask to write with function 5, 6, 15 or 16; of a coil a word is 0 or 1.

    Raises ValueError for what cannot be written so.
    """
    if function == WRITE_REGISTERS:
        _bounded(len(words), MOST_WRITTEN)
        data = struct.pack(f">HHB{len(words)}H", address, len(words), 2 * len(words), *words)
    elif function == WRITE_COILS:
        _bounded(len(words), MOST_BITS_WRITTEN)
        packed = packed_bits(words)
        data = struct.pack(">HHB", address, len(words), len(packed)) + packed
    elif function == WRITE_COIL:
        (word,) = words
        data = struct.pack(">HH", address, COIL_ON if word else 0)
    elif function == WRITE_REGISTER:
        data = struct.pack(">HH", address, *words)
    else:
        raise ValueError(f"function {function} writes nothing that is known here")
    return Request(unit, function, address, data, 4)


def mask_write_request(unit: int, address: int, keep: int, set_: int) -> Request:
    """Ask for a register's bits of `keep` to stay, and the others to become those of `set_`."""
    return Request(unit, MASK_WRITE, address, struct.pack(">HHH", address, keep, set_), 6)


def read_write_request(
    unit: int, address: int, count: int, write_address: int, words: Sequence[int]
) -> Request:
    """Ask to write words and then to read `count` registers. Raises ValueError for too many."""
    _bounded(count, MOST_READ)
    _bounded(len(words), MOST_EXCHANGED)
    head = (address, count, write_address, len(words), 2 * len(words))
    data = struct.pack(f">HHHHB{len(words)}H", *head, *words)
    return Request(unit, READ_WRITE, address, data, 1 + 2 * count)


def judge(pdu: bytes, request: Request) -> Mismatch | None:
    """Say why a function code with its data is no reply to the request; None when it is one."""
    function = pdu[0]
    size = len(pdu) - 1
    reason = ""
    if function == request.function | EXCEPTION:
        if size != 1:
            reason = f"an exception of {len(pdu)} bytes instead of 2"
    elif function != request.function:
        reason = f"function {function} answered"
    elif size != request.reply:
        reason = f"{size} bytes instead of {request.reply}"
    elif function in COUNTED:
        if pdu[1] != size - 1:
            reason = f"a byte count of {pdu[1]} instead of {size - 1}"
    elif pdu[1:] != request.data[:size]:
        reason = f"the echo differs: {pdu[1:].hex(' ')}"
    return Mismatch(reason) if reason else None


def refusal(where: str, request: Request, code: int) -> DriverError:
    """Turn an exception code into the error that the caller can act on."""
    text, error = EXCEPTIONS.get(code, Meaning("a code outside the standard", BadReplyError))
    return error(f"{where}: {request}: exception {code}: {text}")


def registers(pdu: bytes) -> tuple[int, ...]:
    """Give the words of a sound reply to a read of registers."""
    return _words(len(pdu) // 2 - 1).unpack_from(pdu, 2)


def bits(pdu: bytes, count: int) -> list[int]:
    """Give the first `count` bits of a sound reply to a read of bits, as 0 and 1."""
    return [pdu[2 + place // 8] >> place % 8 & 1 for place in range(count)]


def packed_bits(words: Sequence[int]) -> bytes:
    """Put 0s and 1s into bytes, the first into the lowest bit of the first byte."""
    packed = sum(bool(word) << place for place, word in enumerate(words))
    return packed.to_bytes((len(words) + 7) // 8, "little")


@lru_cache(maxsize=LONGEST // 2)
def _words(count: int) -> struct.Struct:
    return struct.Struct(f">{count}H")


def _bounded(count: int, most: int) -> None:
    if not 1 <= count <= most:
        raise ValueError(f"{count} at once, where 1 to {most} can be asked for")
