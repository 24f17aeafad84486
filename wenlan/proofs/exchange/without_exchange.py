"""What is left of the way to the gateway, of its ledger and of commands without a rule."""

from typing import Any

from contracts.codec import commands
from contracts.ranges import Range, Ranges
from edge.commands.inbox import Inbox
from edge.journal.numbers import shared
from edge.uplink.naming import Named, Naming
from edge.uplink.send_window import SendWindow
from gateway.ingest.sequence_ledger import SequenceLedger
from gateway.ingest.stream import Stream
from wenlan.proofs.exchange.without_journal import Patch


def named_once() -> list[Patch]:
    def take(self: Any, numbers: Ranges, answered: int, sent: int, now: float) -> Named:
        del answered, sent
        self.twice = self.twice.union(numbers)
        self.quiet_since = now
        self._sum_up()
        return Named(self.track.stream, self.track.life, numbers, numbers)

    return [(Naming, "take", take)]


def any_second() -> list[Patch]:
    take = Naming.take

    def believing(self: Any, numbers: Ranges, answered: int, sent: int, now: float) -> Named:
        return take(self, numbers, max(answered, sent + 1), sent, now)

    return [(Naming, "take", believing)]


def any_session() -> list[Patch]:
    answered = SendWindow.answered

    def believing(self: Any, ack: Any, committed: Ranges, now: float) -> list[Named]:
        k = min(ack.k, self._k)
        session = self._session
        return answered(self, changed(ack, session=session, k=k), committed, now)

    return [(SendWindow, "answered", believing)]


def any_k() -> list[Patch]:
    answered = SendWindow.answered

    def believing(self: Any, ack: Any, committed: Ranges, now: float) -> list[Named]:
        book = self._books.get((ack.stream, ack.life))
        if ack.session != self._session or ack.k <= self._k or book is None:
            return answered(self, ack, committed, now)
        return [book.take(shared(book.track.held, committed), ack.k, self._k, now)]

    return [(SendWindow, "answered", believing)]


def ack_of_all_lives() -> list[Patch]:
    def committed(self: Any, claim: Any) -> tuple[Range, ...]:
        stream = self.by_name.get(claim.stream)
        if stream is None:
            return ()
        everything = Range(1, 2**53 - 1)
        to = Range(claim.first, max(claim.first, claim.last))
        return tuple(stream.held.nearest(everything, to, 65, with_last=True))

    return [(SequenceLedger, "committed", committed)]


def changed(struct: Any, **fields: Any) -> Any:
    kept = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**{**kept, **fields})


def enter_known_only() -> list[Patch]:
    enter = SequenceLedger._enter_all  # noqa: SLF001

    def entering(self: Any, edge: str, was: Any, at: Any, now: int) -> bool:
        known = any(
            one.stream in self.by_name and self.by_name[one.stream].has(one.life, one.number)
            for one in was
        )
        return known and enter(self, edge, was, at, now)

    return [(SequenceLedger, "_enter_all", entering)]


def survivor_is_new() -> list[Patch]:
    enter = SequenceLedger._enter_all  # noqa: SLF001

    def entering(self: Any, edge: str, was: Any, at: Any, now: int) -> bool:
        enter(self, edge, was, at, now)
        return False

    return [(SequenceLedger, "_enter_all", entering)]


def notice_gives_up_held() -> list[Patch]:
    declare = Stream.declare

    def harsh(self: Any, first: int, last: int, notice: Any, now: int) -> None:
        declare(self, first, last, notice, now)
        self.held.remove(first, last)

    return [(Stream, "declare", harsh)]


def given_up_is_refused() -> list[Patch]:
    declare = Stream.declare

    def final(self: Any, first: int, last: int, notice: Any, now: int) -> None:
        declare(self, first, last, notice, now)
        self.held.add(first, last)

    return [(Stream, "declare", final)]


def any_life() -> list[Patch]:
    def enter(self: Any, life: str, since: int, _: int) -> Range:
        self._since.setdefault(life, since)
        return Range(since, 2**53 - 1)

    return [
        (Stream, "enter", enter),
        (Stream, "owned", lambda self, life: Range(self._since.get(life, 1), 2**53 - 1)),
    ]


def anybody_speaks() -> list[Patch]:
    of = SequenceLedger._of  # noqa: SLF001

    def trusting(self: Any, edge: str, name: str, now: int) -> Stream | None:
        stream = self.by_name.get(name)
        return of(self, stream.edge if stream else edge, name, now)

    return [(SequenceLedger, "_of", trusting), (SequenceLedger, "owner", lambda *_: "")]


def held_is_stored_again() -> list[Patch]:
    def hold(stream: Any, claim: Any, first: int, last: int, times: Any, now: int) -> list[Range]:
        if first > last:
            return []
        begin, end = times[first - claim.first] or None, times[last - claim.first] or None
        stream.hold(first, last, begin, end, now)
        return [Range(first, last)]

    return [(SequenceLedger, "_hold", staticmethod(hold))]


async def at_once(*_: Any) -> None:
    return None


_take = Inbox.take


def take_any(self: Any, payload: bytes) -> None:
    hearing = self._hearing
    self._hearing = hearing._replace(session=session_in(payload) or hearing.session)
    _take(self, payload)
    self._hearing = hearing


def take_again(self: Any, payload: bytes) -> None:
    known = self._known.values
    for name in [name for name in known if name.encode() in payload]:
        known.pop(name)
    _take(self, payload)


def session_in(payload: bytes) -> str:
    return commands.decode(payload).session
