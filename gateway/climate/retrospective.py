"""Late facts judged by their own time, from what the store now has of that time.

The live alarm is never touched. An excursion that lasted as long as the limit's delay becomes a
retrospective alarm, unless a live one rang at the time.
"""

from collections.abc import Iterator
from typing import NamedTuple

from contracts.instants import Instant
from gateway.climate import limits
from gateway.devices import freshness
from gateway.devices.point import Point
from gateway.engine.facts import RETROSPECTIVE, AlarmKey, RaiseAlarm
from gateway.storage.ports import Statements

FOR_EVER = 2**62


class Late(NamedTuple):
    """A good value that came late."""

    at: Instant
    value: float


def reconsider(
    store: Statements, point: Point, facts: list[Late]
) -> Iterator[tuple[RaiseAlarm, Instant]]:
    """Judge the late facts of one point; their rows are already in this transaction.

    Gives the alarms of excursions that are over, each with the end of its excursion.
    """
    rule = point.limit
    if rule is None:
        return
    past = point.past
    if past is not None and any(
        past.since <= fact.at <= past.until and limits.side_of(rule, fact.value) != past.side
        for fact in facts
    ):
        past = point.past = None
    outside = sorted(fact.at for fact in facts if limits.side_of(rule, fact.value))
    if not outside:
        return
    hole = point.rules.window if point.period else FOR_EVER
    known = past is not None and past.since <= outside[0] <= past.until + hole
    begun = past if known else None
    start = (
        past.until + 1
        if past is not None and known
        else _calm_before(store, point, rule, outside[0], hole)
    )
    series = _series(store, point, start, outside[-1], rule, hole)
    for found in limits.excursions(series, rule, hole, begun):
        inside = [at for at in outside if found.since <= at <= found.until]
        if not inside:
            continue
        point.past = found
        if found.until - found.since >= rule.delay and not store.one(
            "live_alarm_during", point.path, found.side, inside[0], inside[-1]
        ):
            yield _alarm(rule, found), found.until


def _alarm(rule: limits.Rule, found: limits.Excursion) -> RaiseAlarm:
    key = AlarmKey(RETROSPECTIVE, rule.source, found.side)
    params = (*limits.parameters(rule, found.side), ("value", found.peak))
    return RaiseAlarm(key, found.since, rule.priority, rule.space, params)


def _calm_before(
    store: Statements, point: Point, rule: limits.Rule, at: Instant, hole: int
) -> Instant:
    """Walk back to where the excursion that holds `at` may have begun."""
    start = at
    for earlier, value in store.each("good_before", point.id, at, freshness.AHEAD):
        if start - earlier > hole or (
            not limits.still(rule, limits.ABOVE, value)
            and not limits.still(rule, limits.BELOW, value)
        ):
            break
        start = earlier
    return start


def _series(
    store: Statements, point: Point, start: Instant, last: Instant, rule: limits.Rule, hole: int
) -> Iterator[tuple[Instant, float]]:
    """Give the values from `start`, and beyond `last` while they may still be outside."""
    before = start
    for at, value in store.each("good_from", point.id, start, freshness.AHEAD):
        if at > last and (at - before > hole or not _outside(rule, value)):
            yield at, value
            return
        yield at, value
        before = at


def _outside(rule: limits.Rule, value: float) -> bool:
    return limits.still(rule, limits.ABOVE, value) or limits.still(rule, limits.BELOW, value)
