"""What to send next: the newest first, the backlog beside it. Pure: no I/O, no clock.

What the gateway named once is not sent again; what a second ack names, for a batch sent after the
first came, may be deleted. So no single message deletes anything. Backlog lives on credit from
acks: a window of batches that grows with each and is halved when one is late; what is live is
never queued behind it. Times are seconds of a monotonic clock.
"""

from collections.abc import Iterable

from contracts.messages import Ack
from contracts.ranges import Range, Ranges
from edge.journal.numbers import shared, without
from edge.journal.rows import Limits
from edge.journal.tracks import Track
from edge.uplink.naming import (
    MOST_RECORDS,
    UNCONFIRMED,
    Flight,
    Named,
    Naming,
    Pick,
    all_named,
    flying,
    newest_free,
)

LIMITS = Limits(MOST_RECORDS, 256 * 1024)
"""Of one batch."""
PRESENT = 500
"""Records that are the present when the broker is back; what is older is backlog."""
FIRST_WINDOW, LARGEST_WINDOW = 4, 64
"""Batches of backlog that may be unacknowledged at once."""
MOST_BYTES = 8 * 2**20
LIVE_WINDOW = 16
"""Live batches whose acknowledgement is awaited; older ones become backlog."""
LIVE_PACE = 0.05
"""Seconds between two live batches."""
PATIENCE = 5.0
"""Seconds to wait for an acknowledgement; doubles while none comes at all."""
LONGEST_PATIENCE = 30.0
FIRST_PATIENCE = 0.5
"""The same while the gateway was not heard since the connection: it may connect after the edge …"""
SOON = 3.0
"""… and does so within these seconds, when it was the broker that had been away."""
RETRY = 2.0
"""Seconds after which what was answered, but not taken, is sent again."""
OVERTAKEN = 1.0
"""Seconds; a batch sent that much before one that is acknowledged will not be any more."""
CONFIRM = 1.5
"""Seconds of quiet after which the newest record that was named once is sent again."""


