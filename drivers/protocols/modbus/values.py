"""Words to numbers and back, exactly: 218 x 0.1 is 21.8 and nothing near it."""

import math
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter
from typing import TypeAlias

from config.registers import RANGES, ByteOrder, RegisterPoint, WordType

Decoder: TypeAlias = Callable[[Sequence[int]], float | None]
"""Takes the words of one point; None when the device says that it has no value."""

_SIGN = {WordType.INT16: 0x8000, WordType.INT32: 0x8000_0000}
_FLOAT = struct.Struct(">f")


def unsigned(words: Sequence[int], order: ByteOrder) -> int:
    """Join one or two words into the unsigned number that their bytes make in `order`."""
    if len(words) == 1:
        return words[0]
    first, second = words
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        first, second = _swapped(first), _swapped(second)
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        first, second = second, first
    return first << 16 | second


def split(raw: int, words: int, order: ByteOrder) -> tuple[int, ...]:
    """Take an unsigned number apart; the inverse of `unsigned`."""
    if words == 1:
        return (raw,)
    first, second = raw >> 16, raw & 0xFFFF
    if order in (ByteOrder.CDAB, ByteOrder.DCBA):
        first, second = second, first
    if order in (ByteOrder.BADC, ByteOrder.DCBA):
        first, second = _swapped(first), _swapped(second)
    return first, second


def _swapped(word: int) -> int:
    return (word & 0xFF) << 8 | word >> 8


def shortest(raw: int) -> Decimal | None:
    """Give the shortest decimal that is this float32 (its bits as a number); None if not finite."""
    (value,) = _FLOAT.unpack(raw.to_bytes(4, "big"))
    if not math.isfinite(value):
        return None
    for digits in range(6, 10):
        text = f"{value:.{digits}g}"
        if _bits(float(text)) == raw:
            return Decimal(text)
    return Decimal(value)


def _bits(value: float) -> int | None:
    try:
        return int.from_bytes(_FLOAT.pack(value), "big")
    except OverflowError:
        return None


def decoder(point: RegisterPoint) -> Decoder:
    """Make the function that decodes a point; all arithmetic on its scale is done here."""
    joined = _joiner(point)
    unavailable = frozenset(point.unavailable)
    if point.type is WordType.FLOAT32:
        factor = Decimal(str(point.scale))

        def real(words: Sequence[int]) -> float | None:
            raw = joined(words)
            if raw in unavailable:
                return None
            value = shortest(raw)
            return None if value is None else float(value * factor)

        return real
    scale = Fraction(str(point.scale))
    numerator, denominator = scale.numerator, scale.denominator
    sign = _SIGN.get(point.type, 0)

    def whole(words: Sequence[int]) -> float | None:
        raw = joined(words)
        if raw in unavailable:
            return None
        # The quotient of two integers is correctly rounded: the float nearest to the decimal.
        return ((raw ^ sign) - sign) * numerator / denominator

    return whole


def _joiner(point: RegisterPoint) -> Callable[[Sequence[int]], int]:
    if point.words == 1:
        return itemgetter(0)
    match point.order:
        case ByteOrder.ABCD:
            return lambda words: words[0] << 16 | words[1]
        case ByteOrder.CDAB:
            return lambda words: words[1] << 16 | words[0]
        case order:
            return lambda words: unsigned(words, order)


def decode(point: RegisterPoint, words: Sequence[int]) -> float | None:
    """Give a point's value from its words; None when the device says that it has none."""
    return decoder(point)(words)


def encode(point: RegisterPoint, value: float) -> tuple[int, ...]:
    """Give the words that stand for a value, rounded to what the point can hold.

    Raises ValueError when no words can: the value is beyond the type, or means "no value".
    """
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a number that {point.name} can hold")
    exact = Fraction(str(value)) / Fraction(str(point.scale))
    if point.type is WordType.FLOAT32:
        raw = _bits(float(exact))
    else:
        low, high = RANGES[point.type]
        number = round(exact)
        raw = number % 2 ** (16 * point.words) if low <= number <= high else None
    if raw is None or raw in point.unavailable:
        raise ValueError(f"{value} is beyond what {point.name} can hold as {point.type}")
    return split(raw, point.words, point.order)
