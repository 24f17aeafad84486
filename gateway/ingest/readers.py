"""What is in the store and what is missing, as rows for readers."""

from typing import NamedTuple

from contracts.instants import Instant
from runtime.database import Connection, one, rows


class Journal(NamedTuple):
    """One stream of an edge: how many records are in the store, and how many are missing."""

    stream: str
    edge: str
    begun: Instant
    committed: int
    last: int
    missing: int


class Gap(NamedTuple):
    """Sequence numbers that are not in the store, and why. Cause '' means still awaited."""

    stream: str
    edge: str
    first: int
    last: int
    noticed: Instant
    since: Instant | None
    until: Instant | None
    cause: str


def journals(store: Connection) -> list[Journal]:
    """Give every stream with what of it is in the store."""
    found = store.execute(
        "SELECT name, edge, begun, coalesce(sum(last - first + 1), 0), coalesce(max(last), 0)"
        " FROM stream LEFT JOIN committed ON stream = id GROUP BY id ORDER BY edge, begun"
    )
    return [Journal._make((*row, row[4] - row[3])) for row in found]


def gaps(store: Connection, limit: int = 500) -> list[Gap]:
    """Give the holes in what was received, the newest first."""
    found = store.execute(
        "SELECT name, edge, first, last, noticed, since, until, cause FROM gap"
        " JOIN stream ON id = stream ORDER BY noticed DESC, first LIMIT ?",
        (limit,),
    )
    return [Gap(*row) for row in found]


def tallies(store: Connection) -> dict[str, int]:
    """Give the counts of what was refused, doubled or late."""
    return dict(rows(store, "SELECT name, count FROM tally ORDER BY name"))


class Totals(NamedTuple):
    """How much is in the store."""

    records: int
    """Sequence numbers committed: readings, events and unreadable ones."""
    events: int
    unreadable: int
    open_gaps: int


def totals(store: Connection) -> Totals:
    """Count what is in the store, without touching each reading."""
    return Totals._make(
        one(
            store,
            "SELECT (SELECT coalesce(sum(last - first + 1), 0) FROM committed),"
            " (SELECT count(*) FROM event), (SELECT count(*) FROM unreadable),"
            " (SELECT count(*) FROM gap WHERE cause = '')",
        )
    )
