"""What is in the store and what is missing, as rows for readers."""

from typing import NamedTuple

from contracts.codec import decode_record
from contracts.instants import Instant
from contracts.records import ClockStepped, PartFell
from gateway.ingest.holes import OPEN_END, Hole, explained
from runtime.database import Connection, one, rows


class Journal(NamedTuple):
    """One stream of an edge: how many records are in the store, and how many are missing."""

    stream: str
    edge: str
    begun: Instant
    committed: int
    last: int
    missing: int


OLD_COPY = "old-copy"
"""An old copy of the store was put back."""


class Gap(NamedTuple):
    """What is not in the store, and why. Cause '' means still awaited.

    Numbers are 0 where only the time is known; `last` alone is 0 where the end is not known.
    """

    stream: str
    edge: str
    first: int
    last: int
    noticed: Instant
    since: Instant | None
    until: Instant | None
    cause: str
    reason: str = ""


def journals(store: Connection) -> list[Journal]:
    """Give every stream with what of it is in the store."""
    found = store.execute(
        "SELECT name, edge, begun, coalesce(sum(last - first + 1), 0), coalesce(max(last), 0)"
        " FROM stream LEFT JOIN committed ON stream = id GROUP BY id ORDER BY edge, begun"
    )
    return [Journal._make((*row, row[4] - row[3])) for row in found]


def gaps(store: Connection, limit: int = 500) -> list[Gap]:
    """Give the holes in what was received, the newest first."""
    found = rows(
        store,
        "SELECT name, edge, settled_to, unnamed, first, last, noticed, since, until, cause, reason"
        " FROM gap JOIN stream ON id = stream ORDER BY noticed DESC, first LIMIT ?",
        (limit,),
    )
    given = [
        Gap(name, edge, *part)
        for name, edge, settled_to, unnamed, *hole in found
        for part in explained(Hole(*hole), settled_to, presumed=bool(unnamed))
    ]
    ends = rows(
        store,
        "SELECT name, edge, max((SELECT coalesce(max(last), 0) FROM committed WHERE stream = id),"
        " (SELECT coalesce(max(last), 0) FROM gap WHERE stream = id)) + 1, 0, unnamed, newest,"
        " NULL FROM stream WHERE unnamed > 0 AND NOT ended ORDER BY unnamed DESC LIMIT ?",
        (limit,),
    )
    given += [Gap._make((*end, OPEN_END, "")) for end in ends]
    times = rows(
        store,
        "SELECT '', edge, 0, 0, noticed, since, until FROM lost_time ORDER BY noticed DESC LIMIT ?",
        (limit,),
    )
    given += [Gap._make((*time, OLD_COPY, "")) for time in times]
    return sorted(given, key=lambda gap: -gap.noticed)[:limit]


def edge_events(store: Connection, limit: int = 20) -> list[PartFell | ClockStepped]:
    """Give the newest falls of edges' parts and steps of their clocks."""
    found: list[PartFell | ClockStepped] = []
    for kind in ("part", "clock-stepped"):
        statement = "SELECT body FROM event WHERE kind = ? ORDER BY at DESC LIMIT ?"
        for (body,) in rows(store, statement, (kind, limit)):
            event = decode_record(body)
            assert isinstance(event, PartFell | ClockStepped)
            found.append(event)
    return sorted(found, key=lambda event: -event.at)[:limit]


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
            " (SELECT count(*) FROM gap JOIN stream ON id = stream"
            " WHERE cause = '' AND last >= settled_to AND NOT unnamed)",
        )
    )
