"""A stream in memory, for what comes while the disk is sick. Pure: no I/O, no clock.

Its records are sent and acknowledged as usual. One that was named once is durable (the gateway
has it); it stays here until it is named twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from contracts.messages import MOST_WAS
from contracts.ranges import Ranges
from edge.journal.numbers import shared, without
from edge.journal.queue import Entry, Promise, joined, lost_of, size_of
from edge.journal.rows import Limits, Lost, Piece, Row, Stamp, given_up, moved
from edge.journal.thinning import SLICE, Candidate, every_second

NO_ROOM = "the disk is sick and memory is full"
_HOW = (True, False)
"""Gently while that gives anything, then every second sample."""


@dataclass(slots=True)
class _Pledge:
    """A promise about rows of which so many are not yet named."""

    left: int
    promise: Promise


class Volatile:
    """One such stream, born in this life."""

    def __init__(self, stream: str, life: str) -> None:
        self.stream = stream
        self.life = life
        self.last = 0
        self.held = Ranges()
        self.size = 0
        self.ended = False
        """The disk is well again: nothing is added any more, what is here is still to be sent."""
        self._thin_so = 0
        self._lost: Lost | None = None
        self._rows: dict[int, Row] = {}
        self._pledges: dict[int, _Pledge] = {}

    def take(self, entry: Entry, stamp: Stamp) -> None:
        """Add an entry, behind the notice of what was lost before it."""
        self._declare(stamp)
        pledge = _Pledge(len(entry.rows), entry.promise)
        first = self.last + 1
        self._add(entry.rows)
        self._pledges.update(dict.fromkeys(range(first, self.last + 1), pledge))

    def lose(self, rows: Sequence[Row]) -> None:
        """Take note that there was no room for rows."""
        self.lose_more(lost_of(rows))

    def lose_more(self, lost: Lost) -> None:
        """Take note of a loss; it gets numbers and a notice once there is room again."""
        self._lost = joined(self._lost, lost) if self._lost else lost

    def end(self, stamp: Stamp) -> None:
        """Take nothing more."""
        self._declare(stamp)
        self.ended = True

    def read(self, first: int, last: int, limits: Limits) -> Piece | None:
        """Give consecutive records of one clock segment, down from `last`."""
        found: list[Row] = []
        size, number = 0, last
        while number >= first and len(found) < limits.records:
            row = self._rows.get(number)
            if row is None or (found and row.segment != found[0].segment):
                break
            size += row.weight
            if found and size > limits.size:
                break
            found.append(row)
            number -= 1
        if not found:
            return None
        return Piece(self.stream, self.life, 1, number + 1, tuple(reversed(found)))

    def named(self, numbers: Ranges) -> None:
        """Take note of what the gateway has: it is durable."""
        for number in _each(shared(self.held, numbers)):
            pledge = self._pledges.pop(number, None)
            if pledge is not None:
                pledge.left -= 1
                if not pledge.left:
                    pledge.promise.settle(kept=True)

    def forget(self, numbers: Ranges) -> None:
        """Let go of what was named twice."""
        self.named(numbers)
        self._thin_so = 0
        self._remove(shared(self.held, numbers))

    def thin(self, stamp: Stamp) -> bool:
        """Give up samples of the oldest rows; say whether there is more room now."""
        while self._thin_so < len(_HOW):
            for numbers in self._slices():
                gone = self._to_go(numbers, gently=_HOW[self._thin_so])
                if gone:
                    self._renumber(numbers, gone, stamp)
                    return True
            self._thin_so += 1
        return False

    def _slices(self) -> Iterator[list[int]]:
        numbers = (
            number
            for number in _each(self.held)
            if self._rows[number].thinnable or len(self._rows[number].was) < MOST_WAS
        )
        while piece := list(islice(numbers, SLICE)):
            yield piece

    def _to_go(self, numbers: Sequence[int], *, gently: bool) -> frozenset[int]:
        rows = [(number, self._rows[number]) for number in numbers]
        return every_second(
            (
                Candidate(number, row.at, row.block)
                for number, row in rows
                if row.thinnable and row.block is not None
            ),
            gently=gently,
        )

    def _renumber(self, numbers: Sequence[int], gone: frozenset[int], stamp: Stamp) -> None:
        kept: list[tuple[int, Row]] = []
        moments = [self._rows[number].at for number in gone]
        for number in numbers:
            again = moved(self._rows[number], self.stream, self.life, number)
            if number not in gone and again is not None:
                kept.append((number, again))
            elif (pledge := self._pledges.pop(number, None)) is not None:
                pledge.promise.settle(kept=False)
        lost = Lost(numbers[-1] - numbers[0] + 1, min(moments), max(moments))
        self._remove(Ranges((number, number) for number in numbers))
        self._add([given_up(lost, numbers[0], self.stream, self.life, stamp, NO_ROOM)])
        first = self.last + 1
        self._add([row for _, row in kept])
        for place, (number, _) in enumerate(kept):
            if (pledge := self._pledges.pop(number, None)) is not None:
                self._pledges[first + place] = pledge

    def _declare(self, stamp: Stamp) -> None:
        if self._lost is not None:
            lost, self._lost = self._lost, None
            begin, self.last = self.last + 1, self.last + lost.total
            self._add([given_up(lost, begin, self.stream, self.life, stamp, NO_ROOM)])

    def _add(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        first = self.last + 1
        for row in rows:
            self.last += 1
            self._rows[self.last] = row
        self.held = self.held.union([(first, self.last)])
        self.size += size_of(rows)

    def _remove(self, numbers: Ranges) -> None:
        self.size -= size_of([self._rows.pop(number) for number in _each(numbers)])
        self.held = without(self.held, numbers)


def _each(numbers: Ranges) -> Iterator[int]:
    return (number for low, high in numbers for number in range(low, high + 1))
