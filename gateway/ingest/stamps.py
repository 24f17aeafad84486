"""The instants with which the gateway stamps what it sends; by them an old copy is found out.

Whoever stamps notes it in the same transaction. So a stamp that an edge has heard and that this
store does not know was made by a store that is no more: what that one had taken is lost.
"""

from collections.abc import Iterable
from typing import NamedTuple

from contracts.instants import Instant
from gateway.storage.ports import Statements


class Span(NamedTuple):
    """Stamps of one run of the gateway."""

    first: Instant
    last: Instant


def lost_between(spans: Iterable[Span], heard: Instant, now: Instant) -> Span | None:
    """Give the time of which the store lacks what it once had; None: the stamp is its own."""
    since, until = 0, now
    for first, last in spans:
        if first <= heard <= last:
            return None
        if last < heard:
            since = max(since, last)
        else:
            until = min(until, first)
    return Span(since, until)


class Stamps:
    """The stamps of one store."""

    def __init__(self, store: Statements, started: Instant) -> None:
        self._store = store
        self._spans = {one: Span(first, last) for one, first, last in store.rows("stamped")}
        newest = max(self._spans, default=0)
        own = newest and self._spans[newest].first >= started
        self._present = newest if own else 0
        """The row of this run; 0 before its first stamp."""
        self._told: set[Instant] = set()

    def mark(self, now: Instant) -> None:
        """Note that something is stamped with this instant; in the transaction that sends it."""
        span = self._spans.get(self._present)
        if span is None or now < span.last:
            row = self._store.one("begin_stamps", now)
            assert row is not None
            self._present = row[0]
            self._spans[self._present] = Span(now, now)
        elif now > span.last:
            self._store.run("stamp", now, self._present)
            self._spans[self._present] = Span(span.first, now)

    def lost(self, heard: Instant, now: Instant) -> Span | None:
        """Give the time that is lost, as a stamp that an edge heard proves; once for each time."""
        span = self._spans.get(self._present)
        if span is not None and span.first <= heard <= span.last:
            return None
        lost = lost_between(self._spans.values(), heard, now)
        if lost is None or self._told & {*lost}:
            return None
        self._told |= {*lost}
        return lost
