"""What is wrong with which device, since when and until when: on demand and by chance."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any, Protocol

from contracts.instants import SECOND, Instant
from simulators.errors import SimulatorError
from simulators.ground_truth import Ledger


class What(StrEnum):
    """Ways to fail. The number that some take (`value`) is named in brackets."""

    UNPLUG = "unplug"
    """The gateway in front answers exception 0x0B after a moment."""
    SILENT = "silent"
    """No answer."""
    LATE = "late"
    """The right answer, after [seconds, 3] and possibly after answers to later requests."""
    GARBAGE = "garbage"
    """Random bytes instead of the answer."""
    HALF_OPEN = "half-open"
    """Connections stay open and nobody answers on them ever again; new ones are as dead."""
    EXCEPTION = "exception"
    """Exception [code, 4]."""
    FROZEN = "frozen"
    """Every register keeps the value it had when it was first read during the fault."""
    FOREIGN_TRANSACTION = "foreign-transaction"
    """The answer carries a transaction id that nobody asked with."""
    WRONG_UNIT = "wrong-unit"
    """The answer comes from another unit."""
    TRICKLE = "trickle"
    """The answer comes one byte every [seconds, 0.3]."""
    CUT = "cut"
    """The connection ends in the middle of the answer."""
    POWER_ON = "power-on"
    """A probe answers 85 °C, as many do before their first measurement."""
    WARM = "warm"
    """The air at a probe is [degrees, 6] warmer than in its room: a lamp was left on."""
    TRIP = "trip"
    """An air conditioner stands still and says so."""
    RESET = "reset"
    """Counters go to 0 at once."""
    JUMP = "jump"
    """Counters go up by [pulses, 1000] at once."""
    WRONG_CHECKSUM = "wrong-checksum"
    """A library system's answers do not add up."""
    OFFLINE = "offline"
    """A library system answers everything with a status that says it is closed."""
    REMOVED = "removed"
    """A tag is taken away at the moment at which its AFI is to be written."""
    LOCKED = "locked"
    """Tags refuse to have their AFI written."""
    BLOCKED_CARD = "blocked-card"
    """Whoever comes to a kiosk has a card that is blocked."""
    EMERGENCY_STOP = "emergency-stop"
    """Somebody presses a robot's red button."""
    FAIL_ACTION = "fail-action"
    """A robot's next pick or drop fails."""
    REBOOT = "reboot"
    """A robot loses power for a moment and forgets its order."""


LIBRARY_SYSTEM = frozenset(
    {
        What.SILENT,
        What.LATE,
        What.GARBAGE,
        What.HALF_OPEN,
        What.TRICKLE,
        What.CUT,
        What.WRONG_CHECKSUM,
        What.OFFLINE,
    }
)
TAG_READER = frozenset({What.SILENT, What.LATE, What.GARBAGE, What.CUT, What.REMOVED, What.LOCKED})
WIRE = frozenset(
    {
        What.UNPLUG,
        What.SILENT,
        What.LATE,
        What.GARBAGE,
        What.HALF_OPEN,
        What.EXCEPTION,
        What.FROZEN,
        What.FOREIGN_TRANSACTION,
        What.WRONG_UNIT,
        What.TRICKLE,
        What.CUT,
    }
)
"""Ways to fail that any Modbus unit has."""
JUMP = 1000
"""Pulses of a jump that names no number."""
IN_THE_BUILDING = frozenset({What.WARM})
"""Happen in the building: what the device answers is right."""
MOMENTARY = frozenset({What.RESET, What.JUMP, What.FAIL_ACTION, What.REBOOT})
"""Happen once and are over."""

_PROBABLE = (What.UNPLUG,) * 4 + (What.SILENT, What.EXCEPTION, What.TRICKLE, What.CUT)


@dataclass(frozen=True, slots=True)
class Fault:
    """One device (or link) failing in one way."""

    target: str
    what: What
    since: Instant
    until: Instant | None
    value: float | None = None


Act = Callable[[Fault], None]


