"""The values of one point over time, thinned for a picture without hiding peaks or holes."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from contracts.instants import MINUTE, SECOND, Instant
from gateway.devices.freshness import AHEAD
from runtime.database import Connection, one, rows

HOLE = 2.5
"""Intervals without a good value from which the line is broken."""
SAMPLED = 64
"""Distances between readings that tell the interval of a point that no card describes."""


class Series(NamedTuple):
    """Columns of equal length. Where `mean` is None nothing was measured: never draw a line."""

    resolution: int
    """Microseconds that one row stands for; 0 when rows are the readings themselves."""
    interval: int
    """Microseconds between two readings, as the card says or as they came."""
    at: list[Instant]
    mean: list[float | None]
    low: list[float | None]
    high: list[float | None]
    readings: list[int]


class _Row(NamedTuple):
    at: Instant
    first: Instant
    last: Instant
    mean: float
    low: float
    high: float
    readings: int


def of_point(
    store: Connection, path: str, since: Instant, until: Instant, buckets: int
) -> Series | None:
    """Give the good values of a point in [since, until); None for an unknown point.

    Up to `buckets` rows: the readings themselves where they are few enough, else the smallest,
    greatest and mean value of equal slices of time.
    """
    row = store.execute("SELECT id, period FROM point WHERE path = ?", (path,)).fetchone()
    if row is None:
        return None
    point, period = row
    interval = period or _interval(store, point, since, until)
    few = rows(
        store,
        "SELECT at, value FROM reading"
        " WHERE point = ? AND at >= ? AND at < ? AND quality = 0 AND at <= received + ?"
        " ORDER BY at LIMIT ?",
        (point, since, until, AHEAD, buckets + 1),
    )
    if len(few) <= buckets:
        alone = [_Row(at, at, at, value, value, value, 1) for at, value in few]
        return _columns(alone, 0, interval)
    width = -(-(until - since) // buckets)
    return _columns(list(_slices(store, point, since, until, width)), width, interval)


def _slices(
    store: Connection, point: int, since: Instant, until: Instant, width: int
) -> Iterator[_Row]:
    # One short range of the primary key for each slice: no sorting, however many readings.
    query = (
        "SELECT count(*), min(at), max(at), avg(value), min(value), max(value) FROM reading"
        " WHERE point = ? AND at >= ? AND at < ? AND quality = 0 AND at <= received + ?"
    )
    for begin in range(since, until, width):
        end = min(begin + width, until)
        values = (point, begin, end, AHEAD)
        count, first, last, mean, low, high = one(store, query, values)
        if count:
            yield _Row((begin + end) // 2, first, last, mean, low, high, count)


def _interval(store: Connection, point: int, since: Instant, until: Instant) -> int:
    """Learn the usual distance between two readings from the first ones; a minute if unsaid."""
    times = [
        at
        for (at,) in store.execute(
            "SELECT DISTINCT at FROM reading WHERE point = ? AND at >= ? AND at < ?"
            " ORDER BY at LIMIT ?",
            (point, since, until, SAMPLED),
        )
    ]
    steps = sorted(b - a for a, b in pairwise(times))
    return steps[len(steps) // 2] if steps else MINUTE


def _columns(rows: list[_Row], resolution: int, interval: int) -> Series:
    """Turn rows into columns, with an empty row wherever a hole must be seen."""
    series = Series(resolution, interval, [], [], [], [], [])
    longest = HOLE * interval
    before: _Row | None = None
    for row in rows:
        if before is not None and row.first - before.last > longest:
            _append(series, _between(before, row), None)
        _append(series, row.at, row)
        before = row
    return series


def _between(before: _Row, row: _Row) -> Instant:
    """Give a time for the empty row that lies strictly between its neighbours."""
    return before.at + max(1, min((row.at - before.at) // 2, SECOND))


def _append(series: Series, at: Instant, row: _Row | None) -> None:
    series.at.append(at)
    series.mean.append(row.mean if row else None)
    series.low.append(row.low if row else None)
    series.high.append(row.high if row else None)
    series.readings.append(row.readings if row else 0)


def first_reading(store: Connection, paths: list[str], since: Instant) -> Instant | None:
    """Give the time of the first reading of any of these points from `since` on."""
    found = [
        row[0]
        for path in paths
        for row in store.execute(
            "SELECT min(at) FROM reading JOIN point ON id = point WHERE path = ? AND at >= ?",
            (path, since),
        )
        if row[0] is not None
    ]
    return min(found, default=None)
