"""Which samples go when there is no room left. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from contracts.instants import MINUTE, Instant
from edge.journal.rows import Block

SLICE = 2_000
"""Rows looked at in one step."""


class Candidate(NamedTuple):
    """A row that may go, by its place in the slice."""

    place: int
    at: Instant
    block: Block | int


def every_second(rows: Iterable[Candidate], *, gently: bool) -> frozenset[int]:
    """Choose the places of what goes: of each block at most every second one, never the first.

    Gently: none whose kept neighbours would lie more than a minute apart, because it holds a
    minute's coverage; nor the last one, whose next neighbour is not known.
    """
    blocks: dict[Block | int, list[tuple[Instant, int]]] = {}
    for row in rows:
        blocks.setdefault(row.block, []).append((row.at, row.place))
    gone: set[int] = set()
    for samples in blocks.values():
        samples.sort()
        kept, last = samples[0][0], len(samples) - 1
        passed = True
        for index, (at, place) in enumerate(samples[1:], start=1):
            near = index < last and samples[index + 1][0] - kept <= MINUTE
            if passed and (near or not gently):
                gone.add(place)
                passed = False
            else:
                kept, passed = at, True
    return frozenset(gone)
