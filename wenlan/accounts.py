"""Sequence numbers: which were given out by the journals, and what became of each."""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.ranges import Ranges
from edge.journal import peek

ROWS = """
SELECT seq FROM reading WHERE stream = :stream
UNION ALL SELECT seq FROM event WHERE stream = :stream
UNION ALL SELECT seq FROM unreadable WHERE stream = :stream
ORDER BY seq
"""


class JournalEnd(NamedTuple):
    """How far a journal has come, and what it still holds."""

    stream: str
    last: int
    """The last sequence number given out; 0 when none was."""
    held: Ranges
    """What it still keeps: on disk at the edge, so not lost."""
    thinned: Ranges
    """What it gave up and declared."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of every sequence number. `lost` and `doubled` name stream and numbers."""

    readings_measured: int
    readings_stored: int
    events_stored: int
    duplicates: int
    declared: int
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def journals(data: Path) -> Iterator[JournalEnd]:
    """Read the end of every journal in a folder."""
    for path in sorted(data.glob("journal-*.sqlite3")):
        seen = peek(path)
        yield JournalEnd(seen.stream, seen.last, seen.held, seen.thinned)


def stored_up_to(store: sqlite3.Connection, stream: str) -> int:
    """Give the last number such that the store has all up to it."""
    row = store.execute(
        "SELECT last FROM committed JOIN stream ON stream.id = committed.stream"
        " WHERE stream.name = ? AND first = 1",
        (stream,),
    ).fetchone()
    return int(row[0]) if row else 0


def account(store: sqlite3.Connection, data: Path) -> Accounts:
    """Compare what every journal gave out with what the store has, row by row."""
    ids = dict(store.execute("SELECT name, id FROM stream"))
    lost: list[str] = []
    doubled: list[str] = []
    given_out = declared = waiting = 0
    for journal in journals(data):
        given_out += journal.last
        rows = [row[0] for row in store.execute(ROWS, {"stream": ids.get(journal.stream, -1)})]
        stored = Ranges((one, one) for one in rows)
        doubled += [
            f"{journal.stream}: number {first} has {rows.count(first)} rows"
            for first in sorted({a for a, b in itertools.pairwise(rows) if a == b})
        ]
        declared += journal.thinned.size
        accounted = stored.union(journal.held).union(journal.thinned)
        waiting += accounted.size - stored.size - journal.thinned.size
        lost += [
            f"{journal.stream}: numbers {first} to {last} are in no book"
            for first, last in accounted.missing(1, journal.last)
        ]
    readings = _count(store, "SELECT count(*) FROM reading")
    events = _count(store, "SELECT count(*) FROM event")
    return Accounts(
        readings_measured=max(given_out - events, 0),
        readings_stored=readings,
        events_stored=events,
        duplicates=_count(
            store, "SELECT coalesce(sum(count), 0) FROM tally WHERE name='duplicate'"
        ),
        declared=declared,
        lost=lost,
        doubled=doubled,
    )


def _count(store: sqlite3.Connection, query: str) -> int:
    return int(store.execute(query).fetchone()[0])
