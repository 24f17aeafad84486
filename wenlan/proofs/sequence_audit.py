"""Sequence numbers: which were given out by the journals, and what became of each."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.ranges import Ranges
from runtime.database import Connection, connect, one, rows

ROWS = """
SELECT seq, point FROM reading WHERE stream = ?
UNION ALL SELECT seq, 0 FROM event WHERE stream = ?
UNION ALL SELECT seq, -1 FROM unreadable WHERE stream = ?
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
            for (key,) in rows(journal, "SELECT key FROM entry"):
                keys[key >> NUMBER_BITS].append(key & ((1 << NUMBER_BITS) - 1))
            streams = rows(journal, "SELECT slot, name, last FROM stream")
        for slot, name, last in streams:
            yield JournalEnd(name, last, Ranges((number, number) for number in keys[slot]))


def awaited(store: Connection, journal: JournalEnd) -> Ranges:
    """Give the numbers of a journal that are neither in the store nor declared as given up."""
    found = rows(store, "SELECT id FROM stream WHERE name = ?", (journal.stream,))
    stream = found[0][0] if found else -1
    committed = rows(store, "SELECT first, last FROM committed WHERE stream = ?", (stream,))
    return Ranges(committed).union(_declared(store, stream)).missing(1, journal.last)


def account(store: Connection, data: Path) -> Accounts:
    """Compare what every journal gave out with what the store has, row by row."""
    ids = dict(rows(store, "SELECT name, id FROM stream"))
    lost: list[str] = []
    doubled: list[str] = []
    records = records_stored = declared = readings = events = 0
    for journal in journals(data):
        records += journal.last
        stream = ids.get(journal.stream, -1)
        found = rows(store, ROWS, (stream, stream, stream))
        doubled += [f"{journal.stream}: number {number} {why}" for number, why in _doubles(found)]
        stored = Ranges((number, number) for number, _ in found)
        records_stored += stored.size
        values = sum(point > 0 for _, point in found)
        readings, events = readings + values, events + len(found) - values
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


def _doubles(found: Sequence[tuple[int, int]]) -> Iterator[tuple[int, str]]:
    """Find numbers that were stored twice; `found` are number and point, in order of numbers."""
    for number, group in itertools.groupby(found, key=lambda row: row[0]):
        points = [point for _, point in group]
        if len(set(points)) < len(points):
            yield number, f"has {len(points)} rows of {len(set(points))} points"
        elif len(points) > 1 and min(points) <= 0:
            yield number, "is a reading and something else"


def _declared(store: Connection, stream: int) -> Ranges:
    """Give the holes of a stream that are known for good, with their cause."""
    holes = "SELECT first, last FROM gap WHERE stream = ? AND cause <> ''"
    return Ranges(rows(store, holes, (stream,)))


def _count(store: Connection, query: str, *parameters: int) -> int:
    return int(one(store, query, parameters)[0])
