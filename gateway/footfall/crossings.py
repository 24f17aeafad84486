"""Crossings from a monotonic counter.

Every pair of readings that follow each other in event time is one interval; what lies between two
readings depends on these two alone. So a late reading splits an interval that was already counted,
and any order of arrival gives the same intervals.

A counter that falls is either full (it was above 80 % of its range: roll-over) or was reset. After
a reset nobody knows how many passed before the power went, nor whether the counter began at zero:
the count is unknown (NULL), and what the counter shows now is not booked.
"""

from typing import NamedTuple

from contracts.instants import SECOND, Instant

NEARLY_FULL = 0.8
"""Share of the range from which a falling counter has rolled over (as gateCounts does)."""
BURST = SECOND
"""Polls come unevenly, and people in groups: this much time is added when judging speed."""

PLAIN = ""
ROLLOVER = "rollover"
RESET = "reset"
IMPLAUSIBLE = "implausible"
OUTAGE = "outage"


class Rules(NamedTuple):
    """One counter."""

    rollover: int
    """The counter goes from this minus one to zero."""
    fastest: float
    """People per second; more is a fault."""
    hole: int = 0
    """Microseconds without a reading from which the interval is flagged; 0: never."""


class Count(NamedTuple):
    """What the counter showed."""

    at: Instant
    value: int


class Interval(NamedTuple):
    """How many passed after `since`, up to and including `until`; None: unknown."""

    since: Instant
    until: Instant
    passed: int | None
    flag: str


def counted(value: float, rules: Rules) -> int | None:
    """Read a value as a counter's; None when no counter can show it."""
    whole = int(value)
    return whole if whole == value and 0 <= whole < rules.rollover else None


def between(before: Count, now: Count, rules: Rules) -> Interval:
    """Say how many passed between two readings that follow each other."""
    passed = now.value - before.value
    flag = OUTAGE if rules.hole and now.at - before.at > rules.hole else PLAIN
    if passed < 0:
        if before.value < NEARLY_FULL * rules.rollover:
            return Interval(before.at, now.at, None, RESET)
        passed += rules.rollover
        flag = ROLLOVER
    if passed > rules.fastest * (now.at - before.at + BURST) / SECOND:
        return Interval(before.at, now.at, None, IMPLAUSIBLE)
    return Interval(before.at, now.at, passed, flag)


def step(
    before: Count | None, now: Count, behind: Count | None, rules: Rules
) -> tuple[Interval, ...]:
    """Give the intervals that one reading makes, between its neighbours in event time.

    Each replaces the stored interval with the same `until`. The first reading counts nothing.
    """
    made = []
    if before is not None:
        made.append(between(before, now, rules))
    if behind is not None:
        made.append(between(now, behind, rules))
    return tuple(made)
