"""Moist air: Magnus with the constants of Alduchov and Eskridge (1996), at sea level. Pure."""

from math import exp, log
from typing import NamedTuple

PRESSURE = 1013.25
"""hPa."""
_A, _B, _ES0 = 17.625, 243.04, 6.1094


def saturation_pressure(temperature: float) -> float:
    """Give the water vapour pressure over water, in hPa, at a temperature in °C."""
    return _ES0 * exp(_A * temperature / (_B + temperature))


def dew_point(temperature: float, humidity: float) -> float:
    """Give the dew point in °C from °C and %RH (above 0)."""
    gamma = log(humidity / 100) + _A * temperature / (_B + temperature)
    return _B * gamma / (_A - gamma)


def mixing_ratio(temperature: float, humidity: float) -> float:
    """Give kg of water per kg of dry air from °C and %RH."""
    pressure = saturation_pressure(temperature) * humidity / 100
    return 0.62199 * pressure / (PRESSURE - pressure)


class Air(NamedTuple):
    """Air somewhere: temperature in °C, water in kg per kg of dry air."""

    temperature: float
    water: float

    @property
    def humidity(self) -> float:
        """Relative humidity, 0 to 100 %."""
        pressure = PRESSURE * self.water / (0.62199 + self.water)
        return min(100.0, 100 * pressure / saturation_pressure(self.temperature))

    @property
    def dew_point(self) -> float:
        """Dew point in °C."""
        return dew_point(self.temperature, max(self.humidity, 0.01))


def air(temperature: float, humidity: float) -> Air:
    """Give air from °C and %RH."""
    return Air(temperature, mixing_ratio(temperature, humidity))
