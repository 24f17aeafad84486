"""Carries out commands at most once each, and puts safe values back when leases end.

A command is remembered on disk before anything is done about it, and its outcome is journalled
in the transaction that remembers that it is over. So each id gets exactly one DONE, REFUSED or
FAILED, whatever is repeated by the broker and whenever the process is killed.
"""

import asyncio
import logging
import math
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Struct

from contracts.codec import ContractError, commands
from contracts.instants import HOUR, MINUTE, SECOND, Instant
from contracts.messages import Command
from contracts.records import CommandOutcome, InputRefused, OutcomeStatus
from drivers.capabilities import Writable
from drivers.errors import DriverError, RefusedError
from edge.commands.commandable import Commandable
from edge.control import leases
from edge.control.leases import Lease
from edge.journal.port import Diary
from runtime.backoff import growing

log = logging.getLogger(__name__)

KEY = "command/"
REMEMBERED = 7 * 24 * HOUR
"""µs that a finished command is remembered after it expired; a copy that comes later is refused
because it has expired."""
LONGEST_EXPIRY = 24 * HOUR
LONGEST_ID = 100
MOST_WAITING = 50
"""Commands per device that may wait for the one before; more are refused."""
LOOK = 0.5
"""Seconds between two looks at the leases."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Targets:
    """What can be commanded, by device."""

    writable: Mapping[str, Writable] = field(default_factory=dict)
    commandable: Mapping[str, Commandable] = field(default_factory=dict)

    def __contains__(self, device: str) -> bool:
        return device in self.writable or device in self.commandable


class _Known(Struct, frozen=True):
    """What is remembered of a command."""

    device: str
    action: str
    expires: Instant
    finished: bool


class _Ended(NamedTuple):
    status: OutcomeStatus
    value: float | None = None
    reason: str = ""


def objection(command: Command, targets: Targets, now: Instant) -> str:
    """Say why a command must not be carried out, or "" when nothing speaks against it."""
    if command.device not in targets:
        return f"no device {command.device!r} can be commanded on this edge"
    if now >= command.expires:
        return "expired before it could be carried out"
    if command.expires - now > LONGEST_EXPIRY:
        return f"expires in more than {LONGEST_EXPIRY // HOUR} h by this edge's clock"
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
    longest = leases.LONGEST / SECOND
    if not 0 < command.lease <= longest:
        return f"{path}: a write needs a lease of at most {longest:.0f} s, not {command.lease:g}"
    if limits.safe is None:
        return f"{path} has no safe value to go back to; set one under `safe` in the site file"
    return ""


@dataclass(frozen=True, slots=True)
class Pace:
    """Where waiting comes from."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = random.random


@dataclass(slots=True)
class _Refusals:
    """Counts nonsense, and says when it may be reported again: at most once a minute."""

    count: int = 0
    reported: Instant | None = None
    reason: str = ""


@dataclass(slots=True)
class _Retry:
    failures: int = 0
    not_before: Instant = 0
    said: bool = field(default=False)


