"""Leases: which outputs Wenlan holds, until when, and what goes back when a lease ends.

A lease is remembered on disk before its value is written, so that an output can never stay
written without somebody who will put the safe value back.
"""

from collections.abc import Mapping

from msgspec import Struct

from contracts.instants import Instant
from edge.journal.port import Change, Journal
from edge.journal.terms import Term, Terms

KIND = "lease"
LONGEST = 24 * 3600.0
"""Seconds; a command that asks for more is refused."""


class Lease(Struct, frozen=True):
    """An output that holds a commanded value for a term."""

    device: str
    point: str
    command: str
    """Empty when nobody knows any more which command it was."""
    granted: Instant
    until: Instant
    """What 0.1 went by, wall clocks both; now only for people who read the file."""
    safe: float
    term: Term | None = None

    @property
    def key(self) -> str:
        """The key under which it is remembered."""
        return key_of(self.device, self.point)


def key_of(device: str, point: str) -> str:
    """Give the key of a point's lease."""
    return f"{device}/{point}"


class Leases:
    """The leases that are remembered."""

    def __init__(self, journal: Journal, terms: Terms) -> None:
        self._memory = journal.memory(KIND, Lease)
        self._terms = terms

    @property
    def values(self) -> Mapping[str, Lease]:
        """All of them, by key."""
        return self._memory.values

    @property
    def damaged(self) -> Mapping[str, str]:
        """Those that cannot be read any more, and why."""
        return self._memory.damaged

    def grant(
        self, command: str, target: tuple[str, str], seconds: float, safe: float
    ) -> tuple[Lease, Change]:
        """Begin a lease on `target`, a device and a point; give it with what remembers it."""
        device, point = target
        term = self._terms.begin(seconds)
        until = self._terms.shown_end(term)
        lease = Lease(device, point, command, term.at, until, safe, term)
        return lease, self._memory.put(lease.key, lease)

    def restore(self, key: str, lease: Lease | None) -> Change:
        """Remember again what held before, or nothing."""
        return self.drop(key) if lease is None else self._memory.put(key, lease)

    def drop(self, key: str) -> Change:
        """Forget a lease."""
        return self._memory.drop(key)

    def end(self, lease: Lease) -> float:
        """Give when a lease ends, on the monotonic clock."""
        return self._terms.end(lease.term or self._terms.between(lease.granted, lease.until))
