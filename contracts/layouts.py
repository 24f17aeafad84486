"""Which points a sample holds, and with how many decimals: what never changes of a reading.

A device's card names its layouts; a sample names one of them by its digest. Values on the wire are
whole numbers of the last decimal where they fit exactly, otherwise the number itself.
"""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from math import copysign
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Struct

from contracts.bounds import LAST_NUMBER, Name
from contracts.instants import Instant
from contracts.quantities import Quality
from contracts.records import Odd, Reading, Sample

MOST_VALUES = 256
"""Of one sample; a device with more points has several blocks."""
DIGITS = 8
"""Characters of a digest: 48 bits, told apart within the layouts of one device."""

_POWERS: tuple[int, ...] = tuple(10**decimals for decimals in range(10))

Decimals: TypeAlias = Annotated[int, Meta(ge=0, le=9)]


class Column(Struct, frozen=True, array_like=True):
    """One point of a block. `decimals` is None where values are kept as they were decoded."""

    name: Name
    decimals: Decimals | None = None


class Layout(Struct, frozen=True):
    """The columns of one block of a device, in the order of a sample's values."""

    block: Name
    columns: Annotated[tuple[Column, ...], Meta(min_length=1, max_length=MOST_VALUES)]

    @property
    def digest(self) -> str:
        """The name by which samples call it."""
        whole = hashlib.sha256(msgspec.json.encode(self)).digest()
        return urlsafe_b64encode(whole)[:DIGITS].decode()


class LayoutError(ValueError):
    """A sample does not fit its layout; says how."""


def scaled(value: float, decimals: int | None) -> int | float:
    """Give a value as a whole number of its last decimal, or as it is where that is not exact."""
    if decimals is not None and -LAST_NUMBER < value < LAST_NUMBER:
        power = _POWERS[decimals]
        number = round(value * power)
        exact = -LAST_NUMBER < number < LAST_NUMBER and number / power == value
        if exact and (number or copysign(1.0, value) > 0):
            return number
    return float(value)


def unscaled(number: float, decimals: int | None) -> float:
    """Give the value back; a whole number is one of the last decimal, any other is the value."""
    if isinstance(number, int) and decimals is not None:
        return number / _POWERS[decimals]
    return float(number)


def sample(
    device: str, layout: Layout, digest: str, at: Instant, values: Mapping[str, Odd | float]
) -> Sample:
    """Make the sample of a block: `values` by point, `(value, quality)` where it is not good.

    A point that is not named was not measured. `digest` is the layout's, given because it is
    the same for all samples.
    """
    numbers: list[int | float | None] = []
    odd: list[tuple[int, str]] = []
    for place, column in enumerate(layout.columns):
        value = values.get(column.name)
        if isinstance(value, tuple):
            value, quality = value
            odd.append((place, quality))
        numbers.append(None if value is None else scaled(value, column.decimals))
    return Sample(device, layout.block, digest, at, tuple(numbers), tuple(odd))


def readings(one: Sample, layout: Layout) -> list[Reading]:
    """Give what a sample says, a reading for each point that was measured. Raises LayoutError."""
    if len(one.values) != len(layout.columns) or one.block != layout.block:
        raise LayoutError(
            f"a sample of {one.device}, block {one.block!r}, with {len(one.values)} values;"
            f" its layout {one.layout} has block {layout.block!r} with {len(layout.columns)}"
        )
    if not one.odd and None not in one.values:
        return [
            Reading(f"{one.device}/{column.name}", one.at, unscaled(number, column.decimals))
            for number, column in zip(one.values, layout.columns, strict=True)
            if number is not None
        ]
    odd = dict(one.odd)
    if odd and not 0 <= min(odd) <= max(odd) < len(one.values):
        raise LayoutError(f"a sample of {one.device} says something of a value that it has not")
    given: list[Reading] = []
    for place, (number, column) in enumerate(zip(one.values, layout.columns, strict=True)):
        quality = odd.get(place)
        if number is None and quality is None:
            continue
        value = None if number is None else unscaled(number, column.decimals)
        path = f"{one.device}/{column.name}"
        given.append(Reading(path, one.at, value, quality or Quality.GOOD))
    return given


def by_digest(layouts: Iterable[Layout]) -> dict[str, Layout]:
    """Give layouts by the name that samples call them."""
    return {layout.digest: layout for layout in layouts}
