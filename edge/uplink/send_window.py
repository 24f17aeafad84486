"""What to send next: live data first, backlog beside it at a bounded rate. Pure: no I/O, no clock.

Numbers below the horizon are backlog. Live numbers are sent as soon as they are on disk, whatever
is unacknowledged; when nobody acknowledges them in time they become backlog, which is sent in
order, a few batches at a time, and sent again with growing pauses until it is acknowledged.
Times are seconds of a monotonic clock.
"""

from dataclasses import dataclass
from typing import NamedTuple

from contracts.ranges import Range, Ranges

MOST_RECORDS = 500
MOST_BYTES = 900_000
WINDOW = 4
"""Batches of backlog that may be unacknowledged at once."""
LIVE_WINDOW = 16
"""Live batches whose acknowledgement is awaited; older ones become backlog."""
PACE = 0.1
"""Seconds between two batches of backlog."""
PATIENCE = 5.0
"""Seconds to wait for an acknowledgement; doubles while none comes at all."""
LONGEST_PATIENCE = 30.0
OVERTAKEN = 0.3
"""Seconds; a batch sent that much before one that is acknowledged will not be any more."""


class Pick(NamedTuple):
    """Numbers to send in one batch, at most `MOST_RECORDS`."""

    first: int
    last: int
    live: bool


@dataclass(frozen=True, slots=True)
class Flight:
    """A batch that was sent and is not yet acknowledged."""

    last: int
    live: bool
    sent: float
    deadline: float


def without(numbers: Ranges, taken: Ranges) -> Ranges:
    """Give the numbers that are in the first set and not in the second."""
    return Ranges(
        (low, high) for one in numbers for low, high in taken.missing(one.first, one.last)
    )


def shared(numbers: Ranges, others: Ranges) -> Ranges:
    """Give the numbers that are in both sets."""
    return Ranges(
        (low, high) for one in others for low, high in numbers.within(one.first, one.last)
    )


class Outbox:
    """Keeps the books of one stream's sending."""

    def __init__(self, pending: Ranges, last: int, present: int = MOST_RECORDS) -> None:
        self._present = present
        self.pending = pending
        """On disk and not acknowledged."""
        self.last = last
        """The newest number on disk."""
        self.flights: dict[int, Flight] = {}
        self.online = False
        """Whether anything may be sent."""
        self._horizon = last + 1
        self._patience = PATIENCE
        self._stalled = False
        self._backlog_from = 0.0

    @property
    def oldest(self) -> int:
        """The lowest number that is unacknowledged, or the next that will be given."""
        first = next(iter(self.pending), None)
        return first.first if first else self.last + 1

    def appended(self, last: int) -> None:
        """Take note that numbers up to `last` are on disk."""
        if last > self.last:
            self.pending = self.pending.union([(self.last + 1, last)])
            self.last = last

    def given_up(self, ranges: Ranges) -> None:
        """Take note that these numbers were thinned and can never be sent."""
        self.pending = without(self.pending, ranges)

    def acknowledged(self, committed: Ranges, now: float) -> Ranges:
        """Take note of what the gateway has; give the part that it had not confirmed before."""
        news = shared(self.pending, committed)
        if not len(news):
            return news
        self.pending = without(self.pending, news)
        landed = [
            first
            for first, flight in self.flights.items()
            if not len(self.pending.within(first, flight.last))
        ]
        if landed:
            # The wire keeps the order: what went out well before something that arrived is lost.
            newest = max(self.flights.pop(first).sent for first in landed)
            for first in list(self.flights):
                if self.flights[first].sent < newest - OVERTAKEN:
                    self._demote(first)
        self._patience = PATIENCE
        if self._stalled:
            self._stalled = False
            self._backlog_from = now
        return news

    def connected(self, now: float) -> None:
        """Begin anew: nothing is in flight; all on disk is backlog but what is true now.

        The newest records (`present` of them) go first, so that nobody waits for the present
        behind the past.
        """
        self.online = True
        self.flights.clear()
        self._horizon = max(1, self.last + 1 - self._present)
        self._patience = PATIENCE
        self._stalled = False
        self._backlog_from = now

    def disconnected(self) -> None:
        """Send nothing until connected again."""
        self.online = False
        self.flights.clear()

    def pick(self, now: float) -> Pick | None:
        """Say what to send now; None: nothing, until `wake_at` or until something happens."""
        self._give_up_waiting(now)
        if not self.online:
            return None
        return self._pick_live() or self._pick_backlog(now)

    def sent(self, pick: Pick, first: int, last: int, now: float) -> None:
        """Take note that `first..last` (of what was picked) went out."""
        self.flights[first] = Flight(last, pick.live, now, now + self._patience)
        if not pick.live:
            self._backlog_from = max(self._backlog_from, now - PACE) + PACE
            return
        live = sorted(first for first, flight in self.flights.items() if flight.live)
        if len(live) > LIVE_WINDOW:
            self._demote(live[0])

    def wake_at(self) -> float | None:
        """Say when `pick` may have an answer that it has not now, if nothing else happens."""
        if not self.online:
            return None
        moments = [flight.deadline for flight in self.flights.values()]
        if self._may_send_backlog() and self._first_free(1, self._horizon - 1):
            moments.append(self._backlog_from)
        return min(moments, default=None)

    def _give_up_waiting(self, now: float) -> None:
        late = [first for first, flight in self.flights.items() if flight.deadline <= now]
        flights = [self._demote(first) for first in late]
        if late:
            self._stalled = True
            # Batches that were sent together are late together, and count once.
            if max(flight.deadline - flight.sent for flight in flights) >= self._patience - 0.001:
                self._patience = min(2 * self._patience, LONGEST_PATIENCE)

    def _demote(self, first: int) -> Flight:
        flight = self.flights.pop(first)
        self._horizon = max(self._horizon, flight.last + 1)
        return flight

    def _pick_live(self) -> Pick | None:
        free = self._first_free(self._horizon, self.last)
        return Pick(free.first, free.last, live=True) if free else None

    def _pick_backlog(self, now: float) -> Pick | None:
        if now < self._backlog_from or not self._may_send_backlog():
            return None
        free = self._first_free(1, self._horizon - 1)
        return Pick(free.first, free.last, live=False) if free else None

    def _may_send_backlog(self) -> bool:
        # While nobody answers at all, one batch now and then is enough to find out.
        window = 1 if self._stalled else WINDOW
        return sum(not flight.live for flight in self.flights.values()) < window

    def _first_free(self, first: int, last: int) -> Range | None:
        """Give the lowest run that is pending and not in flight, cut to a batch."""
        flying = Ranges((low, flight.last) for low, flight in self.flights.items())
        begin = first
        while begin <= last:
            waiting = next(iter(self.pending.within(begin, last)), None)
            if waiting is None:
                return None
            free = next(iter(flying.missing(waiting.first, waiting.last)), None)
            if free is not None:
                return Range(free.first, min(free.last, free.first + MOST_RECORDS - 1))
            begin = waiting.last + 1
        return None
