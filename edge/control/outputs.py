"""The only writer of outputs: every value it writes is leased, and a lease's end is written too."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from contracts.bounds import shortened
from contracts.messages import Command
from contracts.records import CommandOutcome, InputRefused, OutcomeStatus
from drivers.bulkhead import guarded
from drivers.capabilities import Writable
from drivers.errors import DriverError, RefusedError
from edge.control.leases import Lease, Leases, key_of
from edge.journal.port import FORGOTTEN, Change, Forgotten, Journal
from edge.journal.terms import Terms
from edge.journal.tickets import UnwrittenError, written
from runtime.backoff import growing
from runtime.clock import Clock
from runtime.timers import Timers

log = logging.getLogger(__name__)

WRITTEN_WITHIN = 5.0
"""Seconds that the journal has to remember a lease, before nothing is written at all."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0


@dataclass(slots=True)
class _Retry:
    failures: int = 0
    said: bool = False


class Outputs:
    """Writes the outputs of an edge; `resume` it, then run `run`.

    Writing to one device must not be asked for twice at the same time.
    """

    def __init__(
        self,
        writable: Mapping[str, Writable],
        journal: Journal,
        clock: Clock,
        terms: Terms,
        random: Random,
    ) -> None:
        self._writable = writable
        self._journal = journal
        self._clock = clock
        self._random = random
        self._leases = Leases(journal, terms)
        self._forgotten = journal.memory(FORGOTTEN, Forgotten)
        self._timers = Timers[str](clock)
        self._retries: dict[str, _Retry] = defaultdict(_Retry)

    def resume(self) -> None:
        """Take up the leases that were remembered; one that cannot be read is over.

        Call it again when a sick disk gave up late what is remembered on it.
        """
        for key, lease in self._leases.values.items():
            if key not in self._timers:
                self._timers.set(key, self._leases.end(lease))
        for key, reason in list(self._leases.damaged.items()):
            self._replace_damaged(key, reason)
        for key, lost in list(self._forgotten.values.items()):
            self._end_unknown(key, lost.reason)
        for key, reason in list(self._forgotten.damaged.items()):
            self._end_unknown(key, reason)

    async def run(self, over: Callable[[Lease], None]) -> None:
        """Tell of each lease that is over; whoever is told sees to it that it is put back."""
        while True:
            for key in await self._timers.wait():
                lease = self._leases.values.get(key)
                if lease is not None and lease.device in self._writable:
                    over(lease)
                elif lease is not None:
                    log.error(
                        "the lease on %s is over, but the device is not in the site file any more:"
                        " set it to %g by hand",
                        *(key, lease.safe),
                    )

    async def write(self, command: Command) -> float:
        """Write what a command asks for under a lease, and give what was read back.

        Raises DriverError, and UnwrittenError when the lease could not be remembered. After a
        RefusedError or an UnwrittenError the lease that held before holds on.
        """
        driver = self._writable[command.device]
        safe, wanted = driver.writable[command.point].safe, command.value
        assert safe is not None, "objection() lets no such command through"
        assert wanted is not None, "objection() lets no such command through"
        target = (command.device, command.point)
        lease, change = self._leases.grant(command.id, target, command.lease, safe)
        before = self._leases.values.get(lease.key)
        ticket = self._journal.append([], [change])
        self._timers.set(lease.key, self._leases.end(lease))
        self._retries.pop(lease.key, None)
        try:
            await written(ticket, self._journal, WRITTEN_WITHIN)
            return await guarded(driver.write, command.point, wanted)
        except (RefusedError, UnwrittenError):
            self._restore(lease.key, before)
            raise

    async def put_back(self, lease: Lease) -> None:
        """Write the safe value of a lease that is over; try again later where that fails."""
        if self._leases.values.get(lease.key) != lease:  # renewed while it waited
            self._retries.pop(lease.key, None)
            return
        try:
            driver = self._writable[lease.device]
            value = await guarded(driver.write, lease.point, lease.safe)
        except DriverError as error:
            self.put_back_later(lease, str(error))
            return
        self._retries.pop(lease.key, None)
        log.info("%s: lease over, %g put back", lease.key, lease.safe)
        status, why = OutcomeStatus.REVERTED, f"{lease.point}: the lease ran out"
        outcome = CommandOutcome(
            *(lease.command, self._clock.wall(), lease.device, "write", status, value, why)
        )
        records = [outcome] if lease.command else []
        self._journal.append(records, [self._leases.drop(lease.key)])

    def put_back_later(self, lease: Lease, cause: str) -> None:
        """Take note that a safe value could not be written."""
        retry = self._retries[lease.key]
        retry.failures += 1
        pause = growing(retry.failures, FIRST_PAUSE, LONGEST_PAUSE, self._random.random)
        self._timers.set(lease.key, self._clock.monotonic() + pause)
        if not retry.said:
            retry.said = True
            log.error(
                "%s: lease over, but the safe value %g cannot be written: %s; trying on",
                *(lease.key, lease.safe, cause),
            )

    def _restore(self, key: str, before: Lease | None) -> None:
        self._journal.append([], [self._leases.restore(key, before)])
        if before is None:
            self._timers.cancel(key)
        else:
            self._timers.set(key, self._leases.end(before))

    def _replace_damaged(self, key: str, reason: str) -> None:
        """Put leases that are over in the place of one that cannot be read."""
        device, _, point = key.partition("/")
        driver = self._writable.get(device)
        limits = driver.writable if driver else {}
        points = [point] if point in limits else sorted(limits)
        changes = [self._leases.drop(key), *self._over(device, points)]
        what = f"the safe value of {device} is written" if driver else "set its output by hand"
        why = f"the lease on {key} cannot be read any more ({reason}); {what}"
        self._say(key, why, changes)

    def _end_unknown(self, key: str, reason: str) -> None:
        """Put leases that are over on every output of which none is remembered."""
        changes = [self._forgotten.drop(key)]
        for device, driver in sorted(self._writable.items()):
            changes += self._over(device, sorted(driver.writable))
        why = f"leases may be forgotten ({reason}); the safe values of all outputs are written"
        self._say("journal", why, changes)

    def _over(self, device: str, points: Sequence[str]) -> Iterator[Change]:
        """Grant leases that are over, where there is a safe value and no lease yet."""
        for name in points:
            safe, key = self._writable[device].writable[name].safe, key_of(device, name)
            if safe is not None and key not in self._leases.values:
                lease, change = self._leases.grant("", (device, name), 0.0, safe)
                self._timers.set(lease.key, self._leases.end(lease))
                yield change

    def _say(self, source: str, why: str, changes: Sequence[Change]) -> None:
        log.error("%s", why)
        refused = InputRefused(self._clock.wall(), source, why)
        self._journal.append([shortened(refused)], changes)
