"""What is wrong with which device, since when and until when: on demand and by chance."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from contracts.instants import SECOND, Instant
from simulators.errors import SimulatorError
from simulators.ledger import Ledger


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
WIRE = frozenset(What) - {
    What.POWER_ON,
    What.TRIP,
    What.RESET,
    What.JUMP,
    What.WRONG_CHECKSUM,
    What.OFFLINE,
    What.REMOVED,
    What.LOCKED,
}
"""Ways to fail that any Modbus unit has."""
MOMENTARY = frozenset({What.RESET, What.JUMP})
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


class Faults:
    """The faults of a simulation, one at a time per device or link."""

    def __init__(self, ledger: Ledger, now: Callable[[], Instant]) -> None:
        self._ledger = ledger
        self._now = now
        self._possible: dict[str, frozenset[What]] = {}
        self._at_once: dict[str, Callable[[What, float | None], None]] = {}
        self._active: dict[str, Fault] = {}

    def admit(
        self,
        target: str,
        possible: Iterable[What],
        at_once: Callable[[What, float | None], None] | None = None,
    ) -> None:
        """Make a device or link known, with the ways in which it can fail."""
        self._possible[target] = frozenset(possible)
        if at_once is not None:
            self._at_once[target] = at_once

    def begin(
        self, target: str, what: str, seconds: float | None = None, value: float | None = None
    ) -> Fault:
        """Start a fault, replacing an earlier one; raise SimulatorError when it cannot be."""
        if target not in self._possible:
            raise SimulatorError(f"no device or link {target!r}; there are {self.targets()}")
        possible = self._possible[target]
        if what not in possible:
            raise SimulatorError(f"{target} cannot fail by {what!r}; it can by {sorted(possible)}")
        since = self._now()
        until = None if seconds is None else since + round(seconds * SECOND)
        if what in MOMENTARY:
            until = since
        fault = Fault(target, What(what), since, until, value)
        self._ledger("fault", device=target, what=what, since=since, until=until)
        if what in MOMENTARY:
            self._at_once[target](fault.what, value)
        else:
            self._active[target] = fault
        return fault

    def clear(self, target: str) -> None:
        """End a fault now; nothing happens when there is none."""
        if target not in self._possible:
            raise SimulatorError(f"no device or link {target!r}; there are {self.targets()}")
        fault = self._active.pop(target, None)
        now = self._now()
        if fault is not None and (fault.until is None or fault.until > now):
            self._ledger("fault", device=target, what=fault.what, since=fault.since, until=now)

    def on(self, target: str) -> Fault | None:
        """Give the fault that a device or link has now."""
        fault = self._active.get(target)
        if fault is not None and fault.until is not None and fault.until <= self._now():
            del self._active[target]
            return None
        return fault

    def targets(self) -> list[str]:
        """Name everything that can fail."""
        return sorted(self._possible)

    def active(self) -> Mapping[str, Fault]:
        """Give the faults there are now."""
        return {
            target: fault for target in list(self._active) if (fault := self.on(target)) is not None
        }


def mishaps(
    random: Random, probes: list[str]
) -> Iterable[tuple[float, str, What, float, float | None]]:
    """Give for ever: seconds to wait, device, what, for how many seconds, value.

    The first comes early and is short, so that a run of one minute sees something fail and come
    back; the others every few minutes.
    """
    yield random.uniform(10, 18), random.choice(probes), What.UNPLUG, random.uniform(12, 16), None
    while True:
        what = random.choice(_PROBABLE)
        device = random.choice(probes)
        yield random.uniform(100, 240), device, what, random.uniform(20, 40), None
