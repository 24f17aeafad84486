"""Which blocks to read so that every point comes with as few requests as its device allows."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from config.registers import LARGEST_BLOCK, RegisterMap, RegisterPoint, Table


class Block(NamedTuple):
    """One read: `size` registers or bits of a table from `first`, and the points in it."""

    table: Table
    first: int
    size: int
    points: tuple[RegisterPoint, ...]


def plan(
    wanted: Iterable[RegisterPoint], known: RegisterMap, refused: Collection[str] = ()
) -> tuple[Block, ...]:
    """Cover the wanted points with the fewest blocks.

    A point is never torn. A block may cross registers of any declared point, and at most
    `known.hole` undeclared ones in a row; it never touches a register that only points in
    `refused` (by name) have.
    """
    blocks: list[Block] = []
    by_table: dict[Table, list[RegisterPoint]] = {}
    for point in wanted:
        by_table.setdefault(point.table, []).append(point)
    for table, points in by_table.items():
        ground = _Ground(table, known, refused)
        for point in sorted(points, key=lambda one: (one.register_, one.last)):
            if blocks and blocks[-1].table is table:
                grown = _grown(blocks[-1], point)
                if grown.size <= ground.largest and ground.passable(blocks[-1], point):
                    blocks[-1] = grown
                    continue
            blocks.append(Block(table, point.register_, point.words, (point,)))
    return tuple(blocks)


def _grown(block: Block, point: RegisterPoint) -> Block:
    last = max(block.first + block.size - 1, point.last)
    return Block(block.table, block.first, last - block.first + 1, (*block.points, point))


class _Ground:
    """What lies between the points of one table."""

    def __init__(self, table: Table, known: RegisterMap, refused: Collection[str]) -> None:
        self.largest = min(known.largest_block, LARGEST_BLOCK[table])
        self._hole = known.hole
        points = [point for point in known.points if point.table is table]
        self._declared = _registers(point for point in points if point.name not in refused)
        self._closed = (
            _registers(point for point in points if point.name in refused) - self._declared
        )

    def passable(self, block: Block, point: RegisterPoint) -> bool:
        """Say whether one read may go on from a block to the next point."""
        run = 0
        for register in range(block.first + block.size, point.register_):
            if register in self._closed:
                return False
            run = 0 if register in self._declared else run + 1
            if run > self._hole:
                return False
        return True


def _registers(points: Iterable[RegisterPoint]) -> set[int]:
    return {register for point in points for register in range(point.register_, point.last + 1)}
