"""The points of a device in blocks: which of them make up one sample, and with how many decimals.

A block holds the points of one period; counters have blocks of their own, because their samples
are journalled at once and never thinned. What makes up a block depends on the device's map alone.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

from config.registers import RegisterPoint, WordType
from contracts.instants import Instant
from contracts.layouts import MOST_VALUES, Column, Layout, sample
from contracts.quantities import Quantity
from contracts.records import Odd, Sample

MOST_DECIMALS = 9


class Moment(NamedTuple):
    """What was read at one instant."""

    at: Instant
    values: dict[str, Odd | float]
    """By point; with its quality where that is not good."""


def decimals(point: RegisterPoint) -> int | None:
    """Say with how many decimals a point's values are exact; None where no number of them is."""
    if point.type is WordType.FLOAT32:
        return None
    scale = Fraction(str(point.scale))
    fitting = (n for n in range(MOST_DECIMALS + 1) if (scale * 10**n).denominator == 1)
    return next(fitting, None)


def layouts(points: Iterable[RegisterPoint], period: timedelta) -> tuple[Layout, ...]:
    """Give the layouts of a device whose points have `period` unless they have their own."""
    found: list[Layout] = []

    def block(point: RegisterPoint) -> tuple[float, bool]:
        seconds = (point.period or period).total_seconds()
        return seconds, point.quantity is Quantity.CROSSINGS

    for (seconds, counters), group in groupby(sorted(points, key=block), block):
        columns = [Column(point.name, decimals(point)) for point in group]
        name = f"{seconds:.3f}".rstrip("0").rstrip(".") + ("s-counters" if counters else "s")
        for first in range(0, len(columns), MOST_VALUES):
            part = f".{first // MOST_VALUES + 1}" if first else ""
            some = tuple(columns[first : first + MOST_VALUES])
            found.append(Layout(name + part, some))
    return tuple(found)


class Blocks:
    """Makes the samples of one device."""

    def __init__(self, device: str, given: Sequence[Layout]) -> None:
        self.layouts = given
        self._device = device
        self._digests = [layout.digest for layout in given]
        self._block = {
            column.name: place for place, layout in enumerate(given) for column in layout.columns
        }

    def samples(self, moments: Iterable[Moment]) -> list[Sample]:
        """Give one sample for each block of which something was read, and each moment."""
        return [
            sample(self._device, self.layouts[place], self._digests[place], at, values)
            for at, values in moments
            for place in sorted({self._block[name] for name in values})
        ]
