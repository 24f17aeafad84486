"""A register file: what one Modbus unit holds, address by address.

Addresses are those of the protocol data unit (V1.1b3, 4.4): reference 40001 is holding 0.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

Getter = Callable[[], int]
Setter = Callable[[int], None]


class Code(IntEnum):
    """Exception codes (V1.1b3, 7)."""

    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_ADDRESS = 0x02
    ILLEGAL_VALUE = 0x03
    DEVICE_FAILURE = 0x04
    TARGET_SILENT = 0x0B


class RefusalError(Exception):
    """The unit answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(f"Modbus exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Registers:
    """Getters and setters by address; a table that is None is one the device does not have."""

    holding: Mapping[int, Getter] | None = None
    input: Mapping[int, Getter] | None = None
    coils: Mapping[int, Getter] | None = None
    discrete: Mapping[int, Getter] | None = None
    holding_writes: Mapping[int, Setter] = field(default_factory=dict)
    coil_writes: Mapping[int, Setter] = field(default_factory=dict)
    product: tuple[str, str, str] = ("Example", "device", "1.0")
    """Vendor, product code and revision, for function 43/14."""


def read(table: Mapping[int, Getter] | None, start: int, count: int) -> list[int]:
    """Give words or bits; raise RefusalError for a missing table or an undefined address."""
    if table is None:
        raise RefusalError(Code.ILLEGAL_FUNCTION)
    getters = [table.get(address) for address in range(start, start + count)]
    found = [getter for getter in getters if getter is not None]
    if len(found) < count:
        raise RefusalError(Code.ILLEGAL_ADDRESS)
    return [getter() for getter in found]


def write(table: Mapping[int, Setter], start: int, values: Sequence[int]) -> None:
    """Set words or bits, all or none of them addressed; raise RefusalError."""
    if not table:
        raise RefusalError(Code.ILLEGAL_FUNCTION)
    setters = [table.get(address) for address in range(start, start + len(values))]
    found = [setter for setter in setters if setter is not None]
    if len(found) < len(values):
        raise RefusalError(Code.ILLEGAL_ADDRESS)
    for setter, value in zip(found, values, strict=True):
        setter(value)


def word(value: float) -> int:
    """Give a whole number as a 16-bit word, negative ones in two's complement."""
    return max(-0x8000, min(0xFFFF, round(value))) & 0xFFFF


def float_words(value: float) -> tuple[int, int]:
    """Give an IEEE 754 single as (high word, low word)."""
    high, low = struct.unpack(">HH", struct.pack(">f", value))
    return int(high), int(low)
