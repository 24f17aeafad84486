"""Arithmetic on sets of whole numbers kept as closed ranges: the bookkeeping of sequences.

A `Ranges` is always normal: sorted, disjoint, and no two ranges touch.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Range(NamedTuple):
    """All whole numbers from `first` to `last`, both included."""

    first: int
    last: int


class Ranges:
    """An immutable set of whole numbers."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        firsts: list[int] = []
        lasts: list[int] = []
        for first, last in sorted(ranges):
            if last < first:
                raise ValueError(f"range {first}..{last} ends before it begins")
            if lasts and first <= lasts[-1] + 1:
                lasts[-1] = max(lasts[-1], last)
            else:
                firsts.append(first)
                lasts.append(last)
        self._firsts = tuple(firsts)
        self._lasts = tuple(lasts)

    def __iter__(self) -> Iterator[Range]:
        return map(Range, self._firsts, self._lasts)

    def __len__(self) -> int:
        """Count the ranges, not the numbers in them."""
        return len(self._firsts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ranges):
            return NotImplemented
        return self._firsts == other._firsts and self._lasts == other._lasts

    def __hash__(self) -> int:
        return hash((self._firsts, self._lasts))

    def __repr__(self) -> str:
        return f"Ranges({[tuple(one) for one in self]})"

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._firsts, number) - 1
        return place >= 0 and number <= self._lasts[place]

    @property
    def size(self) -> int:
        """Count the numbers."""
        return sum(self._lasts) - sum(self._firsts) + len(self._firsts)

    @property
    def last(self) -> int | None:
        """Give the greatest number, or None when empty."""
        return self._lasts[-1] if self._lasts else None

    def covers(self, first: int, last: int) -> bool:
        """Say whether every number from `first` to `last` is in the set."""
        place = bisect_right(self._firsts, first) - 1
        return place >= 0 and last <= self._lasts[place]

    def union(self, other: Iterable[tuple[int, int]]) -> "Ranges":
        """Give the numbers that are in either."""
        others = list(other)
        return Ranges([*self, *others]) if others else self

    def within(self, first: int, last: int) -> "Ranges":
        """Give the part of the set from `first` to `last`, empty when `last` comes first."""
        begin = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        if last < first or begin >= end:
            return Ranges()
        firsts, lasts = self._firsts[begin:end], self._lasts[begin:end]
        if firsts[0] < first:
            firsts = (first, *firsts[1:])
        if lasts[-1] > last:
            lasts = (*lasts[:-1], last)
        return Ranges._normal(firsts, lasts)

    def missing(self, first: int, last: int) -> "Ranges":
        """Give the numbers from `first` to `last` that are not in the set: the gaps."""
        if last < first:
            return Ranges()
        there = list(self.within(first, last))
        firsts = [first, *(one.last + 1 for one in there)]
        lasts = [*(one.first - 1 for one in there), last]
        if firsts[-1] > lasts[-1]:
            del firsts[-1], lasts[-1]
        if firsts and firsts[0] > lasts[0]:
            del firsts[0], lasts[0]
        return Ranges._normal(tuple(firsts), tuple(lasts))

    @staticmethod
    def _normal(firsts: tuple[int, ...], lasts: tuple[int, ...]) -> "Ranges":
        """Take ranges that are sorted and do not touch."""
        made = Ranges.__new__(Ranges)
        made._firsts, made._lasts = firsts, lasts  # noqa: SLF001 - its own
        return made
