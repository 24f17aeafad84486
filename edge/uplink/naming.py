"""What the gateway has named of one life in one stream, and what is under way. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.ranges import Range, Ranges
from edge.journal.numbers import shared, without
from edge.journal.tracks import Track

MOST_RECORDS = 2_000
"""Of one batch."""
UNCONFIRMED = 60.0
"""Seconds after which a record that was named once only is sent again as if it were not."""


class Pick(NamedTuple):
    """Numbers to send in one batch, down from `last`."""

    stream: str
    life: str
    first: int
    last: int
    live: bool


class Named(NamedTuple):
    """What the gateway has: these numbers now for the first time, and these for the second."""

    stream: str
    life: str
    once: Ranges
    twice: Ranges
    refused: int = 0
    """It does not take the life's numbers from here on; 0: it does."""


@dataclass(slots=True)
class _Once:
    """Numbers that were named once."""

    mark: int
    """The number of the batch last sent when that was heard."""
    numbers: Ranges
    since: float


@dataclass(slots=True)
class Flight:
    """A batch that was sent and is not yet acknowledged."""

    pick: Pick
    first: int
    last: int
    size: int
    sent: float
    deadline: float
    answered: bool = False


@dataclass(slots=True)
class Naming:
    """What is known of one life in one stream."""

    track: Track
    horizon: int
    """Numbers up to it are backlog."""
    once: list[_Once] = field(default_factory=list)
    twice: Ranges = field(default_factory=Ranges)
    """What is being deleted."""
    quiet_since: float = 0.0
    named: Ranges = field(default_factory=Ranges)
    """All of these together."""

    def follow(self, track: Track) -> None:
        """See what is held now."""
        if track.held != self.track.held:
            for one in self.once:
                one.numbers = shared(one.numbers, track.held)
            self.twice = shared(self.twice, track.held)
            self._sum_up()
        self.track = track

    def take(self, numbers: Ranges, answered: int, sent: int, now: float) -> Named:
        """Take an answer to batch `answered`, when `sent` were sent; `numbers` are held."""
        fresh = without(numbers, self.named)
        twice = Ranges()
        for one in self.once:
            if one.mark < answered:
                second = shared(one.numbers, numbers)
                one.numbers = without(one.numbers, second)
                twice = twice.union(second)
        self.twice = self.twice.union(twice)
        if len(fresh):
            self.once.append(_Once(sent, fresh, now))
        if len(fresh) or len(twice):
            self.quiet_since = now
            self._sum_up()
        return Named(self.track.stream, self.track.life, fresh, twice)

    def to_confirm(self) -> int:
        """Give the newest number, when all are named and some of them only once; else 0."""
        if not self.once or len(without(self.track.held, self.named)):
            return 0
        return max(one.numbers.last or 0 for one in self.once)

    def doubt_old(self, now: float) -> None:
        """Send again what nobody named a second time: who named it once may have been wrong."""
        if self.once and self.once[0].since <= now - UNCONFIRMED:
            self.once = [one for one in self.once if one.since > now - UNCONFIRMED]
            self._sum_up()

    def _sum_up(self) -> None:
        self.once = [one for one in self.once if len(one.numbers)]
        self.named = Ranges([*self.twice, *(some for one in self.once for some in one.numbers)])


def newest_free(
    naming: Naming, flights: Iterable[Flight], first: int, last: int, most: int = MOST_RECORDS
) -> Range | None:
    """Give the highest run that is neither named nor in flight, cut to `most` numbers."""
    busy = Ranges([*naming.named, *flying(naming, flights)])
    for one in reversed(list(naming.track.held.within(first, last))):
        runs = list(busy.missing(one.first, one.last))
        if runs:
            newest = runs[-1]
            return Range(max(newest.first, newest.last - most + 1), newest.last)
    return None


def flying(naming: Naming, flights: Iterable[Flight]) -> list[tuple[int, int]]:
    """Give what is in flight of one life."""
    key = (naming.track.stream, naming.track.life)
    return [(one.first, one.last) for one in flights if (one.pick.stream, one.pick.life) == key]


def all_named(naming: Naming | None, flight: Flight) -> bool:
    """Say whether everything of a flight that is still held was named."""
    if naming is None:
        return True
    held = naming.track.held.within(flight.first, flight.last)
    return not len(without(held, naming.named))
