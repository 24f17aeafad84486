"""The instants with which the gateway stamps what it sends, and the proof that a store is an old copy.

Whoever stamps notes it in the same transaction. So a stamp that an edge has heard and that this
store does not know was made by a store that is no more: what that one had taken is lost.
"""

from collections.abc import Iterable
from typing import NamedTuple

from contracts.instants import Instant
from gateway.storage.sqlite import Store


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

    def __init__(self, store: Store) -> None:
        self._store = store
        self._spans = {one: Span(first, last) for one, first, last in store.rows("stamped")}
        self._present = 0
        self._told: set[Instant] = set()

    def mark(self, now: Instant) -> Instant:
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
        return now

    def lost(self, heard: Instant, now: Instant) -> Span | None:
        """Give the time that is lost, as a stamp that an edge heard proves; once for each time."""
        span = self._spans.get(self._present)
        if span is not None and span.first <= heard <= span.last:
            return None
        lost = lost_between(self._spans.values(), heard, now)
        if lost is None or lost.until in self._told or lost.since in self._told:
            return None
        self._told |= {lost.since, lost.until} - {0}
        return lost
