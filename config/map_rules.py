"""What must be true of the register map of a device in a site file, beside what each point says.

A driver reads and writes any map; what these rules refuse can be carried out, and is never meant.
"""

from collections.abc import Iterator

from config.base import Wrong
from config.registers import RegisterMap, RegisterPoint, Table, WordType
from contracts.quantities import Quantity

REFERENCES = {
    Table.DISCRETE_INPUTS: range(10_001, 20_000),
    Table.INPUT: range(30_001, 40_000),
    Table.HOLDING: range(40_001, 50_000),
}
"""By table: the numbers by which manuals call its registers, with the table in front."""
SMALLEST_REFERENCE = 30_001


def map_wrongs(registers: RegisterMap) -> Iterator[Wrong]:
    """Find what contradicts itself in a map."""
    yield from _references(registers)
    yield from _clashes(registers.points)


def map_notes(registers: RegisterMap) -> Iterator[Wrong]:
    """Find what is allowed in a map and yet seldom meant."""
    for index, other, point in _pairs(registers.points):
        what = f"{other.name} and {point.name} are two views of register {point.register_}"
        yield Wrong(("points", index, "register"), what)
    for index, point in enumerate(() if registers.high_addresses else registers.points):
        if point.register_ >= SMALLEST_REFERENCE:
            what = f"register {point.register_} looks like a manual's number (40001 is 0)"
            yield Wrong(("points", index, "register"), what)


def _references(registers: RegisterMap) -> Iterator[Wrong]:
    for index, point in enumerate(() if registers.high_addresses else registers.points):
        known = REFERENCES.get(point.table, range(0))
        if point.register_ in known:
            yield Wrong(("points", index, "register"), _counted(point.register_, known))
        elif point.write_place in known:
            where = ("points", index, "write", "register")
            yield Wrong(where, _counted(point.write_place, known))


def _counted(register: int, known: range) -> str:
    return (
        f"register {register} looks like a manual's number: registers are counted from 0 here,"
        f" without the table in front, so {register} is {register - known.start}; write that, or"
        " high_addresses: true in the map when the address is meant"
    )


def _clashes(points: tuple[RegisterPoint, ...]) -> Iterator[Wrong]:
    """Find points that cannot both be right: they read or write registers in common."""
    told: set[int] = set()
    for index, other, point in _pairs(points):
        if index not in told and (what := _clash(point, other)):
            told.add(index)
            yield Wrong(("points", index, "register"), what)
    taken: dict[tuple[Table, int], str] = {}
    for index, point in enumerate(points):
        if point.write is None:
            continue
        places = range(point.write_place, point.write_place + point.words)
        rivals = [taken[point.table, one] for one in places if (point.table, one) in taken]
        if rivals:
            what = f"{rivals[0]} and {point.name} write the same register; make one of them"
            yield Wrong(("points", index, "write"), f"{what} read-only")
        taken |= {(point.table, one): point.name for one in places}


def _pairs(
    points: tuple[RegisterPoint, ...],
) -> Iterator[tuple[int, RegisterPoint, RegisterPoint]]:
    """Give pairs of points that share registers: the later one's index, the earlier, the later."""
    taken: dict[tuple[Table, int], list[int]] = {}
    for index, point in enumerate(points):
        others: set[int] = set()
        for register in range(point.register_, point.last + 1):
            here = taken.setdefault((point.table, register), [])
            others.update(here)
            here.append(index)
        for other in sorted(others):
            yield index, points[other], point


def _clash(point: RegisterPoint, other: RegisterPoint) -> str | None:
    """Say why two points on registers in common contradict each other.

    What is left are views: a number beside its raw status, a word of a whole number that has two.
    """
    both = f"{other.name} and {point.name}"
    if (point.register_, point.words) != (other.register_, other.words):
        outer, inner = sorted((point, other), key=lambda one: -one.words)
        within = outer.register_ <= inner.register_ and inner.last <= outer.last
        if outer.type is WordType.FLOAT32 or not within or outer.words == inner.words:
            return f"{both} overlap: {outer.name} takes {outer.register_} to {outer.last}; move one"
        return None
    quantities = {point.quantity, other.quantity}
    readings = {(one.type, one.scale) for one in (point, other)}
    if point.words > 1 and point.order != other.order:
        return f"{both} read the same registers in different orders of bytes; keep the right one"
    if len(quantities) == 1 and (len(readings) == 1 or Quantity.STATUS not in quantities):
        return f"{both} read the same register {point.register_}; correct one, or remove it"
    if Quantity.STATUS not in quantities:
        what = f"register {point.register_} cannot be both {other.quantity} and {point.quantity}"
        return f"{both}: {what}; correct one"
    return None
