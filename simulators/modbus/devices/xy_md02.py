"""XY-MD02 temperature and humidity transmitter (SHT20/SHT40) and its many namesakes.

Input registers 0x0001 (temperature x10, signed) and 0x0002 (humidity x10), function 04; settings
0x0101 to 0x0104, functions 03 and 06 (maker's sheet, "Modbus protocol"). A probe without a value
answers exception 4.
"""

from collections.abc import Callable
from functools import partial

from simulators.modbus.devices.sensing import Sample
from simulators.modbus.registers import Code, RefusalError, Registers, word

SETTINGS = {0x0101: 1, 0x0102: 9600, 0x0103: 0, 0x0104: 0}
"""Unit id, baud rate, temperature offset x10, humidity offset x10."""


def xy_md02(sample: Callable[[], Sample]) -> Registers:
    """Give the register file of one probe."""
    settings = dict(SETTINGS)

    def offset(address: int) -> float:
        value = settings[address]
        return (value - 0x10000 if value & 0x8000 else value) / 10

    def temperature() -> int:
        value = _present(sample().temperature)
        return word(round(10 * (value + offset(0x0103)), 6))

    def humidity() -> int:
        value = _present(sample().humidity)
        return word(round(10 * (value + offset(0x0104)), 6))

    return Registers(
        input={0x0001: temperature, 0x0002: humidity},
        holding={address: partial(settings.__getitem__, address) for address in SETTINGS},
        holding_writes={address: partial(settings.__setitem__, address) for address in SETTINGS},
        product=("XY", "XY-MD02", "1.0"),
    )


def _present(value: float | None) -> float:
    if value is None:
        raise RefusalError(Code.DEVICE_FAILURE)
    return value
