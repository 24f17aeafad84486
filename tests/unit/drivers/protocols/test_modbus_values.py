"""Words and numbers: exact, in every order."""

import math
import struct
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from config.registers import RANGES, ByteOrder, RegisterPoint, WordType
from contracts.quantities import Quality, Quantity, judge
from drivers.protocols.modbus.values import decode, encode, shortest, split, unsigned


def point(**given: Any) -> RegisterPoint:
    base = {"name": "p", "quantity": "status", "table": "holding", "register": 0}
    return RegisterPoint.model_validate(base | given)


# 0x11223344 as manuals write the orders; A is the most significant byte.
@pytest.mark.parametrize(
    ("order", "words"),
    [
        (ByteOrder.ABCD, (0x1122, 0x3344)),
        (ByteOrder.CDAB, (0x3344, 0x1122)),
        (ByteOrder.BADC, (0x2211, 0x4433)),
        (ByteOrder.DCBA, (0x4433, 0x2211)),
    ],
)
def test_the_four_orders(order: ByteOrder, words: tuple[int, int]) -> None:
    assert unsigned(words, order) == 0x11223344
    assert split(0x11223344, 2, order) == words


@pytest.mark.parametrize(
    ("given_", "words", "value"),
    [
        ({"type": "int16", "scale": 0.1}, (218,), 21.8),
        ({"type": "int16", "scale": 0.1}, (0x10000 - 53,), -5.3),
        ({"type": "uint16", "scale": 0.1}, (546,), 54.6),
        ({"type": "uint16", "scale": 0.01}, (0xFFFF,), 655.35),
        ({"type": "int16"}, (0x8000,), -32768),
        ({"type": "uint16", "scale": 0.02}, (1085,), 21.7),
        ({"type": "int32", "scale": 0.001}, (0xFFFF, 0xFFFF), -0.001),
        ({"type": "uint32", "order": "CDAB"}, (1, 2), 131073),
        ({"type": "uint32"}, (0xFFFF, 0xFFFF), 4294967295),
        ({"type": "uint16", "scale": 100}, (7,), 700),
        ({"type": "float32"}, (0x41AE, 0x6666), 21.8),
        ({"type": "float32", "order": "CDAB"}, (0x6666, 0x41AE), 21.8),
        ({"type": "float32", "scale": 0.1}, (0x435A, 0x0000), 21.8),
        ({"type": "float32", "order": "CDAB"}, (0xE666, 0xC2F6), -123.45),
        ({"type": "bit", "table": "coil"}, (1,), 1),
    ],
)
def test_known_values(given_: dict[str, Any], words: tuple[int, ...], value: float) -> None:
    assert decode(point(**given_), words) == value


@pytest.mark.parametrize(
    "given_words",
    [
        ({"type": "float32"}, (0x7FC0, 0)),
        ({"type": "float32"}, (0xFFC0, 1)),
        ({"type": "float32"}, (0x7F80, 0)),
        ({"type": "int16", "unavailable": [0x8000]}, (0x8000,)),
        ({"type": "uint16", "unavailable": [0x7FFF, 0xFFFF]}, (0xFFFF,)),
        ({"type": "uint32", "unavailable": [0xFFFFFFFF]}, (0xFFFF, 0xFFFF)),
        ({"type": "uint32", "order": "CDAB", "unavailable": [0x80000000]}, (0, 0x8000)),
    ],
)
def test_what_a_device_has_no_value_for_is_none(
    given_words: tuple[dict[str, Any], tuple[int, ...]],
) -> None:
    given_, words = given_words
    value = decode(point(**given_), words)
    assert value is None
    assert judge(Quantity.AIR_TEMPERATURE, value) is Quality.UNAVAILABLE


def test_power_on_values_are_implausible() -> None:
    temperature = point(quantity="air_temperature", type="int16", scale=0.1)
    value = decode(temperature, (850,))
    assert value == 85.0
    assert judge(Quantity.AIR_TEMPERATURE, value) is Quality.IMPLAUSIBLE


WHOLE = st.sampled_from(sorted(RANGES))
SCALES = st.sampled_from([0.001, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0, 100.0])


@given(WHOLE, st.sampled_from(ByteOrder), SCALES, st.data())
def test_whole_numbers_come_exactly_and_go_back(
    kind: WordType, order: ByteOrder, scale: float, data: st.DataObject
) -> None:
    table = "coil" if kind is WordType.BIT else "holding"
    subject = point(type=kind, order=order, scale=scale, table=table)
    number = data.draw(st.integers(*RANGES[kind]))
    words = split(number % 2 ** (16 * subject.words), subject.words, order)
    value = decode(subject, words)
    assert value is not None
    # No float is nearer to the exact product.
    exact = number * Fraction(str(scale))
    for other in (math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        assert abs(Fraction(value) - exact) <= abs(Fraction(other) - exact)
    assert encode(subject, value) == words


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(ByteOrder))
def test_floats_come_as_their_shortest_decimal_and_go_back(value: float, order: ByteOrder) -> None:
    raw = int.from_bytes(struct.pack(">f", value), "big")
    subject = point(type="float32", order=order)
    words = split(raw, 2, order)
    read = decode(subject, words)
    assert read is not None
    assert struct.pack(">f", read) == struct.pack(">f", value)
    short = shortest(raw)
    assert short is not None
    assert len(short.normalize().as_tuple().digits) <= 9
    assert encode(subject, read) == words or value == 0


@given(st.decimals(-9999, 9999, places=2))
def test_a_float_that_was_written_as_a_short_decimal_reads_as_that(decimal: Any) -> None:
    value = float(decimal)
    raw = int.from_bytes(struct.pack(">f", value), "big")
    assert decode(point(type="float32"), (raw >> 16, raw & 0xFFFF)) == value


@given(WHOLE, SCALES, st.floats(allow_nan=True, allow_infinity=True))
def test_what_a_point_cannot_hold_is_refused_and_the_rest_is_nearest(
    kind: WordType, scale: float, value: float
) -> None:
    table = "coil" if kind is WordType.BIT else "holding"
    subject = point(type=kind, scale=scale, table=table)
    try:
        words = encode(subject, value)
    except ValueError:
        low, high = RANGES[kind]
        assume(math.isfinite(value))
        assert not low <= round(Fraction(str(value)) / Fraction(str(scale))) <= high
        return
    read = decode(subject, words)
    assert read is not None
    assert abs(Fraction(read) - Fraction(value)) <= Fraction(scale) * Fraction(501, 1000)


def test_a_value_that_would_read_as_none_is_not_written() -> None:
    with pytest.raises(ValueError, match="beyond"):
        encode(point(unavailable=[0xFFFF]), 0xFFFF)
    with pytest.raises(ValueError, match="beyond"):
        encode(point(type="float32"), 1e39)
