"""Alarm life cycle: the subset of ISA-18.2 (states A, B, C, D) that needs no shelving or latching.

A retrospective alarm is about something that is already over when it is found: it is born
returned-unacknowledged and ends when somebody has acknowledged it.
"""

from enum import StrEnum


class State(StrEnum):
    """Where one alarm is in its life; the letters are those of ISA-18.2."""

    NORMAL = "normal"
    """A: absent, and everybody knows."""
    UNACKNOWLEDGED = "unacknowledged"
    """B: present, and nobody has said that they know."""
    ACKNOWLEDGED = "acknowledged"
    """C: present and known."""
    RETURNED = "returned-unacknowledged"
    """D: gone before anybody said that they know."""


class Trigger(StrEnum):
    """What can happen to an alarm."""

    RAISE = "raise"
    CLEAR = "clear"
    ACKNOWLEDGE = "acknowledge"
    FIND = "find"
    """Found in the past, over already."""


TRANSITIONS: dict[tuple[State, Trigger], State] = {
    (State.NORMAL, Trigger.RAISE): State.UNACKNOWLEDGED,
    (State.NORMAL, Trigger.FIND): State.RETURNED,
    (State.UNACKNOWLEDGED, Trigger.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.UNACKNOWLEDGED, Trigger.CLEAR): State.RETURNED,
    (State.ACKNOWLEDGED, Trigger.CLEAR): State.NORMAL,
    (State.RETURNED, Trigger.RAISE): State.UNACKNOWLEDGED,
    (State.RETURNED, Trigger.ACKNOWLEDGE): State.NORMAL,
}


def after(state: State, trigger: Trigger) -> State | None:
    """Follow the table; None when the trigger has no meaning in this state."""
    return TRANSITIONS.get((state, trigger))


def present(state: State) -> bool:
    """Say whether the condition itself is there, acknowledged or not."""
    return state in (State.UNACKNOWLEDGED, State.ACKNOWLEDGED)
