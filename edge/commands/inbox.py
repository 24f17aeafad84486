"""Carries out commands at most once each, and puts safe values back when leases end.

A command is remembered durably before anything is done about it, and its outcome is journalled in
the transaction that remembers that it is over. So each id gets exactly one DONE, REFUSED or
FAILED, whatever is repeated by the broker and whenever the process is killed.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from contracts.codec import ContractError, commands
from contracts.instants import Instant
from contracts.messages import Command
from contracts.records import OutcomeStatus
from drivers.bulkhead import guarded
from drivers.errors import DriverBugError, DriverError, RefusedError
from edge.commands.commandable import Targets, objection
from edge.commands.known import Ended, Known, KnownCommands
from edge.control.leases import Lease
from edge.control.outputs import Outputs
from edge.journal.port import Journal, Ticket
from edge.journal.refused_input import RefusedInput
from edge.journal.tickets import UnwrittenError, written
from runtime.clock import Clock
from runtime.timers import Timers

log = logging.getLogger(__name__)

MOST_WAITING = 50
"""Commands per device that may wait for the one before; more are refused."""
WRITTEN_WITHIN = 5.0
"""Seconds that a command may wait for the journal before it is refused."""
ANSWERED_EVERY = 60.0
"""Seconds between two answers to the same command, which is sent until its outcome comes."""
MOST_AT_ONCE = 1000
"""Commands that are forgotten in one transaction."""


class Hearing(NamedTuple):
    """What tells which commands are meant for this edge, and are still worth doing."""

    session: str
    """The life of this process."""
    gateway_now: Callable[[], Instant | None] = lambda: None
    """A time that the gateway's clock has certainly passed; None when it was not heard yet."""


class _Waiting(NamedTuple):
    """A command that was taken and is to be carried out."""

    command: Command
    known: Known
    expires: float
    """On the monotonic clock."""
    ticket: Ticket


@dataclass(slots=True)
class _Device:
    """What one device has to do."""

    queue: asyncio.Queue[_Waiting | Lease] = field(default_factory=asyncio.Queue)
    busy: _Waiting | Lease | None = None


