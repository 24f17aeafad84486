"""Holes: numbers that are not in the store, and why."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from contracts.instants import Instant

AWAITED = ""
THINNED = "thinned"
"""Given up by an edge of 0.1."""
GIVEN_UP = "given-up"
CLOSED = "closed"
"""The journal was left, and holds them no more."""
SETTLED = "settled"
"""The journal holds them no more, and said no reason."""
PRESUMED = "presumed"
"""The edge does not name the stream any more. They may come all the same."""
OPEN_END = "open-end"
"""Nobody knows how many more there were."""


class Hole(NamedTuple):
    """Numbers that are not in the store."""

    first: int
    last: int
    """0 where the end is not known."""
    noticed: Instant
    since: Instant | None
    """When the record before became true, where that is known …"""
    until: Instant | None
    """… and the one behind."""
    cause: str = AWAITED
    reason: str = ""


class Holes:
    """Disjoint holes, in order."""

    __slots__ = ("_by_first", "_changed", "_firsts")

    def __init__(self, holes: Iterable[Hole], changed: set[int]) -> None:
        self._by_first = {hole.first: hole for hole in holes}
        self._firsts = sorted(self._by_first)
        self._changed = changed

    def __iter__(self) -> Iterator[Hole]:
        return (self._by_first[first] for first in self._firsts)

    def __len__(self) -> int:
        return len(self._firsts)

    @property
    def last(self) -> int:
        """The greatest number; 0 when there is none."""
        return self._by_first[self._firsts[-1]].last if self._firsts else 0

    def get(self, first: int) -> Hole | None:
        """Give the hole that begins with a number."""
        return self._by_first.get(first)

    def meets(self, first: int, last: int) -> bool:
        """Say whether a number from `first` to `last` is in a hole."""
        begin, end = self._places(first, last)
        return begin < end

    def put(self, hole: Hole) -> None:
        """Take in a hole; one that touches a hole before it, of the same cause, lengthens that."""
        place = bisect_left(self._firsts, hole.first)
        before = self._by_first[self._firsts[place - 1]] if place else None
        told = (hole.cause, hole.reason)
        if before and before.last + 1 == hole.first and told == (before.cause, before.reason):
            self._set(before._replace(last=hole.last, until=hole.until))
        else:
            self._firsts.insert(place, hole.first)
            self._set(hole)

    def cut(
        self, first: int, last: int, before: Instant | None, behind: Instant | None
    ) -> list[Hole]:
        """Take the numbers from `first` to `last` out, and give the pieces.

        What is left of a hole ends at the instant `before`, or begins at `behind`.
        """
        begin, end = self._places(first, last)
        pieces: list[Hole] = []
        left: list[Hole] = []
        for number in self._firsts[begin:end]:
            hole = self._by_first.pop(number)
            self._changed.add(number)
            pieces.append(hole._replace(first=max(first, number), last=min(last, hole.last)))
            if number < first:
                left.append(hole._replace(last=first - 1, until=before))
            if last < hole.last:
                left.append(hole._replace(first=last + 1, since=behind))
        self._firsts[begin:end] = [hole.first for hole in left]
        for hole in left:
            self._set(hole)
        return pieces

    def _places(self, first: int, last: int) -> tuple[int, int]:
        begin = bisect_right(self._firsts, first) - 1
        if begin < 0 or self._by_first[self._firsts[begin]].last < first:
            begin += 1
        return begin, bisect_right(self._firsts, last)

    def _set(self, hole: Hole) -> None:
        self._by_first[hole.first] = hole
        self._changed.add(hole.first)


def explained(hole: Hole, settled_to: int, *, presumed: bool) -> Iterator[Hole]:
    """Give a hole with the cause that follows from its stream, in two parts where need be."""
    if hole.cause != AWAITED:
        yield hole
        return
    if hole.first < settled_to:
        last = min(hole.last, settled_to - 1)
        yield hole._replace(last=last, cause=SETTLED)
        hole = hole._replace(first=last + 1)
    if hole.first <= hole.last:
        yield hole._replace(cause=PRESUMED) if presumed else hole
