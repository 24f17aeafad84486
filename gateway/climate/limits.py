"""Limits with on-delay and deadband, on good and live values; and excursions found in hindsight.

The delay runs in event time. UNKNOWN neither raises nor clears, and after a hole in the values a
delay that was running begins anew: what the air did meanwhile is for the late facts to tell.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from contracts.instants import Instant
from gateway.engine.facts import AlarmKey, ClearAlarm, Effect, RaiseAlarm, Sample, Step

ABOVE = "above"
BELOW = "below"
INFINITE = float("inf")


class Rule(NamedTuple):
    """The limit of one point. The bounds themselves are inside; `delay` is in microseconds."""

    source: str
    """The point's path."""
    space: str
    quantity: str
    low: float
    high: float
    deadband: float
    delay: int
    priority: str


class State(NamedTuple):
    """What is ringing, what is about to, and since when."""

    active: str = ""
    """`above`, `below` or nothing."""
    pending: str = ""
    since: Instant = 0


CALM = State()


def side_of(rule: Rule, value: float) -> str:
    """Say on which side of the band a value is."""
    return ABOVE if value > rule.high else BELOW if value < rule.low else ""


def still(rule: Rule, side: str, value: float) -> bool:
    """Say whether a value is not yet back inside by the deadband."""
    if side == ABOVE:
        return value > rule.high - rule.deadband
    return value < rule.low + rule.deadband


def calm_band(state: State, rule: Rule) -> tuple[float, float]:
    """Give the closed band of values that change nothing: `step` is the identity inside it."""
    return (rule.low, rule.high) if state == CALM else (INFINITE, -INFINITE)


def step(state: State, fact: Sample, rule: Rule) -> Step[State]:
    """Take one good, live value into account."""
    effects: list[Effect] = []
    active, pending, since = state
    if active and not still(rule, active, fact.value):
        effects.append(ClearAlarm(_key(rule, active), fact.at))
        active = ""
    side = side_of(rule, fact.value)
    if not side or side == active:
        return Step(State(active), tuple(effects))
    if side != pending or not fact.unbroken:
        pending, since = side, fact.at
    if fact.at - since < rule.delay:
        return Step(State(active, pending, since), tuple(effects), since + rule.delay)
    if active:  # straight through the band, with no value inside it
        effects.append(ClearAlarm(_key(rule, active), fact.at))
    params = (*parameters(rule, side), ("value", fact.value), ("since", since))
    effects.append(RaiseAlarm(_key(rule, side), fact.at, rule.priority, rule.space, params))
    return Step(State(side), tuple(effects))


def _key(rule: Rule, side: str) -> AlarmKey:
    return AlarmKey("limit", rule.source, side)


def parameters(rule: Rule, side: str) -> tuple[tuple[str, str | float], ...]:
    """Give what a message about this limit needs to say."""
    limit = rule.high if side == ABOVE else rule.low
    return (("limit", limit), ("space", rule.space), ("quantity", rule.quantity))


class Excursion(NamedTuple):
    """A run of values outside the band, over when one is back inside by the deadband."""

    side: str
    since: Instant
    until: Instant
    """The last value outside the band; what follows inside the deadband may still join it."""
    peak: float


def excursions(
    values: Iterable[tuple[Instant, float]], rule: Rule, hole: int, begun: Excursion | None = None
) -> Iterator[Excursion]:
    """Give the excursions of a series in the order of time, of whatever length.

    A hole in the series longer than `hole` microseconds ends an excursion: nobody knows what lay
    in between. `begun` is one that the series continues, from right after its end.
    """
    now = begun
    seen = begun.until if begun else 0
    for at, value in values:
        side = side_of(rule, value)
        if now is not None and (
            at - seen > hole or not still(rule, now.side, value) or side not in ("", now.side)
        ):
            yield now
            now = None
        if now is not None and side:
            further = max if side == ABOVE else min
            now = now._replace(until=at, peak=further(now.peak, value))
        elif side:
            now = Excursion(side, at, at, value)
        seen = at
    if now is not None:
        yield now
