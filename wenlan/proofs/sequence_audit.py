"""Sequence numbers: which were given out by the journals, and what became of each."""

import itertools
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from contracts.ranges import Ranges
from runtime.database import Connection, connect, one

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
        with closing(connect(path, read_only=True)) as journal:
            (stream,) = one(journal, "SELECT stream FROM about")
            last = journal.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'record'"
            ).fetchone()
            held = Ranges((seq, seq) for (seq,) in journal.execute("SELECT seq FROM record"))
        yield JournalEnd(stream, last[0] if last else 0, held)


def stored_up_to(store: Connection, stream: str) -> int:
    """Give the last number such that the store has all up to it."""
    row = store.execute(
        "SELECT last FROM committed JOIN stream ON stream.id = committed.stream"
        " WHERE stream.name = ? AND first = 1",
        (stream,),
    ).fetchone()
    return int(row[0]) if row else 0


def account(store: Connection, data: Path) -> Accounts:
    """Compare what every journal gave out with what the store has, row by row."""
    ids = dict(store.execute("SELECT name, id FROM stream"))
    lost: list[str] = []
    doubled: list[str] = []
    given_out = declared = readings = events = 0
    for journal in journals(data):
        given_out += journal.last
        stream = ids.get(journal.stream, -1)
        rows = [row[0] for row in store.execute(ROWS, {"stream": stream})]
        own = _count(store, "SELECT count(*) FROM reading WHERE stream = ?", stream)
        readings += own
        events += len(rows) - own
        stored = Ranges((one, one) for one in rows)
        doubled += [
            f"{journal.stream}: number {first} has {rows.count(first)} rows"
            for first in sorted({a for a, b in itertools.pairwise(rows) if a == b})
        ]
        thinned = _thinned(store, stream)
        declared += thinned.size
        accounted = stored.union(journal.held).union(thinned)
        lost += [
            f"{journal.stream}: numbers {first} to {last} are in no book"
            for first, last in accounted.missing(1, journal.last)
        ]
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


def _thinned(store: Connection, stream: int) -> Ranges:
    """Give what a journal declared that it gave up when it was full."""
    bodies = store.execute(
        "SELECT body FROM event WHERE stream = ? AND kind = 'thinned'", (stream,)
    )
    return Ranges((first, last) for (body,) in bodies for first, last in json.loads(body)["ranges"])


def _count(store: Connection, query: str, *parameters: int) -> int:
    return int(one(store, query, parameters)[0])
