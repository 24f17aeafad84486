"""Vaisala HMP-series probe (user guide M212022EN, "Modbus register map").

32-bit floats, least significant word first: 0x0000 humidity, 0x0002 temperature, 0x0006 dew point,
0x0008 dew/frost point, 0x000E absolute humidity, 0x0010 mixing ratio. The same as 16-bit integers
x100 from 0x0100. Status: 0x0200 fault (1 is good), 0x0201 online, 0x0203 and 0x0204 error bits.
7938 (reference 7937+1) holds the float test value -123.45. Functions 03 and 04 read the same
registers; a value that is not available is a quiet NaN, or 0x8000 as an integer.
"""

from collections.abc import Callable
from math import nan

from simulators.building.air import mixing_ratio, saturation_pressure
from simulators.modbus.devices.sensing import Sample, dew
from simulators.modbus.registers import Getter, Registers, float_words, word

NO_INTEGER = 0x8000
TEST_VALUE = -123.45


def _absolute(sample: Sample) -> float | None:
    if sample.temperature is None or sample.humidity is None:
        return None
    pressure = saturation_pressure(sample.temperature) * sample.humidity  # Pa
    return 1000 * pressure / (461.5 * (sample.temperature + 273.15))


def _mixing(sample: Sample) -> float | None:
    if sample.temperature is None or sample.humidity is None:
        return None
    return 1000 * mixing_ratio(sample.temperature, sample.humidity)


FLOATS: dict[int, Callable[[Sample], float | None]] = {
    0x0000: lambda sample: sample.humidity,
    0x0002: lambda sample: sample.temperature,
    0x0006: dew,
    0x0008: dew,
    0x000E: _absolute,
    0x0010: _mixing,
    7938: lambda _sample: TEST_VALUE,
}
INTEGERS: dict[int, Callable[[Sample], float | None]] = {
    0x0100: lambda sample: sample.humidity,
    0x0101: lambda sample: sample.temperature,
    0x0103: dew,
}


def vaisala_hmp(sample: Callable[[], Sample]) -> Registers:
    """Give the register file of one probe."""
    table: dict[int, Getter] = {}
    for address, quantity in FLOATS.items():
        table[address] = _FloatWord(sample, quantity, 1)
        table[address + 1] = _FloatWord(sample, quantity, 0)
    for address, quantity in INTEGERS.items():
        table[address] = _Integer(sample, quantity)

    def good() -> int:
        return int(None not in sample())

    table[0x0200] = good
    table[0x0201] = lambda: 1
    table[0x0203] = lambda: 0 if good() else 0x0001
    table[0x0204] = lambda: 0
    return Registers(input=table, holding=table, product=("Vaisala", "HMP", "1.2"))


class _FloatWord:
    """One half of a float."""

    def __init__(
        self,
        sample: Callable[[], Sample],
        quantity: Callable[[Sample], float | None],
        place: int,
    ) -> None:
        self._sample = sample
        self._quantity = quantity
        self._place = place

    def __call__(self) -> int:
        value = self._quantity(self._sample())
        return float_words(nan if value is None else value)[self._place]


class _Integer:
    """A value x100."""

    def __init__(
        self, sample: Callable[[], Sample], quantity: Callable[[Sample], float | None]
    ) -> None:
        self._sample = sample
        self._quantity = quantity

    def __call__(self) -> int:
        value = self._quantity(self._sample())
        return NO_INTEGER if value is None else word(100 * value)
