"""The rules of the exchange, each as what is left of the code without it.

A proof that cannot fail proves nothing: with one of these left out, some story must be judged
false (`docs/reference/exchange.md` has the seeds).
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

from contracts.codec import commands
from contracts.ranges import Range, Ranges
from edge.commands import inbox
from edge.commands.inbox import Inbox
from edge.journal import file as journal_file
from edge.journal import opening, packing, salvage, shrinking, volatile
from edge.journal.disk import Disk
from edge.journal.file import JournalFile, delete_rows
from edge.journal.intake import Intake
from edge.journal.journal import Journal
from edge.journal.numbers import shared
from edge.journal.packing import Stored
from edge.journal.rows import Row, Was, row_of
from edge.journal.schema import number_of, read_was, save_stream
from edge.uplink.naming import Named, Naming
from edge.uplink.send_window import SendWindow
from gateway.commands import outcomes, requests
from gateway.commands.pending import PendingCommands
from gateway.engine.writer import Writer
from gateway.ingest import sequence_ledger
from gateway.ingest.records import Records
from gateway.ingest.sequence_ledger import SequenceLedger
from gateway.ingest.stamps import Stamps
from gateway.ingest.stream import Stream
from runtime.database import transaction

Patch = tuple[Any, str, Any]
"""An owner, the name of what it has, and what it has instead."""


class Rule(NamedTuple):
    """One rule."""

    text: str
    without: Callable[[], list[Patch]]


def _nothing(*_: Any, **__: Any) -> None:
    return None


# The edge's journal.


def _doubt_is_gone() -> list[Patch]:
    return [(Intake, "judge", _nothing)]


def _doubt_is_done() -> list[Patch]:
    judge = Intake.judge
    return [(Intake, "judge", lambda self, _: judge(self, lambda __: True))]


def _durable_in_memory() -> list[Patch]:
    take = volatile.Volatile.take

    def believing(self: Any, entry: Any, stamp: Any) -> None:
        take(self, entry, stamp)
        entry.promise.settle(kept=True)

    return [(volatile.Volatile, "take", believing)]


def _second_volatile() -> list[Patch]:
    def open_stream(self: Any) -> Any:
        if not self.sick:
            return None
        if self.volatile is None or self.volatile.ended:
            self.volatile = volatile.Volatile(self.ids(), self._life)
        return self.volatile

    return [(Intake, "_open_stream", property(open_stream))]


def _volatile_named_once() -> list[Patch]:
    named = volatile.Volatile.named

    def letting_go(self: Any, numbers: Ranges) -> None:
        named(self, numbers)
        gone = Ranges((low, high) for one in numbers for low, high in self.held.within(*one))
        self._remove(gone)

    def forget(self: Any, _: Ranges) -> None:
        self._thin_so = 0

    return [(volatile.Volatile, "named", letting_go), (volatile.Volatile, "forget", forget)]


def _was(row: Row, *_: Any) -> Row | None:
    return row


def _last_was(row: Row, stream: str, life: str, number: int) -> Row | None:
    return row._replace(was=(Was(stream, life, number),))


def _split_replace() -> list[Patch]:
    replace = JournalFile.replace

    def in_two(self: Any, name: str, gone: Ranges, kept: Any, notices: Any, stamp: Any) -> None:
        stream = self.stream(name)
        if stream is None:
            return
        with transaction(self.db):
            less = delete_rows(self.db, stream, gone)
            save_stream(self.db, less)
        self.streams[less.slot] = less
        if less.use == "left":
            self.write([row_of(one, stamp.segment, urgent=True) for one in notices], {}, stamp)
            self.write([*kept], {}, stamp)
        else:
            replace(self, name, Ranges(), kept, notices, stamp)

    return [(JournalFile, "replace", in_two)]


def _unchecked() -> list[Patch]:
    def stored(words: Any, columns: Any) -> Stored:
        key, segment, block, at, _, was, body = columns
        before = read_was(words, was)
        like = words.block(abs(block)) if block else None
        row = Row(at, words.segment(segment) or "", like, block <= 0, body, before or ())
        return Stored(number_of(key), row, block)

    return [
        (packing, "stored", stored),
        (journal_file, "stored", stored),
        (journal_file, "sound", lambda _: True),
    ]


def _no_closing() -> list[Patch]:
    return [(journal_file, "closing_rows", lambda *_: [])]


def _one_life() -> list[Patch]:
    return [(opening, "_begin_life", _nothing)]


# The way between them.


def _named_once() -> list[Patch]:
    def take(self: Any, numbers: Ranges, answered: int, sent: int, now: float) -> Named:
        del answered, sent
        self.twice = self.twice.union(numbers)
        self.quiet_since = now
        self._sum_up()
        return Named(self.track.stream, self.track.life, numbers, numbers)

    return [(Naming, "take", take)]


def _any_second() -> list[Patch]:
    take = Naming.take

    def believing(self: Any, numbers: Ranges, answered: int, sent: int, now: float) -> Named:
        return take(self, numbers, max(answered, sent + 1), sent, now)

    return [(Naming, "take", believing)]


def _any_session() -> list[Patch]:
    answered = SendWindow.answered

    def believing(self: Any, ack: Any, committed: Ranges, now: float) -> list[Named]:
        k = min(ack.k, self._k)
        session = self._session
        return answered(self, _changed(ack, session=session, k=k), committed, now)

    return [(SendWindow, "answered", believing)]


def _any_k() -> list[Patch]:
    answered = SendWindow.answered

    def believing(self: Any, ack: Any, committed: Ranges, now: float) -> list[Named]:
        book = self._books.get((ack.stream, ack.life))
        if ack.session != self._session or ack.k <= self._k or book is None:
            return answered(self, ack, committed, now)
        return [book.take(shared(book.track.held, committed), ack.k, self._k, now)]

    return [(SendWindow, "answered", believing)]


def _ack_of_all_lives() -> list[Patch]:
    def committed(self: Any, claim: Any) -> tuple[Range, ...]:
        stream = self.by_name.get(claim.stream)
        if stream is None:
            return ()
        everything = Range(1, 2**53 - 1)
        to = Range(claim.first, max(claim.first, claim.last))
        return tuple(stream.held.nearest(everything, to, 65, with_last=True))

    return [(SequenceLedger, "committed", committed)]


def _changed(struct: Any, **fields: Any) -> Any:
    kept = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return type(struct)(**{**kept, **fields})


# The gateway's ledger.


def _enter_known_only() -> list[Patch]:
    enter = SequenceLedger._enter_all  # noqa: SLF001

    def entering(self: Any, edge: str, was: Any, at: Any, now: int) -> bool:
        known = any(
            one.stream in self.by_name and self.by_name[one.stream].has(one.life, one.number)
            for one in was
        )
        return known and enter(self, edge, was, at, now)

    return [(SequenceLedger, "_enter_all", entering)]


def _survivor_is_new() -> list[Patch]:
    enter = SequenceLedger._enter_all  # noqa: SLF001

    def entering(self: Any, edge: str, was: Any, at: Any, now: int) -> bool:
        enter(self, edge, was, at, now)
        return False

    return [(SequenceLedger, "_enter_all", entering)]


def _notice_gives_up_held() -> list[Patch]:
    declare = Stream.declare

    def harsh(self: Any, first: int, last: int, notice: Any, now: int) -> None:
        declare(self, first, last, notice, now)
        self.held.remove(first, last)

    return [(Stream, "declare", harsh)]


def _given_up_is_refused() -> list[Patch]:
    declare = Stream.declare

    def final(self: Any, first: int, last: int, notice: Any, now: int) -> None:
        declare(self, first, last, notice, now)
        self.held.add(first, last)

    return [(Stream, "declare", final)]


def _any_life() -> list[Patch]:
    def enter(self: Any, life: str, since: int, _: int) -> Range:
        self._since.setdefault(life, since)
        return Range(since, 2**53 - 1)

    return [
        (Stream, "enter", enter),
        (Stream, "owned", lambda self, life: Range(self._since.get(life, 1), 2**53 - 1)),
    ]


def _anybody_speaks() -> list[Patch]:
    of = SequenceLedger._of  # noqa: SLF001

    def trusting(self: Any, edge: str, name: str, now: int) -> Stream | None:
        stream = self.by_name.get(name)
        return of(self, stream.edge if stream else edge, name, now)

    return [(SequenceLedger, "_of", trusting), (SequenceLedger, "owner", lambda *_: "")]


def _held_is_stored_again() -> list[Patch]:
    def hold(stream: Any, claim: Any, first: int, last: int, times: Any, now: int) -> list[Range]:
        if first > last:
            return []
        begin, end = times[first - claim.first] or None, times[last - claim.first] or None
        stream.hold(first, last, begin, end, now)
        return [Range(first, last)]

    return [(SequenceLedger, "_hold", staticmethod(hold))]


RULES: dict[str, Rule] = {
    "doubt": Rule(
        "a group whose commit failed is in doubt: it is written again only if the reopened file"
        " shows that it is not there",
        _doubt_is_gone,
    ),
    "doubt-not-durable": Rule(
        "a group in doubt is not durable until the reopened file shows that it is there",
        _doubt_is_done,
    ),
    "volatile-named": Rule(
        "a record of the stream in memory is durable when the gateway named it, not before",
        _durable_in_memory,
    ),
    "volatile-twice": Rule(
        "a record of the stream in memory stays there until it was named twice",
        _volatile_named_once,
    ),
    "one-volatile": Rule(
        "a second stream in memory begins only when the first has drained", _second_volatile
    ),
    "was": Rule(
        "a survivor of thinning says what it was",
        lambda: [(shrinking, "moved", _was), (volatile, "moved", _was)],
    ),
    "all-was": Rule(
        "a survivor says all that it was",
        lambda: [(shrinking, "moved", _last_was), (volatile, "moved", _last_was)],
    ),
    "one-commit": Rule(
        "what survives is written in the commit that deletes what it was", _split_replace
    ),
    "checksum": Rule("a row whose checksum is wrong is never sent", _unchecked),
    "salvage-checksum": Rule(
        "of a damaged file, rows are carried over whose checksum is right",
        lambda: [(salvage, "_right", lambda *_: True)],
    ),
    "rotten-declared": Rule(
        "a row that rots is deleted with a notice",
        lambda: [(shrinking, "drop_rotten", _drop_silently)],
    ),
    "closing": Rule("a file that is left is closed by a record", _no_closing),
    "witness": Rule(
        "a file behind its witness, or another one's, is left at the start",
        lambda: [(opening, "objection", lambda *_: "")],
    ),
    "witness-written": Rule(
        "the witness follows each group", lambda: [(Disk, "_witness", _nothing)]
    ),
    "life": Rule("each start of the edge is a life of its own", _one_life),
    "not-own": Rule(
        "a stream born in this life is never left on a refusal",
        lambda: [(Journal, "refuse", _refuse_at_once)],
    ),
    "refusal": Rule(
        "rows that are refused come again under new numbers",
        lambda: [(Journal, "refuse", _nothing)],
    ),
    "named-twice": Rule("a row is deleted when it was named twice", _named_once),
    "later-batch": Rule(
        "the second ack counts when its batch was sent after the first came", _any_second
    ),
    "session": Rule("an ack of another session is counted only", _any_session),
    "future": Rule("an ack for a batch not yet sent is counted only", _any_k),
    "ack-of-a-life": Rule("an ack names no number that another life owns", _ack_of_all_lives),
    "confirm": Rule(
        "when only rows named once are left, the newest is sent again",
        lambda: [(Naming, "to_confirm", lambda _: 0)],
    ),
    "survivor-held": Rule(
        "a survivor that the store has under any number is a duplicate", _survivor_is_new
    ),
    "survivor-enters": Rule("all that a survivor was is entered as held", _enter_known_only),
    "held-stays": Rule("what is held is not given up by a notice", _notice_gives_up_held),
    "given-up-comes": Rule("what was given up and comes after all is taken", _given_up_is_refused),
    "oldest": Rule(
        "numbers below the oldest that the edge holds are settled",
        lambda: [(Stream, "settle", _nothing)],
    ),
    "unnamed": Rule(
        "a stream that presence names no more is not awaited",
        lambda: [(SequenceLedger, "named", _nothing)],
    ),
    "owner": Rule("a life owns its numbers; those of another are refused", _any_life),
    "own-edge": Rule("nobody speaks for another edge's stream", _anybody_speaks),
    "once": Rule("a number that is held is not stored again", _held_is_stored_again),
    "memory": Rule(
        "when a transaction fails, the gateway's memory of the store is dropped",
        lambda: [(Writer, "forget", _nothing)],
    ),
    "put-back": Rule(
        "a store put back says the time that it lacks",
        lambda: [(Stamps, "lost", _nothing)],
    ),
    "layout": Rule(
        "a sample whose layout has not come is neither stored nor acknowledged",
        lambda: [(Records, "absent", lambda *_: frozenset())],
    ),
    "most-ranges": Rule(
        "an ack has at most 65 ranges", lambda: [(sequence_ledger, "MOST_RANGES", 10**6)]
    ),
    "command-session": Rule(
        "a command names the session it is for, and another leaves it alone",
        lambda: [(Inbox, "take", _take_any)],
    ),
    "command-known-session": Rule(
        "no command is taken for an edge whose session is not known",
        lambda: [(requests, "_session_of", lambda *_: "")],
    ),
    "command-durable": Rule(
        "a command is durable before it is begun", lambda: [(inbox, "written", _at_once)]
    ),
    "command-once": Rule(
        "a command that is known begins nothing", lambda: [(Inbox, "take", _take_again)]
    ),
    "unknown-ends": Rule(
        "what became unknown is not sent again",
        lambda: [(PendingCommands, "present", _nothing)],
    ),
    "outcome-counts": Rule(
        "a real outcome takes the place of unknown",
        lambda: [(outcomes, "_RANKS", {"sent": 0, "unknown": 2, "reverted": 3})],
    ),
    "answered-again": Rule(
        "a command that comes again after it was done is answered again",
        lambda: [(Inbox, "_answer_again", _nothing)],
    ),
}


def _drop_silently(file: Any, name: str, number: int, stamp: Any) -> None:
    stream = file.stream(name)
    if stream is not None and number in stream.held:
        file.replace(name, Ranges([(number, number)]), [], [], stamp)


def _refuse_at_once(self: Any, stream: str, life: str, first: int) -> None:
    before = self._writer.refused.get((stream, life), first)
    self._writer.refused[stream, life] = min(before, first)
    self._wake.set()
    self._announce()


async def _at_once(*_: Any) -> None:
    return None


_take = Inbox.take


def _take_any(self: Any, payload: bytes) -> None:
    hearing = self._hearing
    self._hearing = hearing._replace(session=_session_in(payload) or hearing.session)
    _take(self, payload)
    self._hearing = hearing


def _take_again(self: Any, payload: bytes) -> None:
    known = self._known.values
    for name in [name for name in known if name.encode() in payload]:
        known.pop(name)
    _take(self, payload)


def _session_in(payload: bytes) -> str:
    return commands.decode(payload).session


@contextmanager
def left_out(name: str) -> Iterator[None]:
    """Leave a rule out; raise KeyError when there is none of that name."""
    if not name:
        yield
        return
    if name not in RULES:
        raise KeyError(f"no rule {name}; there are {', '.join(RULES)}")
    with ExitStack() as undo:
        for owner, attribute, instead in RULES[name].without():
            before = vars(owner)[attribute]
            undo.callback(setattr, owner, attribute, before)
            setattr(owner, attribute, instead)
        yield
