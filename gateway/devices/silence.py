"""Silence is an alarm: one for a device, or one for a whole edge instead of its devices.

`heard` facts are gathered by whoever knows points and edges; this engine only decides when
silence has lasted long enough, and which silence hides which.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from contracts.instants import SECOND, Instant
from gateway.engine.facts import AlarmKey, ClearAlarm, Effect, RaiseAlarm, Step

SHORTEST_DELAY = 5 * SECOND
POLLS = 3


class Device(NamedTuple):
    """What is known of one device at a tick."""

    edge: str
    silent: bool
    period: int
    """Microseconds, of its slowest point."""
    space: str = ""
    points: tuple[str, ...] = ()
    """Those that are UNKNOWN."""
    cause: str = ""


class Observed(NamedTuple):
    """Everything that can be silent, at one instant."""

    at: Instant
    devices: Mapping[str, Device]
    edges: Mapping[str, bool]
    """Silent or not, by edge."""


class State(NamedTuple):
    """Since when each silence lasts, and which of them have rung. Keys: `device/x`, `edge/x`."""

    since: Mapping[str, Instant] = {}
    rung: frozenset[str] = frozenset()


def key_of(name: str) -> AlarmKey:
    """Give the alarm of `device/x` or `edge/x`."""
    what, source = name.split("/", 1)
    return AlarmKey("silence" if what == "device" else "edge-silence", source, "silent")


def step(state: State, observed: Observed) -> Step[State]:
    """Look around once.

    A device's clock stands still while its edge is silent, and starts anew when it is back: what
    an edge could not say is no fault of its devices.
    """
    look = _Look(state, observed.at)
    for edge, silent in observed.edges.items():
        if silent:
            grouped = sorted(one for one, device in observed.devices.items() if device.edge == edge)
            look.at(f"edge/{edge}", SHORTEST_DELAY, "high", "", (("devices", grouped),))
    for name, device in observed.devices.items():
        if not device.silent:
            continue
        if observed.edges.get(device.edge, False):
            look.hold(f"device/{name}")
            continue
        delay = max(SHORTEST_DELAY, POLLS * device.period)
        told = (("points", list(device.points)), ("cause", device.cause))
        look.at(f"device/{name}", delay, "medium", device.space, told)
    return look.done()


class _Look:
    """One look around: what is silent now, against what was."""

    def __init__(self, state: State, now: Instant) -> None:
        self._before = state
        self._now = now
        self._since: dict[str, Instant] = {}
        self._rung = set(state.rung)
        self._effects: list[Effect] = []
        self._due: list[Instant] = []

    def at(
        self, name: str, delay: int, priority: str, space: str, params: tuple[tuple[str, Any], ...]
    ) -> None:
        """Something is silent."""
        begun = self._since[name] = self._before.since.get(name, self._now)
        if name in self._rung:
            return
        if self._now - begun < delay:
            self._due.append(begun + delay)
            return
        self._rung.add(name)
        self._effects.append(RaiseAlarm(key_of(name), self._now, priority, space, params))

    def hold(self, name: str) -> None:
        """Something is silent behind a greater silence: what rang goes on, nothing else rings."""
        if name in self._rung:
            self._since[name] = self._before.since.get(name, self._now)

    def done(self) -> Step[State]:
        """Clear what is heard again."""
        for name in sorted(self._rung - self._since.keys()):
            self._rung.discard(name)
            self._effects.append(ClearAlarm(key_of(name), self._now))
        due = min(self._due, default=None)
        return Step(State(self._since, frozenset(self._rung)), tuple(self._effects), due)
