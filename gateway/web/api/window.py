"""What the subjects of the REST interface share: windows of time, instants, limits."""

from datetime import datetime
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints

from config.library_days import Calendar
from config.site import Site
from contracts.instants import HOUR, Instant, instant, moment
from gateway.web.problems import Problem

LONGEST = 20 * 366 * 24 * HOUR
"""Microseconds; longer windows are a mistake in the request."""
BODY = (400, 408, 413, 422)
"""What may be wrong with a body: not JSON, too slow, too long, not what is expected."""
Limit = Annotated[int, Query(ge=1, le=1000)]
Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Name = Annotated[str, StringConstraints(max_length=80)]
Share = Annotated[float, Field(ge=0, le=1)]


def window(
    since: datetime | None, until: datetime | None, now: Instant, span: int
) -> tuple[Instant, Instant]:
    """Read a window of time; by default the `span` before now. Raise Problem."""
    for given in (since, until):
        if given is not None and given.tzinfo is None:
            raise Problem(422, "no-zone", "a time has no zone", "write it as 2026-11-21T09:00:00Z")
    end = now if until is None else instant(until)
    begin = end - span if since is None else instant(since)
    if not 0 < end - begin <= LONGEST or begin < 0:
        raise Problem(
            422,
            "bad-window",
            "the window ends before it begins, or is longer than twenty years",
            "give since before until",
        )
    return begin, end


def when(at: Instant | None) -> datetime | None:
    """Turn an instant into a time for people; 0 and None are no time."""
    return moment(at) if at else None


def calendar_of(site: Site) -> Calendar:
    """Give the site's library-days."""
    return Calendar(site.zone, site.day_begins)
