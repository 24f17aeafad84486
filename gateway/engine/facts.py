"""What engines are told, and what they answer: values only.

Every engine is a function `step(state, fact, rules) -> Step`: the new state, the effects that
somebody else carries out, and the instant at which the engine wants a `Tick` (None: no wish).
"""

from typing import Any, Generic, NamedTuple, TypeVar

from contracts.instants import Instant

S = TypeVar("S")


class Sample(NamedTuple):
    """One good, live value of one point."""

    at: Instant
    value: float
    unbroken: bool = True
    """Whether the point was live just before; after a hole nothing is known of what lay between."""


class Tick(NamedTuple):
    """Time has passed."""

    at: Instant


class AlarmKey(NamedTuple):
    """What makes two alarms the same one."""

    kind: str
    source: str
    code: str


RETROSPECTIVE = "retrospective"
"""The kind of an alarm about something that was over before anybody knew of it."""


class RaiseAlarm(NamedTuple):
    """A condition that somebody must deal with is present since `at`."""

    key: AlarmKey
    at: Instant
    priority: str
    space: str = ""
    params: tuple[tuple[str, Any], ...] = ()


class ClearAlarm(NamedTuple):
    """The condition is gone since `at`."""

    key: AlarmKey
    at: Instant


Effect = RaiseAlarm | ClearAlarm


class Step(NamedTuple, Generic[S]):
    """What an engine answers."""

    state: S
    effects: tuple[Effect, ...] = ()
    wake_at: Instant | None = None
