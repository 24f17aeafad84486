"""The answer to one Modbus request, from the Modbus Application Protocol V1.1b3, section 6. Pure.

A request is checked in the order of the specification's diagrams: function, quantity, address,
execution. A request whose length does not fit its function is answered with exception 3.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from simulators.modbus.registers import Code, Getter, RefusalError, Registers, read, write

READ_BITS, READ_WORDS, WRITE_BITS, WRITE_WORDS = 2000, 125, 1968, 123
EXCHANGE_READ, EXCHANGE_WRITE = 125, 121
"""Most items in one request (V1.1b3, 6.1 to 6.17)."""


class Access(NamedTuple):
    """What a request touched: words, or bits as 0 and 1."""

    function: int
    start: int
    words: Sequence[int]


class Reply(NamedTuple):
    """The response unit, and what was read and written on the way."""

    pdu: bytes
    read: Access | None = None
    written: Access | None = None


def exception(function: int, code: int) -> bytes:
    """Build an exception response."""
    return bytes((function & 0x7F | 0x80, code))


def answer(request: bytes, registers: Registers) -> Reply:
    """Carry a request out on a register file; an exception response never changes anything."""
    if not request:
        return Reply(exception(0, Code.ILLEGAL_FUNCTION))
    function = request[0]
    handler = _FUNCTIONS.get(function)
    if handler is None:
        return Reply(exception(function, Code.ILLEGAL_FUNCTION))
    try:
        return handler(request, registers)
    except RefusalError as refusal:
        return Reply(exception(function, refusal.code))
    except struct.error:
        return Reply(exception(function, Code.ILLEGAL_VALUE))


def _table(function: int, registers: Registers) -> Mapping[int, Getter] | None:
    if function == 1:
        return registers.coils
    if function == 2:
        return registers.discrete
    return registers.input if function == 4 else registers.holding


def _demand(*, true: bool) -> None:
    if not true:
        raise RefusalError(Code.ILLEGAL_VALUE)


def pack_bits(bits: Sequence[int]) -> bytes:
    """Pack bits as functions 1, 2 and 15 do: the first in the lowest bit of the first byte."""
    packed = bytearray((len(bits) + 7) // 8)
    for place, bit in enumerate(bits):
        packed[place // 8] |= bool(bit) << place % 8
    return bytes(packed)


def _read_bits(request: bytes, registers: Registers) -> Reply:
    function, start, count = struct.unpack(">BHH", request)
    _demand(true=1 <= count <= READ_BITS)
    bits = read(_table(function, registers), start, count)
    packed = pack_bits(bits)
    return Reply(bytes((function, len(packed))) + packed, read=Access(function, start, bits))


def _read_words(request: bytes, registers: Registers) -> Reply:
    function, start, count = struct.unpack(">BHH", request)
    _demand(true=1 <= count <= READ_WORDS)
    words = read(_table(function, registers), start, count)
    pdu = struct.pack(f">BB{count}H", function, 2 * count, *words)
    return Reply(pdu, read=Access(function, start, words))


def _write_coil(request: bytes, registers: Registers) -> Reply:
    function, start, value = struct.unpack(">BHH", request)
    _demand(true=value in (0x0000, 0xFF00))
    bit = int(value == 0xFF00)
    write(registers.coil_writes, start, [bit])
    return Reply(request, written=Access(function, start, [bit]))


def _write_register(request: bytes, registers: Registers) -> Reply:
    function, start, value = struct.unpack(">BHH", request)
    write(registers.holding_writes, start, [value])
    return Reply(request, written=Access(function, start, [value]))


def _write_coils(request: bytes, registers: Registers) -> Reply:
    function, start, count, size = struct.unpack_from(">BHHB", request)
    packed = request[6:]
    _demand(true=1 <= count <= WRITE_BITS and size == len(packed) == (count + 7) // 8)
    bits = [packed[place // 8] >> place % 8 & 1 for place in range(count)]
    write(registers.coil_writes, start, bits)
    return Reply(request[:5], written=Access(function, start, bits))


def _write_registers(request: bytes, registers: Registers) -> Reply:
    function, start, count, size = struct.unpack_from(">BHHB", request)
    _demand(true=1 <= count <= WRITE_WORDS and size == 2 * count == len(request) - 6)
    words = list(struct.unpack_from(f">{count}H", request, 6))
    write(registers.holding_writes, start, words)
    return Reply(request[:5], written=Access(function, start, words))


def _mask_register(request: bytes, registers: Registers) -> Reply:
    function, start, mask_and, mask_or = struct.unpack(">BHHH", request)
    (current,) = read(registers.holding, start, 1)
    value = current & mask_and | mask_or & ~mask_and & 0xFFFF
    write(registers.holding_writes, start, [value])
    return Reply(request, written=Access(function, start, [value]))


def _exchange_registers(request: bytes, registers: Registers) -> Reply:
    function, start, count, target, changed, size = struct.unpack_from(">BHHHHB", request)
    _demand(true=1 <= count <= EXCHANGE_READ and 1 <= changed <= EXCHANGE_WRITE)
    _demand(true=size == 2 * changed == len(request) - 10)
    read(registers.holding, start, count)
    values = list(struct.unpack_from(f">{changed}H", request, 10))
    write(registers.holding_writes, target, values)
    words = read(registers.holding, start, count)
    pdu = struct.pack(f">BB{count}H", function, 2 * count, *words)
    return Reply(pdu, Access(function, start, words), Access(function, target, values))


def _identify(request: bytes, registers: Registers) -> Reply:
    function, kind, level, first = struct.unpack(">BBBB", request)
    if kind != 0x0E:
        raise RefusalError(Code.ILLEGAL_FUNCTION)
    _demand(true=level in (1, 4))
    if level == 4 and first >= len(registers.product):
        raise RefusalError(Code.ILLEGAL_ADDRESS)
    wanted = [first] if level == 4 else range(first if first < 3 else 0, 3)
    objects = b""
    for number in wanted:
        text = registers.product[number].encode()
        objects += bytes((number, len(text))) + text
    head = bytes((function, 0x0E, level, 0x81, 0x00, 0x00, len(wanted)))
    return Reply(head + objects)


_FUNCTIONS: dict[int, Callable[[bytes, Registers], Reply]] = {
    1: _read_bits,
    2: _read_bits,
    3: _read_words,
    4: _read_words,
    5: _write_coil,
    6: _write_register,
    15: _write_coils,
    16: _write_registers,
    22: _mask_register,
    23: _exchange_registers,
    43: _identify,
}
