"""Crossings as rows: each new count is set between its neighbours in event time."""

from contracts.instants import Instant
from gateway.devices import freshness
from gateway.devices.point import Point, Turnstile
from gateway.footfall import crossings
from gateway.storage.ports import Statements


def book(store: Statements, point: Point, at: Instant, value: float) -> None:
    """Book one count of a gate's point; its row is already in this transaction."""
    for turnstile in point.turnstiles:
        now = crossings.counted(value, turnstile.rules)
        if now is None:
            continue
        last = turnstile.last
        if last is not None and at > last.at:
            made = crossings.step(last, crossings.Count(at, now), None, turnstile.rules)
            turnstile.last = crossings.Count(at, now)
        else:
            made = _split(store, point, turnstile, at)
        store.many(
            "keep_crossing",
            [(turnstile.gate, turnstile.direction, *interval) for interval in made],
        )


def _split(
    store: Statements, point: Point, turnstile: Turnstile, at: Instant
) -> tuple[crossings.Interval, ...]:
    """Set a count that is not the newest between those that the store has."""
    rules = turnstile.rules
    # Two journals may tell of the same instant; the higher count is taken, in whichever order.
    row = store.one("count_at", point.id, at, freshness.AHEAD)
    here = crossings.counted(row[0], rules) if row and row[0] is not None else None
    if here is None:
        return ()
    now = crossings.Count(at, here)
    before = _neighbour(store, "good_before", point, at, rules)
    behind = _neighbour(store, "good_from", point, at + 1, rules)
    if turnstile.last is None or at >= turnstile.last.at:
        turnstile.last = now
    return crossings.step(before, now, behind, rules)


def _neighbour(
    store: Statements, direction: str, point: Point, at: Instant, rules: crossings.Rules
) -> crossings.Count | None:
    for when, value in store.each(direction, point.id, at, freshness.AHEAD):
        count = crossings.counted(value, rules)
        if count is not None:
            row = store.one("count_at", point.id, when, freshness.AHEAD)
            highest = crossings.counted(row[0], rules) if row else None
            return crossings.Count(when, count if highest is None else highest)
    return None
