"""Leases: which outputs Wenlan holds, until when, and what goes back when a lease ends. Pure.

A lease is remembered on disk before its value is written, so that an output can never stay
written without somebody who will put the safe value back.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec
from msgspec import Struct

from contracts.instants import HOUR, MINUTE, SECOND, Instant

KEY = "lease/"
LONGEST = 24 * HOUR
"""µs; a command that asks for more is refused."""


class Lease(Struct, frozen=True):
    """An output that holds a commanded value until `until`."""

    device: str
    point: str
    command: str
    granted: Instant
    until: Instant
    safe: float

    @property
    def key(self) -> str:
        """The key under which it is remembered."""
        return f"{KEY}{self.device}/{self.point}"

    def over(self, now: Instant) -> bool:
        """Say whether it has run out; a clock that was put back must not prolong it."""
        return now >= self.until or now < self.granted - MINUTE


def granted(
    command: str, target: tuple[str, str], seconds: float, safe: float, now: Instant
) -> Lease:
    """Begin a lease on `target`, a device and a point."""
    device, point = target
    return Lease(device, point, command, now, now + int(seconds * SECOND), safe)


def read_all(remembered: Mapping[str, bytes]) -> Mapping[str, Lease]:
    """Read what was remembered, by key."""
    return MappingProxyType(
        {
            key: msgspec.json.decode(value, type=Lease)
            for key, value in remembered.items()
            if key.startswith(KEY)
        }
    )


def due(leases: Iterable[Lease], now: Instant) -> list[Lease]:
    """Give the leases that have run out, the oldest first."""
    return sorted((one for one in leases if one.over(now)), key=lambda one: one.until)
