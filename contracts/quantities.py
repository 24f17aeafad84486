"""What is measured, in which unit, and what physics allows."""

from enum import StrEnum
from typing import NamedTuple


class Quantity(StrEnum):
    """The physical meaning of a point."""

    AIR_TEMPERATURE = "air_temperature"
    RELATIVE_HUMIDITY = "relative_humidity"
    CO2 = "co2"
    CROSSINGS = "crossings"
    SAMPLE = "sample"
    SHARE = "share"
    STATUS = "status"


class Bounds(NamedTuple):
    """Closed bounds outside which a value is nonsense, in the quantity's unit."""

    low: float
    high: float


class Nature(NamedTuple):
    """Unit (as shown to people) and plausible bounds of a quantity."""

    unit: str
    plausible: Bounds


# 85 °C and -40 °C are what many probes answer at power-on, 0 %RH what a dead element answers:
# such values are nonsense in a building, so the bounds leave them out.
NATURES: dict[Quantity, Nature] = {
    Quantity.AIR_TEMPERATURE: Nature("°C", Bounds(-39.9, 80.0)),
    Quantity.RELATIVE_HUMIDITY: Nature("%RH", Bounds(0.1, 100.0)),
    Quantity.CO2: Nature("ppm", Bounds(100.0, 20_000.0)),
    Quantity.CROSSINGS: Nature("count", Bounds(0.0, 2.0**53)),
    Quantity.SAMPLE: Nature("count", Bounds(0.0, 2.0**53)),
    Quantity.SHARE: Nature("%", Bounds(0.0, 100.0)),
    Quantity.STATUS: Nature("", Bounds(0.0, 2.0**32)),
}


class Quality(StrEnum):
    """What the edge thinks of one value when it is measured."""

    GOOD = "good"
    IMPLAUSIBLE = "implausible"
    """Outside what physics allows; stored as sent, never judged as if it were true."""
    UNAVAILABLE = "unavailable"
    """The device itself said that it has no value (NaN, 0x8000, a fault bit); value is null."""


def judge(quantity: Quantity, value: float | None) -> Quality:
    """Say what a freshly decoded value is worth."""
    if value is None or value != value:  # noqa: PLR0124 - NaN is the one value unlike itself
        return Quality.UNAVAILABLE
    low, high = NATURES[quantity].plausible
    return Quality.GOOD if low <= value <= high else Quality.IMPLAUSIBLE
