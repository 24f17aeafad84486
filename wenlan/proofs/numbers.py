"""Sequence numbers: which were given out by the journals, and what became of each."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.bounds import LAST_NUMBER
from contracts.ranges import Ranges
from contracts.topics import IMPORTER
from gateway.ingest.holes import AWAITED, OPEN_END, SETTLED
from gateway.ingest.readers import gaps
from runtime.database import Connection, connect, one, rows

BITS = LAST_NUMBER.bit_length() - 1
"""Of the key of a journal's row, those of the number; the slot of its stream is above them."""


MOST_GAPS = 10_000_000


class JournalEnd(NamedTuple):
    """How far a stream has come, and what of it its edge still holds."""

    stream: str
    last: int
    """The last sequence number given out; 0 when none was."""
    held: Ranges
    """What is still on disk at the edge, so not lost."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of every sequence number. `lost` and `doubled` name stream and numbers."""

    given_out: int = 0
    stored: int = 0
    readings: int = 0
    """A record of a block of a device is a reading of each of its points."""
    events: int = 0
    duplicates: int = 0
    declared: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def journals(data: Path) -> Iterator[JournalEnd]:
    """Read the end of every stream that the journals in a folder hold."""
    for path in sorted(data.glob("journal-*.sqlite3")):
        yield from ends_of(path)


def ends_of(path: Path) -> list[JournalEnd]:
    """Read the end of every stream of one journal."""
    found: list[JournalEnd] = []
    with closing(connect(path, read_only=True)) as journal:
        for slot, name, last in rows(journal, "SELECT slot, name, last FROM stream"):
            keys = (slot << BITS, (slot + 1) << BITS)
            held = rows(journal, "SELECT key FROM entry WHERE key >= ? AND key < ?", keys)
            numbers = (key & ((1 << BITS) - 1) for (key,) in held)
            found.append(JournalEnd(name, last, Ranges((one, one) for one in numbers)))
    return found


def committed(store: Connection, stream: str) -> Ranges:
    """Give the numbers of a stream that the store calls its own."""
    return Ranges(
        rows(
            store,
            "SELECT first, last FROM committed JOIN stream ON stream.id = committed.stream"
            " WHERE name = ?",
            (stream,),
        )
    )


def account(store: Connection, data: Path, given: Mapping[str, int]) -> Accounts:
    """Compare what every journal gave out with what the store has, row by row.

    `given`: by stream, what journals had given out that may be gone.
    """
    ends = {end.stream: end for end in journals(data)}
    for stream, last in given.items():
        end = ends.get(stream, JournalEnd(stream, 0, Ranges()))
        ends[stream] = end._replace(last=max(last, end.last))
    for (name,) in rows(store, "SELECT name FROM stream WHERE edge <> ?", (IMPORTER,)):
        ends.setdefault(name, JournalEnd(name, 0, Ranges()))
    books = {name: _book(store, end) for name, end in ends.items()}
    return Accounts(
        given_out=sum(book.last for book in books.values()),
        stored=sum(book.committed.size for book in books.values()),
        readings=_count(store, "SELECT count(*) FROM reading"),
        events=_count(store, "SELECT count(*) FROM event"),
        duplicates=_count(
            store, "SELECT coalesce(sum(count), 0) FROM tally WHERE name = 'duplicate'"
        ),
        declared=sum(book.declared.size for book in books.values()),
        lost=[line for name, book in books.items() for line in _lost(name, book)],
        doubled=[line for name in books for line in _doubled(store, name)] + _told_twice(store),
    )


class _Book(NamedTuple):
    """One stream, as its journal and the store tell of it."""

    last: int
    held: Ranges
    committed: Ranges
    stored: Ranges
    """Numbers that have rows, and those whose records are there under another number."""
    declared: Ranges


def _book(store: Connection, end: JournalEnd) -> _Book:
    own = committed(store, end.stream)
    stored = Ranges(
        (seq, seq)
        for table in ("reading", "event", "unreadable", "elsewhere")
        for (seq,) in rows(
            store,
            f"SELECT DISTINCT seq FROM {table} JOIN stream ON id = stream WHERE name = ?",  # noqa: S608 - tables named above
            (end.stream,),
        )
    )
    # A store that knows that it is an old copy says so by time, not by number.
    excused = _count(store, "SELECT count(*) FROM lost_time")
    silent = (AWAITED,) if excused else (AWAITED, SETTLED)
    last = max(end.last, own.last or 0)
    holes = [gap for gap in gaps(store, MOST_GAPS) if gap.stream == end.stream]
    declared = [(gap.first, gap.last) for gap in holes if gap.last and gap.cause not in silent]
    if any(gap.cause == OPEN_END for gap in holes) and last > (own.last or 0):
        # Its edge names it no more, and said not how it ended: the row says from where on.
        declared.append(((own.last or 0) + 1, last))
    return _Book(last, end.held, own, stored, Ranges(declared))


def _lost(stream: str, book: _Book) -> Iterator[str]:
    accounted = book.committed.union(book.held).union(book.declared)
    for first, last in accounted.missing(1, book.last):
        yield f"{stream}: numbers {first} to {last} are in no book"
    for low, high in book.committed:
        for first, last in book.stored.missing(low, high):
            yield f"{stream}: numbers {first} to {last} are called stored and have no row"
    for low, high in book.stored:
        for first, last in book.committed.missing(low, high):
            yield f"{stream}: numbers {first} to {last} have rows and are not called stored"


def _doubled(store: Connection, stream: str) -> Iterator[str]:
    twice = rows(
        store,
        "SELECT seq, count(*) FROM reading JOIN stream ON stream.id = stream WHERE name = ?"
        " GROUP BY seq, point HAVING count(*) > 1"
        " UNION ALL SELECT event.seq, 2 FROM event JOIN stream ON stream.id = event.stream"
        " JOIN reading USING (stream, seq) WHERE name = ?",
        (stream, stream),
    )
    for seq, count in twice:
        yield f"{stream}: number {seq} has {count} rows"


def _told_twice(store: Connection) -> list[str]:
    """Find readings that an edge told under two numbers: no point is read twice in an instant."""
    twice = rows(
        store,
        "SELECT path, at, count(*) FROM reading JOIN point ON point.id = point"
        " JOIN stream ON stream.id = stream WHERE edge <> ?"
        " GROUP BY point, at HAVING count(*) > 1",
        (IMPORTER,),
    )
    return [f"{path}: {count} readings of the instant {at}" for path, at, count in twice]


def _count(store: Connection, query: str) -> int:
    return int(one(store, query)[0])
