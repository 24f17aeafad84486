"""Whole numbers as closed ranges that grow: what is changed costs, what exists does not."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from contracts.ranges import Range


class NumberRanges:
    """A set of numbers: sorted, disjoint ranges, of which no two touch."""

    __slots__ = ("_firsts", "_lasts", "changed")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        pairs = sorted(ranges)
        self._firsts = [first for first, _ in pairs]
        self._lasts = [last for _, last in pairs]
        self.changed: set[int] = set()
        """The first numbers of ranges that came, went or changed since this was last emptied."""

    def __iter__(self) -> Iterator[Range]:
        return map(Range, self._firsts, self._lasts)

    def __len__(self) -> int:
        """Count the ranges."""
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        return self.meets(number, number)

    @property
    def last(self) -> int:
        """The greatest number; 0 when there is none."""
        return self._lasts[-1] if self._lasts else 0

    def last_of(self, first: int) -> int | None:
        """Give the end of the range that begins with `first`; None when none does."""
        place = bisect_left(self._firsts, first)
        found = place < len(self._firsts) and self._firsts[place] == first
        return self._lasts[place] if found else None

    def meets(self, first: int, last: int) -> bool:
        """Say whether any number from `first` to `last` is in the set."""
        place = bisect_left(self._lasts, first)
        return place < len(self._firsts) and self._firsts[place] <= last

    def within(self, first: int, last: int) -> list[Range]:
        """Give the part of the set from `first` to `last`."""
        begin, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        return [
            Range(max(first, self._firsts[place]), min(last, self._lasts[place]))
            for place in range(begin, end)
        ]

    def missing(self, first: int, last: int) -> list[Range]:
        """Give what of `first` to `last` is not in the set."""
        gaps: list[Range] = []
        for low, high in self.within(first, last):
            if first < low:
                gaps.append(Range(first, low - 1))
            first = high + 1
        if first <= last:
            gaps.append(Range(first, last))
        return gaps

    def add(self, first: int, last: int) -> None:
        """Take in the numbers from `first` to `last`."""
        begin, end = bisect_left(self._lasts, first - 1), bisect_right(self._firsts, last + 1)
        if begin < end:
            if self._firsts[begin] <= first and last <= self._lasts[begin]:
                return
            first = min(first, self._firsts[begin])
            last = max(last, self._lasts[end - 1])
        self._replace(begin, end, [Range(first, last)])

    def remove(self, first: int, last: int) -> None:
        """Take out the numbers from `first` to `last`."""
        begin, end = bisect_left(self._lasts, first), bisect_right(self._firsts, last)
        if begin >= end:
            return
        low, high = self._firsts[begin], self._lasts[end - 1]
        sides = [Range(low, first - 1)] if low < first else []
        if last < high:
            sides.append(Range(last + 1, high))
        self._replace(begin, end, sides)

    def _replace(self, begin: int, end: int, ranges: list[Range]) -> None:
        self.changed.update(self._firsts[begin:end], (one.first for one in ranges))
        self._firsts[begin:end] = [one.first for one in ranges]
        self._lasts[begin:end] = [one.last for one in ranges]

    def nearest(self, window: Range, to: Range, most: int, *, with_last: bool) -> list[Range]:
        """Give at most `most` ranges of the part in `window`: the first, and those nearest `to`.

        With `with_last` the last range is among them too. The ranges are in order.
        """
        begin = bisect_left(self._lasts, window.first)
        end = bisect_right(self._firsts, window.last)
        chosen = {begin} | ({end - 1} if with_last else set())
        right = min(max(bisect_right(self._firsts, to.first), begin), end)
        left = right - 1
        while len(chosen) < min(most, end - begin):
            before = to.first - self._lasts[left] if left >= begin else None
            behind = self._firsts[right] - to.last if right < end else None
            if behind is None or (before is not None and before <= behind):
                chosen.add(left)
                left -= 1
            else:
                chosen.add(right)
                right += 1
        if begin >= end:
            return []
        return [
            Range(max(window.first, self._firsts[place]), min(window.last, self._lasts[place]))
            for place in sorted(chosen)
        ]
