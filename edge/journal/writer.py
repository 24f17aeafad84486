"""Brings what was taken to the disk, one short piece of work at a time."""

import asyncio
import logging
from collections.abc import Callable

from contracts.bounds import LAST_NUMBER
from contracts.ranges import Ranges
from edge.journal import shrinking
from edge.journal.disk import Disk, SickError
from edge.journal.file import Closing, JournalFile
from edge.journal.intake import Doubt, Intake
from edge.journal.memory import Memories
from edge.journal.port import FORGOTTEN
from edge.journal.reserve import has_room, keep, release
from edge.journal.rows import Lost, Stamp
from edge.journal.schema import load_remembered

log = logging.getLogger(__name__)

GROUPING = 0.02
"""Seconds between the beginnings of two groups, at least."""
GATHERING = 0.08
"""Seconds when there are only samples that nobody waits for: a kill loses no more than these."""
FORGETTING = 1.0
"""Seconds between two deletions; what is named meanwhile goes in one transaction."""
RESERVING = 60.0
LOW = 0.9
"""Share of the budget at which thinning ends."""
DISK_FULL = "the disk is full"
BUDGET_USED = "the journal's budget is used up"


class Writer:
    """Does what is to be done next."""

    def __init__(
        self,
        disk: Disk,
        intake: Intake,
        memories: Memories,
        stamp: Callable[[], Stamp],
        largest: int,
    ) -> None:
        self.disk = disk
        self.gone = dict[str, Ranges]()
        """What was named twice and is still to be deleted, by stream."""
        self.refused: dict[tuple[str, str], int] = {}
        """From which number on the gateway does not take rows, by stream and life."""
        self._intake = intake
        self._memories = memories
        self._stamp = stamp
        self._largest = largest
        self._thinner = shrinking.Thinner()
        self._thinning = False
        self._doubt: Doubt | None = None
        self.commit: asyncio.Task[None] | None = None
        """A group on its way to the disk."""
        self._attempts = 0
        self._group_begun = -GATHERING
        self._forget_due = self._reserve_due = 0.0

    @property
    def fill(self) -> float:
        """Share of the budget in use, 0 to 1."""
        return min(self.disk.used / self._largest, 1.0)

    async def step(self, now: float) -> float | None:
        """Do one piece of work; say in how many seconds there is more, None: when woken.

        `now` in seconds of the monotonic clock.
        """
        try:
            if self.commit is not None:
                await self._finish(self.commit)
            if self.disk.file is None:
                return await self._reopen(now)
            return await self._work(now)
        except SickError:
            self._fall()
            return max(self.disk.not_before - now, 0.0)

    def fall(self) -> None:
        """Take note that the disk is sick, with nothing in doubt."""
        self._intake.fall(self._stamp(), None)

    async def _reopen(self, now: float) -> float:
        wait = self.disk.not_before - now
        if wait > 0:
            return wait
        before = {stream.name for stream in self.disk.streams.values() if stream.use == "own"}
        if not await self.disk.open():
            self._fall()
            return max(self.disk.not_before - now, 0.0)
        found = await self.disk.do(lambda file: load_remembered(file.db))
        self._memories.load(found)
        own = next(one for one in self.disk.streams.values() if one.use == "own")
        if before and own.name not in before:
            # What was read at the start is known here, so nothing of it is forgotten.
            known = {(FORGOTTEN, FORGOTTEN): None, **self._memories.everything()}
            self._intake.remember_again(known)
        self._intake.judge(self._there)
        self._attempts += 1
        self._thinner.begin_again()
        return 0.0

    def _there(self, doubt: Doubt) -> bool:
        """Say whether a group that was in doubt is on disk."""
        return any(
            stream.name == doubt.stream and stream.last >= doubt.last
            for stream in self.disk.streams.values()
        )

    async def _work(self, now: float) -> float | None:
        waits: list[float] = []
        if self.disk.condition == "full" and self._attempts % 2 == 0:
            self._attempts += 1
            await self._make_room()
        if self._intake.waiting or self._intake.sick:
            due = self._group_begun + (GROUPING if self._intake.pressing else GATHERING)
            if now >= due:
                self._group_begun = now
                await self._write()
                return 0.0
            waits.append(due - now)
        if self.refused:
            await self._move()
            return 0.0
        if self.gone:
            if now >= self._forget_due:
                self._forget_due = now + FORGETTING
                await self._forget()
                return 0.0
            waits.append(self._forget_due - now)
        return 0.0 if await self._thin() else await self._look_after(now, waits)

    async def _look_after(self, now: float, waits: list[float]) -> float | None:
        if now >= self._reserve_due:
            self._reserve_due = now + RESERVING
            await self.disk.beside(keep, otherwise=None)
        due = self.disk.witness_due
        if due is not None:
            if now >= due:
                await self.disk.witness()
                return 0.0
            waits.append(due - now)
        return min(waits, default=None)

    async def _write(self) -> None:
        stamp, disk = self._stamp(), self.disk
        assert disk.file is not None
        group = self._intake.next_group(stamp, disk.reason)
        # Which numbers it gets is known when its turn comes: a rotten row may be declared before.
        self._doubt = Doubt(group, disk.file.own.name, LAST_NUMBER)

        def write(file: JournalFile) -> None:
            rows, own = group.rows, file.own
            last = own.last + sum(row.total + 1 if isinstance(row, Lost) else 1 for row in rows)
            self._doubt = Doubt(group, own.name, last if rows else own.last + 1)
            file.write(rows, group.changes, stamp)

        self.commit = asyncio.create_task(disk.do(write), name="journal commit")
        await self._finish(self.commit)

    async def _finish(self, commit: asyncio.Task[None]) -> None:
        """Wait for a commit; who is cancelled meanwhile leaves it to the next step."""
        try:
            await asyncio.shield(commit)
        finally:
            if commit.done():
                self.commit = None
        doubt, self._doubt = self._doubt, None
        self.disk.well()
        if doubt is not None:
            self._intake.written(doubt.group)

    async def _forget(self) -> None:
        gone = dict(self.gone)
        await self.disk.do(lambda file: file.forget(gone))
        for stream, numbers in gone.items():
            if self.gone.get(stream) is numbers:
                del self.gone[stream]

    async def _move(self) -> None:
        (stream, life), first = next(iter(self.refused.items()))
        stamp = self._stamp()
        own = next(one for one in self.disk.streams.values() if one.use == "own")
        if own.name == stream:
            name = self._intake.ids()
            reason = f"the gateway has other records from {first} on: an old copy was put back"
            log.error("%s: %s; a new stream begins", self.disk.place.path, reason)
            closings = [Closing(stream, own.lives[-1], reason, own.last)]
            await self.disk.do(lambda file: file.leave(name, closings, stamp))
            await self.disk.witness()
        elif not await self.disk.do(
            lambda file: shrinking.move_refused(file, stream, life, first, stamp)
        ):
            del self.refused[stream, life]

    async def _make_room(self) -> None:
        """Free what can be freed, if the disk is still full."""
        if await self.disk.beside(has_room, otherwise=False):
            return
        await self.disk.beside(release, otherwise=None)
        if self.gone:
            await self._forget()
        stamp, thinner = self._stamp(), self._thinner
        count = await self.disk.do(lambda file: thinner.step(file, stamp, DISK_FULL))
        if count:
            log.warning("%s: %s; gave up %d samples", self.disk.place.path, DISK_FULL, count)

    async def _thin(self) -> bool:
        used = self.disk.used / self._largest
        if used < LOW and (self._thinning or self._thinner.hopeless):
            self._thinning = False
            self._thinner.begin_again()
        if used >= 1.0 and not self._thinning:
            self._thinning = True
            log.warning(
                "%s: %s; thinning old samples. Bring the gateway back, or raise journal.largest",
                self.disk.place.path,
                BUDGET_USED,
            )
        if not self._thinning or self._thinner.hopeless:
            return False
        stamp, thinner = self._stamp(), self._thinner
        await self.disk.do(lambda file: thinner.step(file, stamp, BUDGET_USED))
        if thinner.hopeless:
            log.error(
                "%s: %s and nothing is left to thin; events are never given up",
                self.disk.place.path,
                BUDGET_USED,
            )
        return True

    def _fall(self) -> None:
        doubt, self._doubt = self._doubt, None
        self._intake.fall(self._stamp(), doubt)