class Inbox:
    """The edge's obedient side. `resume` it, then run `run`, and `serve` for each device."""

    def __init__(
        self,
        targets: Targets,
        outputs: Outputs,
        known: KnownCommands,
        journal: Journal,
        clock: Clock,
        hearing: Hearing,
        refused: RefusedInput,
    ) -> None:
        self._targets = targets
        self._outputs = outputs
        self._known = known
        self._journal = journal
        self._clock = clock
        self._hearing = hearing
        self._refused = refused
        self._forget = Timers[str](clock)
        self._devices = {device: _Device() for device in targets.devices}
        self._answer_from = clock.monotonic() + ANSWERED_EVERY
        self._answered: dict[str, float] = {}
        self._taken: set[str] = set()
        """Commands of this life that have not ended."""

    @property
    def devices(self) -> Sequence[str]:
        """Those that can be commanded."""
        return self._targets.devices

    def resume(self) -> None:
        """Settle what a restart left open: a command that had begun is never begun again.

        Call it again when a sick disk gave up late what is remembered on it.
        """
        for name, reason in list(self._known.damaged.items()):
            why = f"what was remembered of it cannot be read ({reason}); look at the device"
            self._finish(name, self._known.lost(), Ended(OutcomeStatus.FAILED, None, why))
        for name, known in list(self._known.values.items()):
            if known.finished:
                self._forget.set(name, self._known.forget_at(known))
            elif name not in self._taken:
                why = "the edge restarted while it ran; look at the device"
                self._finish(name, known, Ended(OutcomeStatus.FAILED, None, why))

    def take(self, payload: bytes) -> None:
        """Take a command as it comes from the broker; copies of known ones begin nothing.

        A command for another session of the edge is left alone without a word.
        """
        try:
            command = commands.decode(payload)
        except ContractError as error:
            self._refused.refuse("command", str(error))
            return
        if not command.id:
            self._refused.refuse("command", "Command: it has no id")
            return
        if command.session not in ("", self._hearing.session):
            return
        known = self._known.values.get(command.id)
        if known is None:
            self._take(command)
        else:
            self._answer_again(command.id, known)

    def refuse_input(self, reason: str) -> None:
        """Take note of a message of the gateway, other than a command, that makes no sense."""
        self._refused.refuse("gateway", reason)

    async def run(self) -> None:
        """Forget the commands that are long over, and put leases that are over into the queues."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._outputs.run(self._queue_lease), name="leases")
            group.create_task(self._forget_old(), name="commands forgotten")

    async def serve(self, device: str) -> None:
        """Carry out one device's commands and lease ends, one after the other."""
        own = self._devices[device]
        if own.busy is not None:
            self._give_up(own.busy)  # this part fell while it was at it
        while True:
            own.busy = await own.queue.get()
            if isinstance(own.busy, Lease):
                await self._outputs.put_back(own.busy)
            else:
                await self._carry_out(own.busy)
            own.busy = None

    def _take(self, command: Command) -> None:
        left = self._known.left(command, self._hearing.gateway_now())
        reason = objection(command, self._targets, left)
        own = self._devices.get(command.device)
        if own is not None and not reason and own.queue.qsize() >= MOST_WAITING:
            reason = f"{command.device} has {MOST_WAITING} commands waiting"
        known, change = self._known.taken(command, left)
        if reason or own is None:
            self._finish(command.id, known, Ended(OutcomeStatus.REFUSED, None, reason))
            return
        ticket = self._journal.append([], [change])
        self._taken.add(command.id)
        own.queue.put_nowait(_Waiting(command, known, self._clock.monotonic() + left, ticket))

    def _answer_again(self, name: str, known: Known) -> None:
        """Say again how it ended: the gateway asks on, so it may have lost what it was told."""
        now = self._clock.monotonic()
        if known.finished and known.status and now >= self._answered.get(name, self._answer_from):
            self._answered[name] = now + ANSWERED_EVERY
            ended = Ended(known.status, known.value, known.reason)
            self._journal.append([self._known.outcome(name, known, ended)])

    async def _carry_out(self, waiting: _Waiting) -> None:
        command, known, expires, ticket = waiting
        value: float | None
        try:
            await written(ticket, self._journal, WRITTEN_WITHIN)
            if reason := objection(command, self._targets, expires - self._clock.monotonic()):
                ended = Ended(OutcomeStatus.REFUSED, None, reason)
            else:
                value = await self._execute(command)
                ended = Ended(OutcomeStatus.DONE, value)
        except UnwrittenError as error:
            why = f"nothing was begun: {error}"
            ended = Ended(OutcomeStatus.REFUSED, None, why)
        except RefusedError as error:
            ended = Ended(OutcomeStatus.REFUSED, None, str(error))
        except DriverError as error:
            if isinstance(error, DriverBugError):
                log.exception("command %s met a bug in its driver", command.id)
            ended = Ended(OutcomeStatus.FAILED, None, str(error))
        self._finish(command.id, known, ended)

    async def _execute(self, command: Command) -> float | None:
        if command.action == "write":
            return await self._outputs.write(command)
        return await guarded(self._targets.commandable[command.device].execute, command)

    def _finish(self, name: str, known: Known, ended: Ended) -> None:
        if ended.status is not OutcomeStatus.DONE:
            log.warning("command %s for %s: %s", name, known.device, ended.reason)
        self._taken.discard(name)
        outcome, change = self._known.finished(name, known, ended)
        self._journal.append([outcome], [change])
        self._answered[name] = self._clock.monotonic() + ANSWERED_EVERY
        self._forget.set(name, self._known.forget_at(known))

    def _give_up(self, task: _Waiting | Lease) -> None:
        why = "the part of the edge that carried it out fell; look at the device"
        if isinstance(task, Lease):
            self._outputs.put_back_later(task, why)
        else:
            ended = Ended(OutcomeStatus.FAILED, None, why)
            self._finish(task.command.id, task.known, ended)

    def _queue_lease(self, lease: Lease) -> None:
        self._devices[lease.device].queue.put_nowait(lease)

    async def _forget_old(self) -> None:
        while True:
            names = await self._forget.wait()
            for first in range(0, len(names), MOST_AT_ONCE):
                some = names[first : first + MOST_AT_ONCE]
                for name in some:
                    self._answered.pop(name, None)
                self._journal.append([], [self._known.forget(name) for name in some])
                await self._clock.sleep(0.0)
