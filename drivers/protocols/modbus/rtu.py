"""Modbus on a serial line: what came back for a request, held against its checksum.

Source: MODBUS over Serial Line Specification and Implementation Guide V1.02 (2.5.1, RTU). A frame's
end is told by its length and checksum, not by silence: what sits between bunches bytes as it likes.
When the line is quiet again, and the waiting itself, are the wire's.
"""

from drivers.protocols.modbus.pdu import COUNTED, EXCEPTION, LONGEST, Mismatch, Request, judge

LONGEST_FRAME = LONGEST + 3
"""Unit, function and data, checksum."""
UNITS = range(1, 248)
"""Who may be asked; 0 is everybody at once, who answers nothing."""
POLYNOMIAL = 0xA001
NOISE = b"\x00\xff"
"""What a line gives of itself while its driver is switched; no unit has these addresses."""


def _entry(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ (POLYNOMIAL if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))


def checksum(data: bytes) -> bytes:
    """Give the CRC-16 as it goes over the line, its low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc.to_bytes(2, "little")


def frame(request: Request) -> bytes:
    """Give the bytes of a request. Raises ValueError for a unit that no line has."""
    if request.unit not in UNITS:
        raise ValueError(f"unit {request.unit} is not on a serial line; 1 to 247 are")
    whole = bytes([request.unit, request.function]) + request.data
    return whole + checksum(whole)


def examine(received: bytes, request: Request) -> bytes | Mismatch | None:
    """Give the reply (function code and data), why there will be none, or None for more to come.

    Noise before a frame is passed over, what comes behind it is left: both are no part of it.
    """
    whole = received.lstrip(NOISE)
    if len(whole) < 3:
        return None
    size = _size(whole, request)
    if isinstance(size, Mismatch):
        return size
    if len(whole) < size:
        return None
    if checksum(whole[: size - 2]) != whole[size - 2 : size]:
        return Mismatch(f"the checksum is wrong: {whole[:size].hex(' ')}")
    pdu = whole[1 : size - 2]
    return judge(pdu, request) or pdu


def _size(whole: bytes, request: Request) -> int | Mismatch:
    """Say how long the frame is, from its first three bytes."""
    unit, function, third = whole[:3]
    if unit != request.unit:
        return Mismatch(f"unit {unit} answered")
    if function == request.function | EXCEPTION:
        return 5
    if function != request.function:
        return Mismatch(f"function {function} answered")
    if function in COUNTED and third != request.reply - 1:
        return Mismatch(f"a byte count of {third} instead of {request.reply - 1}")
    return 4 + request.reply
