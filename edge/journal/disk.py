"""The file of a journal while its disk comes and goes: opened, left, opened again.

Every piece of work is done by the one thread of an executor; after an error the file is closed
and opened anew, with growing pauses.
"""

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, TypeVar

from edge.journal.directory import directory_of, state_of, write_directory
from edge.journal.file import JournalFile
from edge.journal.opening import JournalError, Place, open_journal
from edge.journal.rows import Stamp
from edge.journal.salvage import Fresh
from edge.journal.schema import Stream
from edge.journal.witness import Mark
from runtime.backoff import growing
from runtime.database import DatabaseError, Failure, failure

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
WITNESS = 1.0
"""Seconds after which the witness is on disk."""

T = TypeVar("T")


class SickError(Exception):
    """The disk refused; what was under way is in doubt until the file is opened again."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What the composition hands in. `executor` has one thread, which nobody else uses."""

    monotonic: Callable[[], float]
    stamp: Callable[[], Stamp]
    executor: Executor
    ids: Callable[[], str]
    dice: Callable[[], float]


class Disk:
    """The file, when it can be reached."""

    def __init__(self, place: Place, life: str, seams: Seams) -> None:
        self.place = place
        self.life = life
        self.file: JournalFile | None = None
        self.streams = dict[int, Stream]()
        """As they were last known."""
        self.condition: Literal["ok", "full", "failing"] = "ok"
        self.reason = ""
        self.used = 0
        self.not_before = 0.0
        """When it may be opened again, in monotonic seconds."""
        self._seams = seams
        self._failures = 0
        self._thorough = False
        self._witnessed = 0.0
        self._unwitnessed = False
        self._mark = Mark("", 0, 0, "")
        self._directory: tuple[object, ...] = ()

    @property
    def holds_earlier(self) -> bool:
        """Whether the own stream may hold a record that an earlier life wrote."""
        return self.file is None or self.file.own.oldest <= self.file.moved_to

    async def open(self) -> bool:
        """Open it, if it is time; say whether it is open. Raises JournalError at the first try."""
        fresh = Fresh(self._seams.ids(), self.life, self._seams.stamp())
        thorough = self._thorough
        try:
            file = await self._in_thread(lambda: open_journal(self.place, fresh, thorough=thorough))
        except (DatabaseError, OSError) as error:
            self._refused(error)
            return False
        except JournalError as error:
            if not self.streams:
                raise
            self._refused(error)
            return False
        self._thorough = False
        self.file = file
        self.streams = dict(file.streams)
        return True

    async def do(self, work: Callable[[JournalFile], T]) -> T:
        """Do a piece of work on the open file. Raises SickError."""
        file = self.file
        if file is None:
            raise SickError(self.reason)
        try:
            done, used = await self._in_thread(lambda: self._done(file, work))
        except (DatabaseError, OSError) as error:
            await self.fail(error)
            raise SickError(str(error)) from error
        self.used = used
        self.streams = dict(file.streams)
        return done

    async def fail(self, error: Exception) -> None:
        """Take note that the disk refused; the file is opened anew."""
        self._refused(error)
        await self.close()

    def well(self) -> None:
        """Take note that a commit succeeded."""
        if self.condition != "ok":
            log.warning("%s: it can be written again", self.place.path)
        self.condition, self.reason, self._failures = "ok", "", 0

    async def close(self) -> None:
        """Close the file, whatever state it is in."""
        file, self.file = self.file, None
        if file is not None:
            await self._in_thread(file.close)

    async def witness(self) -> None:
        """Have the newest number on the witness's disk."""
        file = self.file
        if file is not None:
            await self._in_thread(lambda: self._witness(file, sync=True))

    @property
    def witness_due(self) -> float | None:
        """When the witness is to be on disk; None: it is."""
        return self._witnessed + WITNESS if self._unwitnessed and self.file else None

    async def beside(self, work: Callable[[Place], T], otherwise: T) -> T:
        """Do something beside the file that may fail without harm; then `otherwise` is given."""
        try:
            return await self._in_thread(lambda: work(self.place))
        except OSError:
            return otherwise

    def _witness(self, file: JournalFile, *, sync: bool) -> None:
        """Tell the witness of the newest number: at once, and once a second for good."""
        mark, clock = file.mark, self._seams.monotonic()
        if mark == self._mark and not (sync and self._unwitnessed):
            return
        sync = sync or clock - self._witnessed >= WITNESS
        self.place.witness.write(mark, sync=sync)
        self._mark, self._unwitnessed = mark, not sync
        if sync:
            self._witnessed = clock

    def _done(self, file: JournalFile, work: Callable[[JournalFile], T]) -> tuple[T, int]:
        done = work(file)
        self._witness(file, sync=False)
        state = state_of(file)
        if state != self._directory:
            with suppress(OSError):  # an older copy does no harm, and the next piece of work tries
                write_directory(self.place.folder, self.place.directory, directory_of(file))
                self._directory = state
        return done, file.used()

    def _refused(self, error: Exception) -> None:
        kind = _kind(error)
        if self.condition == "ok" or not self._failures:
            log.error(
                "%s: %s; going on in memory, trying again. Free some space, or replace the disk",
                self.place.path,
                error,
            )
        self.condition = "full" if kind is Failure.FULL else "failing"
        self.reason = str(error)
        self._thorough = self._thorough or kind is Failure.CORRUPT
        self._failures += 1
        pause = growing(self._failures, FIRST_PAUSE, LONGEST_PAUSE, self._seams.dice)
        self.not_before = self._seams.monotonic() + pause

    async def _in_thread(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._seams.executor, work)


def _kind(error: Exception) -> Failure:
    if isinstance(error, DatabaseError):
        return failure(error)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Failure.FULL
    return Failure.IO
