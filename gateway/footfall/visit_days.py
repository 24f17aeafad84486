"""Who passed the gates, by library-day and hour, and how much of that time was really counted.

ISO 2789: a visit is a person entering, so `entries` are the visits. A crossing row spans the time
between two readings of a counter. What was counted across an outage belongs to the day when the
whole outage lies in it, but to no hour; what spans two days belongs to neither and is told apart.
"""

from datetime import date
from typing import NamedTuple

from config.library_days import Calendar
from contracts.instants import HOUR, MINUTE, Instant
from runtime.database import Connection

BRIEF = 10 * MINUTE
"""Longest roll-over interval that is still booked to the hour it ends in."""
PLACED = f"count IS NOT NULL AND (flag = '' OR (flag = 'rollover' AND until - since <= {BRIEF}))"


class Span(NamedTuple):
    """A stretch of time whose crossings cannot be told by the hour. `passed` None: unknown."""

    since: Instant
    until: Instant
    passed: int | None
    flag: str


class Hour(NamedTuple):
    """One hour of one direction. `passed` is None where nothing was measured: not zero."""

    begin: Instant
    end: Instant
    passed: int | None
    coverage: float | None
    """Share of the hour so far that was counted; None for an hour that has not begun."""


class Direction(NamedTuple):
    """One direction of one gate on one library-day."""

    total: int | None
    coverage: float | None
    """Share of the day so far for which somebody counted, outages with a known sum included."""
    unplaced: int
    """Counted across outages within the day: in `total`, in no hour."""
    hours: tuple[Hour, ...]
    spans: tuple[Span, ...]
    """Outages, resets, faults; those that reach beyond the day are not in `total`."""


class GateDay(NamedTuple):
    """One gate on one library-day."""

    gate: str
    day: date
    entries: Direction
    exits: Direction | None


def gate_day(
    store: Connection,
    gate: str,
    *,
    two_way: bool,
    day: date,
    calendar: Calendar,
    now: Instant,
) -> GateDay:
    """Give one gate's library-day as far as it has come."""
    hours = calendar.hours(day)
    entries = _direction(store, gate, "entry", hours, now)
    exits = _direction(store, gate, "exit", hours, now) if two_way else None
    return GateDay(gate, day, entries, exits)


def _direction(
    store: Connection,
    gate: str,
    direction: str,
    hours: list[tuple[Instant, Instant]],
    now: Instant,
) -> Direction:
    begin, end = hours[0][0], hours[-1][1]
    counted, covered = _placed(store, gate, direction, begin, end)
    spans = _spans(store, gate, direction, begin, end)
    rows = tuple(
        _hour(since, until, counted.get(i), covered.get(i, 0), now)
        for i, (since, until) in enumerate(hours)
    )
    whole = [one for one in spans if one.passed is not None and begin <= one.since]
    whole = [one for one in whole if one.until <= end]
    unplaced = sum(one.passed or 0 for one in whole)
    elapsed = min(now, end) - begin
    time = sum(covered.values()) + sum(one.until - one.since for one in whole)
    known = bool(counted) or bool(whole)
    total = sum(counted.values()) + unplaced if known else None
    coverage = min(1.0, time / elapsed) if elapsed > 0 else None
    return Direction(total, coverage, unplaced, rows, spans)


def _placed(
    store: Connection, gate: str, direction: str, begin: Instant, end: Instant
) -> tuple[dict[int, int], dict[int, int]]:
    """Give the count and the microseconds covered, by hour of the day."""
    counted: dict[int, int] = {}
    covered: dict[int, int] = {}
    query = (
        f"SELECT (until - 1 - ?) / {HOUR}, sum(count),"  # noqa: S608 - constants of this module
        f" sum(until - max(since, ? + (until - 1 - ?) / {HOUR} * {HOUR}))"
        f" FROM crossing WHERE gate = ? AND direction = ? AND until > ? AND until <= ?"
        f" AND {PLACED} GROUP BY 1"
    )
    for hour, count, time in store.execute(
        query, (begin, begin, begin, gate, direction, begin, end)
    ):
        counted[hour] = count
        covered[hour] = time
    # An interval that ends in one hour also covers the end of the hour before.
    straddling = (
        f"SELECT since, until FROM crossing WHERE gate = ? AND direction = ? AND until > ?"  # noqa: S608
        f" AND until <= ? AND {PLACED}"
        f" AND (since - ?) / {HOUR} < (until - 1 - ?) / {HOUR} AND since >= ? - {HOUR}"
    )
    for since, until in store.execute(
        straddling, (gate, direction, begin, end + HOUR, begin, begin, begin)
    ):
        for hour in range(max(0, (since - begin) // HOUR), (until - 1 - begin) // HOUR):
            first = begin + hour * HOUR
            if first < end:
                time = min(first + HOUR, end) - max(since, first)
                covered[hour] = covered.get(hour, 0) + time
    return counted, covered


def _spans(
    store: Connection, gate: str, direction: str, begin: Instant, end: Instant
) -> tuple[Span, ...]:
    rows = store.execute(
        f"SELECT since, until, count, flag FROM crossing"  # noqa: S608 - constants of this module
        f" WHERE gate = ? AND direction = ? AND until > ? AND since < ? AND NOT ({PLACED})"
        f" ORDER BY until LIMIT 500",
        (gate, direction, begin, end),
    )
    return tuple(Span(*row) for row in rows)


def _hour(begin: Instant, end: Instant, count: int | None, covered: int, now: Instant) -> Hour:
    elapsed = min(now, end) - begin
    if elapsed <= 0:
        return Hour(begin, end, None, None)
    share = min(1.0, covered / elapsed)
    return Hour(begin, end, count if covered or count else None, share)
