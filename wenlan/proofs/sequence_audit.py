"""Sequence numbers: which were given out by the journals, and what became of each."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.ranges import Ranges
from runtime.database import Connection, connect, one

ROWS = """
SELECT seq, point FROM reading WHERE stream = :stream
UNION ALL SELECT seq, 0 FROM event WHERE stream = :stream
UNION ALL SELECT seq, -1 FROM unreadable WHERE stream = :stream
ORDER BY seq
"""
"""A sample has a row for each of its points, anything else has one row."""
NUMBER_BITS = 53
"""Of a row's key in a journal: the number; above it stands the slot of the stream."""


class JournalEnd(NamedTuple):
    """How far a journal has come, and what it still holds."""

    stream: str
    last: int
    """The last sequence number given out; 0 when none was."""
    held: Ranges
    """What it still keeps: on disk at the edge, so not lost."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of every sequence number. `lost` and `doubled` name stream and numbers."""

    records: int
    """Numbers that were given out."""
    records_stored: int
    readings_stored: int
    """Values, of which a record has one or more."""
    events_stored: int
    duplicates: int
    declared: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def journals(data: Path) -> Iterator[JournalEnd]:
    """Read the end of every stream of every journal in a folder."""
    for path in sorted(data.glob("journal-*.sqlite3")):
        with closing(connect(path, read_only=True)) as journal:
            keys: dict[int, list[int]] = defaultdict(list)
            for (key,) in journal.execute("SELECT key FROM entry"):
                keys[key >> NUMBER_BITS].append(key & ((1 << NUMBER_BITS) - 1))
            streams = journal.execute("SELECT slot, name, last FROM stream").fetchall()
        for slot, name, last in streams:
            yield JournalEnd(name, last, Ranges((number, number) for number in keys[slot]))


def awaited(store: Connection, journal: JournalEnd) -> Ranges:
    """Give the numbers of a journal that are neither in the store nor declared as given up."""
    found = store.execute("SELECT id FROM stream WHERE name = ?", (journal.stream,)).fetchone()
    if found is None:
        return Ranges([(1, journal.last)] if journal.last else [])
    committed = store.execute("SELECT first, last FROM committed WHERE stream = ?", found)
    return Ranges(committed).union(_declared(store, found[0])).missing(1, journal.last)


def account(store: Connection, data: Path) -> Accounts:
    """Compare what every journal gave out with what the store has, row by row."""
    ids = dict(store.execute("SELECT name, id FROM stream"))
    lost: list[str] = []
    doubled: list[str] = []
    records = records_stored = declared = readings = events = 0
    for journal in journals(data):
        records += journal.last
        stream = ids.get(journal.stream, -1)
        rows = store.execute(ROWS, {"stream": stream}).fetchall()
        doubled += [f"{journal.stream}: number {number} {why}" for number, why in _doubles(rows)]
        stored = Ranges((number, number) for number, _ in rows)
        records_stored += stored.size
        values = sum(point > 0 for _, point in rows)
        readings, events = readings + values, events + len(rows) - values
        given_up = _declared(store, stream)
        declared += given_up.size
        accounted = stored.union(journal.held).union(given_up)
        lost += [
            f"{journal.stream}: numbers {first} to {last} are in no book"
            for first, last in accounted.missing(1, journal.last)
        ]
    return Accounts(
        records=records,
        records_stored=records_stored,
        readings_stored=readings,
        events_stored=events,
        duplicates=_count(
            store, "SELECT coalesce(sum(count), 0) FROM tally WHERE name='duplicate'"
        ),
        declared=declared,
        lost=lost,
        doubled=doubled,
    )


def _doubles(rows: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Find numbers that were stored twice; `rows` are number and point, in order of numbers."""
    for number, group in itertools.groupby(rows, key=lambda row: row[0]):
        points = [point for _, point in group]
        if len(set(points)) < len(points):
            yield number, f"has {len(points)} rows of {len(set(points))} points"
        elif len(points) > 1 and min(points) <= 0:
            yield number, "is a reading and something else"


def _declared(store: Connection, stream: int) -> Ranges:
    """Give the holes of a stream that are known for good, with their cause."""
    holes = "SELECT first, last FROM gap WHERE stream = ? AND cause <> ''"
    return Ranges(store.execute(holes, (stream,)))


def _count(store: Connection, query: str, *parameters: int) -> int:
    return int(one(store, query, parameters)[0])
