"""Register maps: where in a Modbus device each point lies, and how its words become a value.

Addresses are those of the protocol data unit: 0 to 65535 (Modbus Application Protocol V1.1b3,
4.4). A manual's 30001 is input register 0, its 40017 is holding register 16.
"""

from collections.abc import Iterator
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Any, Self

from pydantic import (
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from config.base import Model, Number, Period, PointName, Whole, Wrong, refuse
from contracts.quantities import NATURES, Quantity


class Table(StrEnum):
    """The four data tables of Modbus."""

    COILS = "coil"
    DISCRETE_INPUTS = "discrete"
    HOLDING = "holding"
    INPUT = "input"


class WordType(StrEnum):
    """How one or more words (or one bit) are read as a number."""

    BIT = "bit"
    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    FLOAT32 = "float32"


WORDS = {
    WordType.BIT: 1,
    WordType.INT16: 1,
    WordType.UINT16: 1,
    WordType.INT32: 2,
    WordType.UINT32: 2,
    WordType.FLOAT32: 2,
}

RANGES = {
    WordType.BIT: (0, 1),
    WordType.INT16: (-0x8000, 0x7FFF),
    WordType.UINT16: (0, 0xFFFF),
    WordType.INT32: (-0x8000_0000, 0x7FFF_FFFF),
    WordType.UINT32: (0, 0xFFFF_FFFF),
}
"""Whole numbers that each type holds."""

LAST_ADDRESS = 0xFFFF
SMALLEST_SCALE, LARGEST_SCALE = 1e-9, 1e9
MOST_POINTS = 1000
"""What a device's card has room for."""
SHARED = "shared"
"""Key of the validation context: register maps by the id of the data they were made of."""
LARGEST_BLOCK = {
    Table.HOLDING: 125,
    Table.INPUT: 125,
    Table.COILS: 2000,
    Table.DISCRETE_INPUTS: 2000,
}
"""Most items in one read (V1.1b3, 6.1 to 6.4)."""


class ByteOrder(StrEnum):
    """The order of the four bytes of a 32-bit value, as manuals write it."""

    ABCD = "ABCD"
    CDAB = "CDAB"
    BADC = "BADC"
    DCBA = "DCBA"


def beyond(quantity: Quantity, value: float) -> str | None:
    """Say what is wrong with a bound that no value of the quantity reaches; 0 is always honest."""
    low, high = NATURES[quantity].plausible
    if min(low, 0) <= value <= high:
        return None
    return f"{value:g} is beyond what {quantity} can be; give {low:g} to {high:g}"


class Write(Model):
    """How, and within which limits, a point may be written."""

    low: Number
    high: Number
    function: Whole = Field(default=6, description="6, or 16 for devices that know only that one")
    register_: Whole | None = Field(
        default=None, alias="register", description="when other than where the point is read"
    )
    safe: Number | None = Field(default=None, description="what the edge puts back")

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}; swap them")
        if self.function not in (5, 6, 16):
            raise ValueError(f"write function {self.function} is not one of 5, 6, 16")
        if self.safe is not None and not self.low <= self.safe <= self.high:
            raise ValueError(f"safe value {self.safe} is outside {self.low}..{self.high}")
        return self