class SendWindow:
    """Keeps the books of what is sent in one session: the life of the sender."""

    def __init__(self, session: str, present: int = PRESENT) -> None:
        self.online = False
        """Whether anything may be sent."""
        self.flights: dict[int, Flight] = {}
        self._session = session
        self._present = present
        self._books: dict[tuple[str, str], Naming] = {}
        self._k = 0
        self._window = FIRST_WINDOW
        self._patience = FIRST_PATIENCE
        self._connected_at = 0.0
        self._heard_since = False
        """Whether the gateway was heard since the connection."""
        self._live_from = 0.0
        self._old_copy = OldCopy(session)
        self._heard_new = -UNCONFIRMED

    @property
    def settled(self) -> bool:
        """Whether the gateway has named everything that is held."""
        return all(not len(without(one.track.held, one.named)) for one in self._books.values())

    def update(self, tracks: Iterable[Track]) -> None:
        """See what is held now: newest first, as far as it matters."""
        books: dict[tuple[str, str], Naming] = {}
        for track in tracks:
            book = self._books.get((track.stream, track.life))
            if book is None:
                book = Naming(track, 0 if self.online else horizon_of(track, self._present))
            book.follow(track)
            books[track.stream, track.life] = book
        self._books = books

    def connected(self, now: float) -> None:
        """Begin anew: nothing is in flight, and what is true now goes first."""
        self.online = True
        self.flights.clear()
        self._window, self._patience, self._live_from = FIRST_WINDOW, FIRST_PATIENCE, now
        self._connected_at, self._heard_since = now, False
        for book in self._books.values():
            book.horizon = horizon_of(book.track, self._present)

    def disconnected(self) -> None:
        """Send nothing until connected again."""
        self.online = False
        self.flights.clear()

    def pick(self, now: float) -> Pick | None:
        """Say what to send now; None: nothing, until `wake_at` or until something happens."""
        self._expire(now)
        if not self.online:
            return None
        return self._pick_live(now) or self._pick_backlog() or self._confirm(now)

    def sent(self, pick: Pick, first: int, last: int, size: int, now: float) -> int:
        """Take note that `first..last` go out; give the number of the batch."""
        self._k += 1
        deadline = now + self._patience
        self.flights[self._k] = Flight(pick, first, last, size, now, deadline)
        if pick.live:
            self._live_from = now + LIVE_PACE
            live = [k for k, flight in self.flights.items() if flight.pick.live]
            if len(live) > LIVE_WINDOW:
                self._demote(live[0])
        return self._k

    def answered(self, ack: Ack, committed: Ranges, now: float) -> list[Named]:
        """Take the gateway's word for what it has, and say what of that is news.

        An ack of another session, or for a batch that was not yet sent, says nothing. One that
        names no session is of 0.1: it counts once per batch that was sent since the last.
        """
        if ack.session or ack.k:
            if ack.session != self._session or not 1 <= ack.k <= self._k:
                return []
            self._heard_new = now
            book = self._books.get((ack.stream, ack.life))
            books, k = ([book] if book else []), ack.k
        elif now < self._heard_new + UNCONFIRMED:
            return []  # the gateway is a later one: this is not its own
        else:
            books = [one for one in self._books.values() if one.track.stream == ack.stream]
            k = self._k
            if books and (committed.last or 0) >= books[0].track.next:
                return self._old_copy.judge(ack.stream, books, self._k)
        named: list[Named] = []
        for book in books:
            numbers = shared(book.track.held, committed)
            one = book.take(numbers, k, self._k, now)
            if len(one.once) or len(one.twice) or ack.refused:
                named.append(one._replace(refused=ack.refused))
        self._land(ack.k, now)
        return named

    def wake_at(self) -> float | None:
        """Say when `pick` may have an answer that it has not now, if nothing else happens."""
        if not self.online:
            return None
        moments = [flight.deadline for flight in self.flights.values()]
        for book in self._books.values():
            if not book.track.readable:
                continue
            if book.once:
                moments.append(book.once[0].since + UNCONFIRMED)
            if book.to_confirm() and not flying(book, self.flights.values()):
                moments.append(book.quiet_since + CONFIRM)
            if live_run(book, self.flights.values()):
                moments.append(self._live_from)
        return min(moments, default=None)

    def _pick_live(self, now: float) -> Pick | None:
        if now < self._live_from:
            return None
        for book in self._books.values():
            run = live_run(book, self.flights.values())
            if run:
                return Pick(book.track.stream, book.track.life, *run, live=True)
        return None

    def _pick_backlog(self) -> Pick | None:
        flights = [one for one in self.flights.values() if not (one.pick.live or one.answered)]
        if len(flights) >= self._window or sum(one.size for one in flights) >= MOST_BYTES:
            return None
        for book in sorted(self._books.values(), key=_urgency):
            track = book.track
            if track.readable:
                last = book.horizon if track.current else track.next
                run = newest_free(book, self.flights.values(), 1, last)
                if run:
                    return Pick(track.stream, track.life, *run, live=False)
        return None

    def _confirm(self, now: float) -> Pick | None:
        for book in self._books.values():
            track = book.track
            quiet = now >= book.quiet_since + CONFIRM
            if track.readable and quiet and not flying(book, self.flights.values()):
                newest = book.to_confirm()
                if newest:
                    return Pick(track.stream, track.life, newest, newest, live=False)
        return None

    def _expire(self, now: float) -> None:
        for book in self._books.values():
            book.doubt_old(now)
        over = [k for k, flight in self.flights.items() if flight.deadline <= now]
        late = [flight for k in over if not (flight := self._demote(k)).answered]
        if late:
            self._window = max(1, self._window // 2)
            # Batches that were sent together are late together, and count once.
            soon = not self._heard_since and now < self._connected_at + SOON
            if not soon and max(one.deadline - one.sent for one in late) >= self._patience - 0.001:
                self._patience = min(2 * self._patience, LONGEST_PATIENCE)

    def _demote(self, k: int) -> Flight:
        flight = self.flights.pop(k)
        book = self._books.get((flight.pick.stream, flight.pick.life))
        if book is not None:
            book.horizon = max(book.horizon, flight.last)
        return flight

    def _land(self, k: int, now: float) -> None:
        """End the flight that was answered, and those whose numbers are all named by now."""
        landed = [
            k
            for k, one in self.flights.items()
            if all_named(self._books.get((one.pick.stream, one.pick.life)), one)
        ]
        newest = max((self.flights[number].sent for number in landed), default=-1.0)
        for number in landed:
            if not self.flights.pop(number).pick.live:
                self._window = min(self._window + 1, LARGEST_WINDOW)
        flight = self.flights.get(k)
        if flight is not None:
            flight.answered, flight.deadline = True, now + RETRY
            newest = max(newest, flight.sent)
        if not landed and flight is None:
            return
        # What went out before the first that was heard went to nobody.
        overtaken = OVERTAKEN if self._heard_since else 0.0
        self._patience, self._heard_since = PATIENCE, True
        for number, other in list(self.flights.items()):
            if not other.answered and other.sent < newest - overtaken:
                self._demote(number)


class OldCopy:
    """Judges acks of 0.1 that name numbers which were never given."""

    def __init__(self, session: str) -> None:
        self._session = session
        self._suspect: dict[str, int] = {}

    def judge(self, stream: str, books: Iterable[Naming], k: int) -> list[Named]:
        """Take one, when `k` batches were sent.

        Two of them, with a batch sent in between: an old copy of the journal was put back, and
        what this life wrote has numbers that are another's.
        """
        before = self._suspect.setdefault(stream, k)
        mine = next((one for one in books if one.track.life == self._session), None)
        if mine is None or before == k:
            return []
        del self._suspect[stream]
        track = mine.track
        return [Named(stream, track.life, Ranges(), Ranges(), refused=track.since)]


def _urgency(book: Naming) -> tuple[bool, bool, int]:
    """Sort what is in memory first, then the own stream, its newest life first."""
    track = book.track
    return (track.use != "volatile", track.use != "own", -track.since)


def horizon_of(track: Track, present: int) -> int:
    """Give the last number that is not of the present."""
    return max(0, track.next - 1 - present)


def live_run(book: Naming, flights: Iterable[Flight]) -> Range | None:
    """Give what is of the present and not yet sent."""
    if not (book.track.current and book.track.readable):
        return None
    return newest_free(book, flights, book.horizon + 1, book.track.next)
