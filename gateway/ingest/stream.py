"""One stream as the store has it: its lives, which numbers it holds, and every hole. Pure."""

from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

from contracts.bounds import LAST_NUMBER
from contracts.instants import Instant
from contracts.ranges import Range, Ranges
from gateway.ingest.holes import AWAITED, OPEN_END, Hole, Holes, explained
from gateway.ingest.number_ranges import NumberRanges


class Life(NamedTuple):
    """One start of the edge, and the first number that it gave in this stream."""

    since: int
    name: str
    """Empty for all that 0.1 wrote."""


class Notice(NamedTuple):
    """What is said of numbers that will not come."""

    cause: str
    reason: str
    since: Instant | None = None
    until: Instant | None = None


class Ending(NamedTuple):
    """What an edge says of a stream that it left."""

    life: Life
    """The newest one."""
    held: Ranges
    """What of it, and of those before it, will still come."""
    last: int = 0
    """The newest number that it is known to have given; 0: not said."""


class Rows(NamedTuple):
    """What a stream is made of."""

    lives: Iterable[Life] = ()
    held: Iterable[tuple[int, int]] = ()
    holes: Iterable[Hole] = ()
    formerly: Iterable[tuple[str, int, int]] = ()


class State(NamedTuple):
    """What the row of a stream says beside its name."""

    settled_to: int = 0
    """The edge said that it holds nothing below this number."""
    newest: Instant | None = None
    """When the record with the highest number became true, where that is known."""
    session: str = ""
    """Whose batch was the last."""
    ended: bool = False
    """Whether the edge said how the stream ends."""
    unnamed: Instant = 0
    """Since when the edge's presence names it no more; 0 while it does."""


NOTHING = Rows()
NEW = State()


