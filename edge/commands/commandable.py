"""What can be commanded, and what speaks against a command. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from contracts.messages import Command
from drivers.capabilities import Writable
from edge.control import leases

LONGEST_EXPIRY = 24 * 3600.0
"""Seconds."""


class Commandable(Protocol):
    """Carries out the actions it names."""

    device: str
    actions: frozenset[str]

    async def execute(self, command: Command) -> float | None:
        """Carry it out and give the value read back, where there is one. Raises DriverError."""
        ...


@dataclass(frozen=True, slots=True)
class Targets:
    """What can be commanded, by device."""

    writable: Mapping[str, Writable] = field(default_factory=dict)
    commandable: Mapping[str, Commandable] = field(default_factory=dict)

    def __contains__(self, device: str) -> bool:
        return device in self.writable or device in self.commandable

    @property
    def devices(self) -> list[str]:
        """Their ids, sorted."""
        return sorted({*self.writable, *self.commandable})


def objection(command: Command, targets: Targets, left: float) -> str:
    """Say why a command must not be carried out, or "" when nothing speaks against it.

    `left` is how many seconds it has left before it expires.
    """
    if command.device not in targets:
        return f"no device {command.device!r} can be commanded on this edge"
    if left <= 0:
        return "expired before it could be carried out"
    if left > LONGEST_EXPIRY:
        return f"expires in more than {LONGEST_EXPIRY / 3600:.0f} h"
    if command.action == "write":
        return _objection_to_write(command, targets)
    orders = targets.commandable.get(command.device)
    if orders is None or command.action not in orders.actions:
        return f"{command.device} has no action {command.action!r}"
    return ""


def _objection_to_write(command: Command, targets: Targets) -> str:
    path = f"{command.device}/{command.point}"
    driver = targets.writable.get(command.device)
    limits = driver.writable.get(command.point) if driver else None
    if limits is None:
        return f"{path} cannot be written"
    if command.value is None or not math.isfinite(command.value):
        return f"{path}: a write needs a value"
    if not limits.low <= command.value <= limits.high:
        return f"{path}: {command.value:g} is outside {limits.low:g}..{limits.high:g}"
    if not 0 < command.lease <= leases.LONGEST:
        return (
            f"{path}: a write needs a lease of at most {leases.LONGEST:.0f} s,"
            f" not {command.lease:g}"
        )
    if limits.safe is None:
        return f"{path} has no safe value to go back to; set one under `safe` in the site file"
    return ""
