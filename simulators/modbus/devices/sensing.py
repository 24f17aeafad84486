"""What a probe measures: air, with noise, or nothing."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from simulators.building.air import Air, dew_point


class Sample(NamedTuple):
    """One measurement; None where the probe has no value."""

    temperature: float | None
    """°C."""
    humidity: float | None
    """%RH."""


NOTHING = Sample(None, None)
POWER_ON = 85.0
"""°C, what many probes answer before their first measurement."""


class Probe:
    """Takes a sample now and then, and holds it: two reads in between give the same value."""

    def __init__(
        self,
        air: Callable[[], Air],
        random: Random,
        powered_on: Callable[[], bool] = lambda: False,
        warmer: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._air = air
        self._random = random
        self._powered_on = powered_on
        self._warmer = warmer
        self._offset = random.gauss(0, 0.08)
        self._damp = random.gauss(0, 0.5)
        self._sample = NOTHING
        self.take()

    def take(self) -> None:
        """Measure: the noise of a good element, and an offset that stays with the probe."""
        around = self._air()
        # Warmed air holds the same water: its relative humidity falls.
        air = Air(around.temperature + self._warmer(), around.water)
        temperature = air.temperature + self._offset + self._random.gauss(0, 0.03)
        humidity = air.humidity + self._damp + self._random.gauss(0, 0.15)
        self._sample = Sample(temperature, min(99.9, max(0.5, humidity)))

    def sample(self) -> Sample:
        """Give the last measurement."""
        if self._powered_on():
            return Sample(POWER_ON, self._sample.humidity)
        return self._sample


def dew(sample: Sample) -> float | None:
    """Give the dew point of a sample in °C."""
    if sample.temperature is None or sample.humidity is None or sample.humidity <= 0:
        return None
    return dew_point(sample.temperature, sample.humidity)
