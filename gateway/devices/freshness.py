"""Decides once, for all engines, what is live, late or from the future, and what is UNKNOWN.

A point is live while its last good value is at most three periods old, with a little more for the
way here. Only good values refresh it: an implausible one says that something answers, not what the
room is like.
"""

from enum import StrEnum
from typing import NamedTuple

from contracts.instants import SECOND, Instant
from gateway.engine.facts import Step, Tick

POLLS = 3
UNSAID_PERIOD = 60 * SECOND
"""The period of a point whose card has not come yet."""
LONGEST_GRACE = SECOND
SHORTEST_LATENESS = 10 * SECOND
AHEAD = 5 * SECOND
"""A fact whose time lies further ahead than this has a wrong clock."""


class Rules(NamedTuple):
    """What freshness means for one point, in microseconds."""

    window: int
    """UNKNOWN when the last good value is older than this."""
    lateness: int
    """A fact received longer after its time than this is late."""


def rules_of(period: int) -> Rules:
    """Derive the rules from a point's period in microseconds; 0 when it is not known."""
    period = period or UNSAID_PERIOD
    grace = min(LONGEST_GRACE, period // 2)
    return Rules(POLLS * period + grace, max(POLLS * period, SHORTEST_LATENESS))


class Arrival(StrEnum):
    """What a fact is when it arrives."""

    LIVE = "live"
    LATE = "late"
    """Stored, counted and judged in hindsight; it never touches what is live."""
    AHEAD = "ahead"
    """From the future; stored, and believed by nobody."""


def arrival(newest: Instant, at: Instant, received: Instant, rules: Rules) -> Arrival:
    """Sort a fact by its own time, the time it came, and the newest fact of its point."""
    if at > received + AHEAD:
        return Arrival.AHEAD
    if at <= newest or received - at > rules.lateness:
        return Arrival.LATE
    return Arrival.LIVE


class Freshness(NamedTuple):
    """Whether one point is live, and the time of its last good value (0: never)."""

    live: bool = False
    good: Instant = 0


class Value(NamedTuple):
    """A good fact of any age came."""

    at: Instant
    received: Instant


def step(state: Freshness, fact: Value | Tick, rules: Rules) -> Step[Freshness]:
    """Take a good value or the passing of time into account."""
    if isinstance(fact, Value):
        if fact.at > fact.received + AHEAD:
            return Step(state, (), state.good + rules.window + 1 if state.live else None)
        good = max(state.good, fact.at)
        now = fact.received
    else:
        good = state.good
        now = fact.at
    live = bool(good) and now - good <= rules.window
    return Step(Freshness(live, good), (), good + rules.window + 1 if live else None)