class RegisterPoint(Model):
    """One point: its place, its decoding, its meaning."""

    name: PointName
    quantity: Quantity
    table: Table
    register_: Whole = Field(alias="register")
    type: WordType = WordType.UINT16
    order: ByteOrder = ByteOrder.ABCD
    scale: Number = 1.0
    unit: str | None = Field(default=None, description="checked against the quantity's own")
    unavailable: tuple[Whole, ...] = Field(
        default=(),
        max_length=64,
        description="raw words by which the device says that it has no value",
    )
    period: Period | None = Field(default=None, description="when other than the device's")
    write: Write | None = None

    @property
    def words(self) -> int:
        """Registers (or bits) that the point takes."""
        return WORDS[self.type]

    @property
    def last(self) -> int:
        """The last register of the point."""
        return self.register_ + self.words - 1

    @model_validator(mode="after")
    def _possible(self) -> Self:
        refuse(Wrong(place, f"point {self.name}: {what}") for place, what in self._wrongs())
        return self

    def _wrongs(self) -> Iterator[Wrong]:
        if not 0 <= self.register_ <= LAST_ADDRESS:
            yield Wrong(
                ("register",),
                f"register {self.register_} is impossible; give the address in the protocol data"
                f" unit, 0 to {LAST_ADDRESS} (the manual's 40001 is holding 0)",
            )
        elif self.last > LAST_ADDRESS:
            yield Wrong(
                ("register",),
                f"{self.type} at register {self.register_} runs past {LAST_ADDRESS}; correct one",
            )
        if self._is_bit != (self.type is WordType.BIT):
            kind = "type bit" if self._is_bit else "a type other than bit"
            yield Wrong(
                ("type",), f"table {self.table} holds no {self.type}; use {kind} or another table"
            )
        if self.scale == 0:
            yield Wrong(("scale",), "scale 0 makes every value 0; give the value of one step")
        else:
            yield from self._wrong_scale()
        beyond = [hex(raw) for raw in self.unavailable if not 0 <= raw < 2 ** (16 * self.words)]
        if beyond:
            yield Wrong(
                ("unavailable",),
                f"{beyond[0]} is no raw value of {self.words} words; write it unsigned",
            )
        own = NATURES[self.quantity].unit
        if self.unit is not None and self.unit != own:
            yield Wrong(
                ("unit",),
                f"unit {self.unit!r} does not fit {self.quantity}, which is in {own!r};"
                " correct the unit, or the scale and the unit",
            )
        if self.write is not None and self.scale != 0:
            yield from self._wrong_writing(self.write)

    def _wrong_scale(self) -> Iterator[Wrong]:
        if not SMALLEST_SCALE <= abs(self.scale) <= LARGEST_SCALE:
            what = f"scale {self.scale:g} is no device's; give the value of one step"
            yield Wrong(("scale",), f"{what}, {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}")
        elif self.type in RANGES:
            ends = [end * self.scale for end in RANGES[self.type]]
            low, high = NATURES[self.quantity].plausible
            step_too_large = abs(self.scale) > max(abs(low), abs(high))
            if step_too_large or min(ends) >= high or max(ends) <= low:
                yield Wrong(
                    ("scale",),
                    f"{self.type} x {self.scale:g} gives no {self.quantity}, which is {low:g} to"
                    f" {high:g}; correct the scale or the type",
                )

    @property
    def write_place(self) -> int:
        """The first register that writing changes."""
        other = self.write.register_ if self.write else None
        return self.register_ if other is None else other

    @property
    def _is_bit(self) -> bool:
        return self.table in (Table.COILS, Table.DISCRETE_INPUTS)

    def _wrong_writing(self, write: Write) -> Iterator[Wrong]:
        if self.table in (Table.INPUT, Table.DISCRETE_INPUTS):
            what = f"table {self.table} cannot be written; use holding or coil, or remove write"
            yield Wrong(("write",), what)
            return
        fitting = {5} if self._is_bit else {6, 16} if self.words == 1 else {16}
        if write.function not in fitting:
            choice = " or ".join(map(str, sorted(fitting)))
            what = f"function {write.function} does not write {self.type}; use {choice}"
            yield Wrong(("write",), what)
        if self.scale < 0:
            what = "a negative scale turns the limits of writing about; give a positive one"
            yield Wrong(("scale",), what)
            return
        place = self.write_place
        if not 0 <= place <= LAST_ADDRESS - self.words + 1:
            what = f"register {place} is impossible; give 0 to {LAST_ADDRESS}"
            yield Wrong(("write", "register"), what)
        for side in ("low", "high"):
            bound = write.low if side == "low" else write.high
            if not self._holds(bound):
                what = f"{side} {bound:g} is beyond what {self.type} x {self.scale:g} can hold"
                yield Wrong(("write", side), f"{what}; correct it, the type or the scale")
            elif what_else := beyond(self.quantity, bound):
                yield Wrong(("write", side), what_else)

    def _holds(self, value: float) -> bool:
        if self.type not in RANGES:
            return True
        low, high = RANGES[self.type]
        return low <= round(Fraction(str(value)) / Fraction(str(self.scale))) <= high


class RegisterMap(Model):
    """What the planner may ask of one device model."""

    points: tuple[RegisterPoint, ...] = Field(min_length=1, max_length=MOST_POINTS)
    largest_block: Whole = Field(default=125, ge=1, le=2000)
    hole: Whole = Field(
        default=0, ge=0, le=2000, description="undeclared registers that one read may cross"
    )
    high_addresses: bool = Field(
        default=False, description="registers such as 40001 are addresses from 0 as they stand"
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        refuse(self._doubled())
        widest = max(point.words for point in self.points)
        if self.largest_block < widest:
            raise ValueError(f"largest_block {self.largest_block} is less than one of the points")
        return self

    def _doubled(self) -> Iterator[Wrong]:
        seen: set[str] = set()
        for index, point in enumerate(self.points):
            if point.name in seen:
                what = f"point {point.name} is declared twice; rename one"
                yield Wrong(("points", index, "name"), what)
            seen.add(point.name)


def _shared(
    given: Any, make: ValidatorFunctionWrapHandler, info: ValidationInfo
) -> "RegisterMap | None":
    """Make one map of one text, whatever the number of devices whose aliases name it."""
    known: dict[int, RegisterMap] | None = (info.context or {}).get(SHARED)
    if known is None or not isinstance(given, dict):
        made: RegisterMap | None = make(given)
        return made
    if id(given) not in known:
        known[id(given)] = make(given)
    return known[id(given)]


SharedMap = Annotated[RegisterMap | None, WrapValidator(_shared)]