class Faults:
    """The faults of a simulation, one at a time per device or link."""

    def __init__(self, ledger: Ledger, now: Callable[[], Instant]) -> None:
        self._ledger = ledger
        self._now = now
        self._possible: dict[str, frozenset[What]] = {}
        self._begin: dict[str, Act] = {}
        self._end: dict[str, Act] = {}
        self._active: dict[str, Fault] = {}

    def admit(
        self,
        target: str,
        possible: Iterable[What],
        begin: Act | None = None,
        end: Act | None = None,
    ) -> None:
        """Make a device or link known, with the ways in which it can fail.

        Most devices ask `on` when it matters. `begin` is for those that must be told when a fault
        begins, `end` for those that must be told when one is cleared before its time.
        """
        self._possible[target] = frozenset(possible)
        if begin is not None:
            self._begin[target] = begin
        if end is not None:
            self._end[target] = end

    def begin(
        self, target: str, what: str, seconds: float | None = None, value: float | None = None
    ) -> Fault:
        """Start a fault, replacing an earlier one; raise SimulatorError when it cannot be."""
        possible = self._possible_for(target)
        if what not in possible:
            ways = ", ".join(sorted(possible))
            raise SimulatorError(f"{target} cannot fail by {what!r}; it can by: {ways}")
        since = self._now()
        until = None if seconds is None else since + round(seconds * SECOND)
        if what in MOMENTARY:
            until = since
        fault = Fault(target, What(what), since, until, value)
        self._ledger("fault", device=target, what=what, since=since, until=until, value=value)
        if what not in MOMENTARY:
            self._active[target] = fault
        if target in self._begin:
            self._begin[target](fault)
        return fault

    def clear(self, target: str) -> Fault | None:
        """End a fault now, and give it; None when there was none."""
        self._possible_for(target)
        fault = self._active.pop(target, None)
        now = self._now()
        if fault is not None and (fault.until is None or fault.until > now):
            self._ledger("fault", device=target, what=fault.what, since=fault.since, until=now)
            if target in self._end:
                self._end[target](fault)
            return fault
        return None

    def on(self, target: str) -> Fault | None:
        """Give the fault that a device or link has now."""
        fault = self._active.get(target)
        if fault is not None and fault.until is not None and fault.until <= self._now():
            del self._active[target]
            return None
        return fault

    def _possible_for(self, target: str) -> frozenset[What]:
        if target not in self._possible:
            known = ", ".join(self.targets())
            raise SimulatorError(f"no device, link or kiosk {target!r}; there are: {known}")
        return self._possible[target]

    def targets(self) -> list[str]:
        """Name everything that can fail."""
        return sorted(self._possible)

    def active(self) -> Mapping[str, Fault]:
        """Give the faults there are now."""
        return {
            target: fault for target in list(self._active) if (fault := self.on(target)) is not None
        }


def mishaps(
    random: Random, probes: Sequence[str], first: Sequence[str]
) -> Iterable[tuple[float, str, What, float]]:
    """Give for ever: seconds to wait, device, what, and for how many seconds.

    One of `first` fails early and shortly, so that a run of one minute sees something fail and
    come back; later ones among all `probes`, every few minutes.
    """
    yield random.uniform(10, 18), random.choice(first), What.UNPLUG, random.uniform(12, 16)
    while True:
        what = random.choice(_PROBABLE)
        yield random.uniform(100, 240), random.choice(probes), what, random.uniform(20, 40)


class Note(Protocol):
    """Writes down what really happened."""

    def __call__(self, kind: str, **fields: Any) -> None:
        """Append one row."""
        ...


class Trouble(Protocol):
    """One way of failing."""

    @property
    def what(self) -> str:
        """Name it, as `What` does."""
        ...

    @property
    def value(self) -> float | None:
        """Give the number that some ways need."""
        ...


class Troubles(Protocol):
    """Who fails now, and how."""

    def on(self, target: str) -> Trouble | None:
        """Give the fault that a device has now."""
        ...


class NoTroubles:
    """A world in which nothing fails."""

    def on(self, target: str) -> None:
        """Say that all is well."""


NONE = NoTroubles()
