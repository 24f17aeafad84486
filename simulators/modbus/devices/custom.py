"""A device that a site file describes: its own map says where the values lie.

There is no manual to write it from, so it agrees with the map by construction; the byte orders
are written out here once more (V1.1b3, 4.2, big-endian words; the letters as in manuals).
"""

import struct
from collections.abc import Callable, Mapping
from functools import partial

from config.registers import ByteOrder, RegisterMap, RegisterPoint, Table, WordType
from contracts.quantities import Quantity
from simulators.modbus.registers import Code, Getter, RefusalError, Registers, Setter

Measure = Callable[[], float | None]

_FORMATS = {
    WordType.INT16: ">h",
    WordType.UINT16: ">H",
    WordType.INT32: ">i",
    WordType.UINT32: ">I",
    WordType.FLOAT32: ">f",
}
_ORDERS = {
    ByteOrder.ABCD: (0, 1, 2, 3),
    ByteOrder.CDAB: (2, 3, 0, 1),
    ByteOrder.BADC: (1, 0, 3, 2),
    ByteOrder.DCBA: (3, 2, 1, 0),
}


def encode(point: RegisterPoint, value: float) -> list[int]:
    """Give the words (or the bit) of a value in the point's unit."""
    if point.type is WordType.BIT:
        return [int(value != 0)]
    raw = value / point.scale
    form = _FORMATS[point.type]
    packed = struct.pack(form, raw if point.type is WordType.FLOAT32 else round(raw))
    if len(packed) == 4:
        packed = bytes(packed[place] for place in _ORDERS[point.order])
    return [int(word) for (word,) in struct.iter_unpack(">H", packed)]


class Custom:
    """The memory of one device: measured points follow the world, written ones stay."""

    def __init__(self, described: RegisterMap, measures: Mapping[Quantity, Measure]) -> None:
        self._points = described.points
        self._measures = measures
        self._written: dict[tuple[Table, int], int] = {}

    def registers(self) -> Registers:
        tables: dict[Table, dict[int, Getter]] = {table: {} for table in Table}
        writes: dict[Table, dict[int, Setter]] = {table: {} for table in Table}
        for point in self._points:
            for place in range(point.words):
                address = point.register_ + place
                tables[point.table][address] = partial(self._word, point, place)
                if point.write is not None:
                    goes_to = address
                    if point.write.register_ is not None:
                        goes_to = point.write.register_ + place
                        tables[point.table].setdefault(goes_to, partial(self._word, point, place))
                    key = (point.table, address)
                    writes[point.table][goes_to] = partial(self._written.__setitem__, key)
        return Registers(
            holding=tables[Table.HOLDING] or None,
            input=tables[Table.INPUT] or None,
            coils=tables[Table.COILS] or None,
            discrete=tables[Table.DISCRETE_INPUTS] or None,
            holding_writes=writes[Table.HOLDING],
            coil_writes=writes[Table.COILS],
            product=("Custom", "from the site file", "1.0"),
        )

    def _word(self, point: RegisterPoint, place: int) -> int:
        written = self._written.get((point.table, point.register_ + place))
        if written is not None:
            return written
        if point.write is not None and point.write.safe is not None:
            return encode(point, point.write.safe)[place]
        measure = self._measures.get(point.quantity)
        value = 0.0 if measure is None else measure()
        if value is None:
            if point.unavailable:
                return point.unavailable[0]
            raise RefusalError(Code.DEVICE_FAILURE)
        return encode(point, value)[place]
