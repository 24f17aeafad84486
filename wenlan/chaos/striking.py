"""Carries out the blows of a plan on a running building, and notes each of them."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from wenlan.chaos.blows import Blow, Kind
from wenlan.chaos.broker_watch import BrokerWatch
from wenlan.chaos.hosts import WELL, Hosts
from wenlan.chaos.journals import Journals
from wenlan.example.library import Library
from wenlan.example.processes import Supervisor
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.notes import Killed, Notebook

WATCHED = 5.0
"""Seconds after a long outage in which nothing else happens, so that what follows shows."""
SPOILING = (Kind.FLIP, Kind.VANISH, Kind.OLD_COPY)

Course: TypeAlias = Callable[[Blow], Coroutine[Any, Any, None]]
"""What a blow does that lasts."""


class Striker:
    """Strikes one blow after the other; what lasts goes on beside the next ones."""

    def __init__(
        self,
        library: Library,
        supervisor: Supervisor,
        group: asyncio.TaskGroup,
        notes: Notebook,
        say: Callable[[str], None],
    ) -> None:
        self._supervisor = supervisor
        self._group = group
        self._notes = notes
        self._say = say
        self._parts = {
            one.name: one for one in (library.broker(), library.gateway(), *library.edges())
        }
        self._edges = [edge.id for edge in library.site.edges]
        self._hosts = Hosts(library.controls, notes)
        self._journals = Journals(library.data, notes, say)
        self._broker = BrokerWatch(library.broker_port, lambda: supervisor.pid("broker"), notes)
        self._lasting: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._courses: dict[Kind, tuple[str, Course]] = {
            Kind.BROKER_AWAY: ("away", self._broker_away),
            Kind.DISK_FULL: ("disk", self._sick_disk),
            Kind.DISK_ERRORS: ("disk", self._sick_disk),
            Kind.CLOCK: ("clock", self._wrong_clock),
        }

    async def run(self, blows: list[Blow]) -> None:
        """Strike all of them; nothing is wrong any more at the end, but what still starts."""
        watching = self._group.create_task(self._broker.run(), name="broker watch")
        try:
            for count, blow in enumerate(blows, start=1):
                await asyncio.sleep(blow.pause)
                self._journals.copy(self._edges, count)
                self._say(f"  {count:>2}. {blow.words}")
                await self._strike(blow)
            await self._calm_down()
        finally:
            watching.cancel()

    async def _strike(self, blow: Blow) -> None:
        if blow.kind in SPOILING:
            await self._spoil(blow)
        elif blow.kind in self._courses:
            self._last(blow, *self._courses[blow.kind])
        else:
            for part in blow.parts:
                self._kill(part)
        if blow.alone:
            await self._calm_down()
            await asyncio.sleep(WATCHED)

    async def _spoil(self, blow: Blow) -> None:
        """Do something to the journal of an edge, mostly while that is not running."""
        (part,) = blow.parts
        if not blow.running:
            await self._kill_for_good(part)
        self._journals.spoil(part.removeprefix("edge-"), blow)
        if not blow.running:
            self._supervisor.keep(self._group, self._parts[part])

    def _kill(self, part: str) -> None:
        pid = self._supervisor.pid(part)
        if pid is None:
            return
        self._notes.write(Killed(self._notes.now(), part))
        os.kill(pid, signal.SIGKILL)
        if part == "broker":
            self._broker.killed(pid)

    async def _kill_for_good(self, part: str) -> None:
        pid = self._supervisor.pid(part)
        if pid is not None:
            self._notes.write(Killed(self._notes.now(), part))
        await self._supervisor.kill(part)
        if part == "broker":
            self._broker.killed(pid)

    # --- what lasts ----------------------------------------------------------------------------

    async def _calm_down(self) -> None:
        """Wait until all that lasts is over."""
        while self._lasting:
            await asyncio.wait(self._lasting.values())
            for key, task in list(self._lasting.items()):
                if task.done():
                    del self._lasting[key]
                    task.result()

    def _last(self, blow: Blow, what: str, course: Course) -> None:
        """Let it go on beside others; one of the same kind for the same part is over."""
        key = (what, blow.parts[0])
        following = self._after(self._lasting.get(key), course, blow)
        self._lasting[key] = self._group.create_task(following, name=f"{what} {key[1]}")

    @staticmethod
    async def _after(before: asyncio.Task[None] | None, course: Course, blow: Blow) -> None:
        if before is not None:
            before.cancel()
            await asyncio.wait((before,))
        await course(blow)

    async def _broker_away(self, blow: Blow) -> None:
        await self._kill_for_good("broker")
        for part in blow.parts[1:]:
            await asyncio.sleep(blow.dies_after or 0.0)
            self._kill(part)
        await asyncio.sleep(blow.seconds - (blow.dies_after or 0.0))
        self._supervisor.keep(self._group, self._parts["broker"])

    async def _sick_disk(self, blow: Blow) -> None:
        part = blow.parts[0]
        failing = Faults(write_error=blow.share, sync_error=blow.share)
        faults = Faults(full=True) if blow.kind is Kind.DISK_FULL else failing
        try:
            self._hosts.set_disk(part, faults)
            await self._lasts(blow)
        finally:
            self._hosts.set_disk(part, WELL)

    async def _wrong_clock(self, blow: Blow) -> None:
        part = blow.parts[0]
        try:
            self._hosts.set_clock(part, self._hosts.in_1970 if blow.ahead is None else blow.ahead)
            await self._lasts(blow)
        finally:
            self._hosts.set_clock(part, 0)

    async def _lasts(self, blow: Blow) -> None:
        dies = blow.dies_after
        if dies is not None:
            await asyncio.sleep(dies)
            self._kill(blow.parts[0])
        await asyncio.sleep(blow.seconds - (dies or 0.0))