class Stream:
    """One stream of one edge.

    Each number up to the highest that was ever spoken of is held or in a hole. A life owns the
    numbers from its first one up to the next life's; which numbers are held never changes hands.
    """

    def __init__(
        self, identity: int, name: str, edge: str, state: State = NEW, rows: Rows = NOTHING
    ) -> None:
        self.id = identity
        self.name = name
        self.edge = edge
        self.state = self.stored = state
        self.lives = sorted(rows.lives)
        self._since = {life.name: life.since for life in self.lives}
        self.held = NumberRanges(rows.held)
        self.holes_changed: set[int] = set()
        holes = list(rows.holes)
        self._awaited = Holes((one for one in holes if one.cause == AWAITED), self.holes_changed)
        self._declared = Holes((one for one in holes if one.cause != AWAITED), self.holes_changed)
        self.formerly: dict[str, NumberRanges] = {}
        """By life: numbers that it does not own, or not yet, of records that are in the store."""
        for life, first, last in rows.formerly:
            self.formerly.setdefault(life, NumberRanges()).add(first, last)
        for numbers in self.formerly.values():
            numbers.changed.clear()
        self.new_lives: list[Life] = []
        self.elsewhere: list[int] = []
        """Numbers that are newly held, of records that are in the store under another number."""
        self.filled = 0
        """Numbers that came after all, since this was last set to 0."""

    @property
    def high(self) -> int:
        """The highest number that was ever spoken of."""
        return max(self.held.last, self._awaited.last, self._declared.last)

    def owned(self, life: str) -> Range | None:
        """Give the numbers that a life owns; None when it is not known."""
        since = self._since.get(life)
        if since is None:
            return None
        place = bisect_left(self.lives, Life(since + 1, ""))
        behind = self.lives[place].since if place < len(self.lives) else LAST_NUMBER + 1
        return Range(since, behind - 1)

    def enter(self, life: str, since: int, now: Instant) -> Range | None:
        """Take a life up where it is not known; give what it owns, None when it cannot be."""
        if life in self._since:
            return self.owned(life) if self._since[life] == since else None
        place = bisect_left(self.lives, Life(since, ""))
        end = LAST_NUMBER
        if place < len(self.lives):
            if self.lives[place].since == since:
                return None
            end = self.lives[place].since - 1
        if self.held.meets(since, end):
            return None
        self.lives.insert(place, Life(since, life))
        self.new_lives.append(Life(since, life))
        self._since[life] = since
        numbers = self.formerly.get(life)
        for first, last in numbers.within(since, end) if numbers else ():
            self.hold(first, last, None, None, now)
            self.elsewhere.extend(range(first, last + 1))
        if numbers:
            numbers.remove(since, end)
        return Range(since, end)

    def has(self, life: str, number: int) -> bool:
        """Say whether the record that had this number is in the store."""
        if life in self.formerly and number in self.formerly[life]:
            return True
        owned = self.owned(life)
        return owned is not None and owned.first <= number <= owned.last and number in self.held

    def hold_as(self, life: str, number: int, at: Instant | None, now: Instant) -> None:
        """Take note that a record is in the store that had this number once."""
        owned = self.owned(life)
        if owned is not None and owned.first <= number <= owned.last:
            if number not in self.held:
                self.hold(number, number, at, at, now)
                self.elsewhere.append(number)
        else:
            self.formerly.setdefault(life, NumberRanges()).add(number, number)

    def hold(
        self, first: int, last: int, begin: Instant | None, end: Instant | None, now: Instant
    ) -> None:
        """Take note that the store has these numbers; `begin` and `end` are their times."""
        high = self.high
        if first > high + 1:
            self._awaited.put(Hole(high + 1, first - 1, now, self.state.newest, begin))
        elif first <= high:
            for holes in (self._awaited, self._declared):
                pieces = holes.cut(first, last, begin, end)
                self.filled += sum(piece.last - piece.first + 1 for piece in pieces)
        self.held.add(first, last)
        if last > high:
            self.state = self.state._replace(newest=end)

    def settle(self, oldest: int) -> None:
        """Take note that the edge holds nothing below a number."""
        if oldest > self.state.settled_to:
            self.state = self.state._replace(settled_to=oldest)

    def reach(self, last: int, now: Instant) -> None:
        """Take note that there are numbers up to `last`."""
        high = self.high
        if last > high:
            self._awaited.put(Hole(high + 1, last, now, self.state.newest, None))
            self.state = self.state._replace(newest=None)

    def declare(self, first: int, last: int, notice: Notice, now: Instant) -> None:
        """Say why numbers are not there, where that was not said before."""
        self.reach(last, now)
        for piece in self._awaited.cut(first, last, notice.since, notice.until):
            self._declared.put(
                piece._replace(
                    cause=notice.cause,
                    reason=notice.reason,
                    since=notice.since or piece.since,
                    until=notice.until or piece.until,
                )
            )

    def give_up(self, life: str, first: int, last: int, notice: Notice, now: Instant) -> None:
        """Declare numbers of a life; those that another life owns are left alone."""
        owned = self.owned(life)
        if owned is not None:
            first, last = max(first, owned.first), min(last, owned.last)
        if 1 <= first <= last:
            self.declare(first, last, notice, now)

    def close(self, ending: Ending, notice: Notice, now: Instant) -> None:
        """Of a life and those before it, nothing but what is held will come any more."""
        life = ending.life
        owned = self.enter(life.name, life.since, now)
        end = owned.last if owned else life.since - 1
        promised = ending.held.within(1, end)
        if owned:
            self.reach(max(promised.last or 0, min(ending.last, end)), now)
            if self.lives[-1].name == life.name:
                self.state = self.state._replace(ended=True)
        for first, last in promised.missing(1, min(end, self.high)):
            self.declare(first, last, notice, now)

    def lacks(self, first: int, last: int) -> bool:
        """Say whether a number from `first` to `last` may still come, as far as is known."""
        return last > self.high or self._awaited.meets(max(first, self.state.settled_to), last)

    def hole(self, first: int) -> Hole | None:
        """Give the row of the hole that begins with a number."""
        return self._awaited.get(first) or self._declared.get(first)

    def holes(self) -> list[Hole]:
        """Give every hole with its cause, in order."""
        settled_to, presumed = self.state.settled_to, bool(self.state.unnamed)
        given = [
            part
            for holes in (self._awaited, self._declared)
            for hole in holes
            for part in explained(hole, settled_to, presumed=presumed)
        ]
        if presumed and not self.state.ended:
            given.append(
                Hole(self.high + 1, 0, self.state.unnamed, self.state.newest, None, OPEN_END)
            )
        return sorted(given)
