"""Points in time on the wire and in the store.

An `Instant` is a whole number of microseconds since 1970-01-01T00:00:00Z. Integers are compared,
stored and sent exactly; calendars and zones are the business of whoever shows or sums them.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Instant: TypeAlias = int
"""Microseconds since the Unix epoch, UTC."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant(moment: datetime) -> Instant:
    """Turn an aware datetime into an instant; a naive one raises ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; give one")
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: Instant) -> datetime:
    """Turn an instant into an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def span(length: timedelta) -> int:
    """Turn a length of time into microseconds."""
    return length // _MICROSECOND