class Commands:
    """The edge's obedient side. Start `run`, and `serve` for each device in `devices`."""

    def __init__(
        self,
        targets: Targets,
        diary: Diary,
        now: Callable[[], Instant],
        pace: Pace | None = None,
    ) -> None:
        self._targets = targets
        self._diary = diary
        self._now = now
        self._pace = pace or Pace()
        self.devices = sorted({*targets.writable, *targets.commandable})
        self._queues: dict[str, asyncio.Queue[Command | Lease]] = defaultdict(asyncio.Queue)
        self._retries: dict[str, _Retry] = defaultdict(_Retry)
        self._refusals = _Refusals()

    async def resume(self) -> None:
        """Settle what a crash left open: a command that had begun is never begun again."""
        for key, value in self._diary.recall(KEY).items():
            known = msgspec.json.decode(value, type=_Known)
            if not known.finished:
                ended = _Ended(
                    OutcomeStatus.FAILED,
                    None,
                    "the edge restarted while it ran; look at the device",
                )
                await self._finish(key.removeprefix(KEY), known, ended)

    async def take(self, payload: bytes) -> None:
        """Take a command as it comes from the broker; copies of known ones change nothing."""
        try:
            command = commands.decode(payload)
        except ContractError as error:
            await self.refuse_input(str(error))
            return
        if not 0 < len(command.id) <= LONGEST_ID:
            await self.refuse_input(f"Command: id of {len(command.id)} characters")
            return
        if self._diary.recall(KEY + command.id).get(KEY + command.id) is not None:
            log.debug("command %s came again", command.id)
            return
        known = _Known(command.device, command.action, command.expires, finished=False)
        reason = objection(command, self._targets, self._now())
        queue = self._queues[command.device] if command.device in self._targets else None
        if queue is None or queue.qsize() >= MOST_WAITING:
            reason = reason or f"{command.device} has {MOST_WAITING} commands waiting"
        if reason or queue is None:
            await self._finish(command.id, known, _Ended(OutcomeStatus.REFUSED, None, reason))
            return
        await self._diary.append([], {KEY + command.id: msgspec.json.encode(known)})
        queue.put_nowait(command)

    async def refuse_input(self, reason: str) -> None:
        """Count input that makes no sense; journal it at most once a minute."""
        refusals = self._refusals
        refusals.count += 1
        refusals.reason = reason
        now = self._now()
        if refusals.reported is None or abs(now - refusals.reported) >= MINUTE:
            await self._report_refusals(now)

    async def serve(self, device: str) -> None:
        """Carry out one device's commands and lease ends, one after the other."""
        queue = self._queues[device]
        while True:
            task = await queue.get()
            if isinstance(task, Lease):
                await self._put_back(task)
            else:
                await self._carry_out(task)

    async def run(self) -> None:
        """Watch the leases, and now and then forget commands that are long over."""
        forget_at: Instant = 0
        while True:
            now = self._now()
            for lease in leases.due(leases.read_all(self._diary.recall(leases.KEY)).values(), now):
                self._ask_to_put_back(lease, now)
            if self._refusals.count and abs(now - (self._refusals.reported or 0)) >= MINUTE:
                await self._report_refusals(now)
            if abs(now - forget_at) >= HOUR:
                forget_at = now
                await self._forget(now)
            await self._pace.sleep(LOOK)

    async def _carry_out(self, command: Command) -> None:
        known = _Known(command.device, command.action, command.expires, finished=False)
        reason = objection(command, self._targets, self._now())
        if reason:
            await self._finish(command.id, known, _Ended(OutcomeStatus.REFUSED, None, reason))
        elif command.action == "write":
            await self._write(command, known)
        else:
            try:
                value = await self._targets.commandable[command.device].execute(command)
                ended = _Ended(OutcomeStatus.DONE, value)
            except DriverError as error:
                ended = _failed(error)
            await self._finish(command.id, known, ended)

    async def _write(self, command: Command, known: _Known) -> None:
        driver = self._targets.writable[command.device]
        limits, wanted = driver.writable[command.point], command.value
        if limits.safe is None or wanted is None:
            raise AssertionError("objection() lets no such command through")
        lease = leases.granted(
            command.id, (command.device, command.point), command.lease, limits.safe, self._now()
        )
        before = self._diary.recall(lease.key).get(lease.key)
        await self._diary.append([], {lease.key: msgspec.json.encode(lease)})
        self._retries.pop(lease.key, None)
        notes: dict[str, bytes | None] = {}
        try:
            value = await driver.write(command.point, wanted)
        except DriverError as error:
            ended = _failed(error)
            if ended.status is OutcomeStatus.REFUSED:
                notes = {lease.key: before}  # nothing was written: what held before still holds
        else:
            ended = _Ended(OutcomeStatus.DONE, value)
        await self._finish(command.id, known, ended, notes)

    def _ask_to_put_back(self, lease: Lease, now: Instant) -> None:
        retry = self._retries[lease.key]
        if lease.device in self._targets.writable:
            if now >= retry.not_before or retry.not_before - now > HOUR:
                retry.not_before = now + HOUR  # until this attempt has ended
                self._queues[lease.device].put_nowait(lease)
        elif not retry.said:
            retry.said = True
            log.error(
                "the lease on %s/%s is over, but the device is not in the site file any more:"
                " set it to %g by hand",
                lease.device,
                lease.point,
                lease.safe,
            )

    async def _put_back(self, lease: Lease) -> None:
        current = leases.read_all(self._diary.recall(lease.key)).get(lease.key)
        retry = self._retries[lease.key]
        if current != lease:  # renewed while it waited
            self._retries.pop(lease.key, None)
            return
        try:
            value = await self._targets.writable[lease.device].write(lease.point, lease.safe)
        except DriverError as error:
            cause = str(error)
        else:
            self._retries.pop(lease.key, None)
            log.info("%s/%s: lease over, %g put back", lease.device, lease.point, lease.safe)
            outcome = CommandOutcome(
                lease.command,
                self._now(),
                lease.device,
                "write",
                OutcomeStatus.REVERTED,
                value,
                f"{lease.point}: the lease ran out",
            )
            await self._diary.append([outcome], {lease.key: None})
            return
        retry.failures += 1
        pause = growing(retry.failures, FIRST_PAUSE, LONGEST_PAUSE, self._pace.dice)
        retry.not_before = self._now() + int(pause * SECOND)
        if not retry.said:
            retry.said = True
            log.error(
                "%s/%s: lease over, but the safe value %g cannot be written: %s; trying on",
                lease.device,
                lease.point,
                lease.safe,
                cause,
            )

    async def _finish(
        self,
        command: str,
        known: _Known,
        ended: _Ended,
        notes: Mapping[str, bytes | None] = MappingProxyType({}),
    ) -> None:
        if ended.status is not OutcomeStatus.DONE:
            log.warning("command %s for %s: %s", command, known.device, ended.reason)
        outcome = CommandOutcome(
            command,
            self._now(),
            known.device,
            known.action,
            ended.status,
            ended.value,
            ended.reason,
        )
        over = _Known(known.device, known.action, known.expires, finished=True)
        await self._diary.append([outcome], {KEY + command: msgspec.json.encode(over), **notes})

    async def _report_refusals(self, now: Instant) -> None:
        refusals = self._refusals
        count, refusals.count, refusals.reported = refusals.count, 0, now
        log.warning("%d commands made no sense; the last: %s", count, refusals.reason)
        await self._diary.append([InputRefused(now, "command", refusals.reason, count)])

    async def _forget(self, now: Instant) -> None:
        old: dict[str, bytes | None] = {}
        for key, value in self._diary.recall(KEY).items():
            known = msgspec.json.decode(value, type=_Known)
            if known.finished and now - known.expires > REMEMBERED:
                old[key] = None
        if old:
            await self._diary.append([], old)


def _failed(error: DriverError) -> _Ended:
    refused = isinstance(error, RefusedError)
    status = OutcomeStatus.REFUSED if refused else OutcomeStatus.FAILED
    return _Ended(status, None, str(error))
