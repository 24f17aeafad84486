"""What an edge writes down before anything leaves the process, as one of its parts.

Records are taken into memory and written in groups: an idle journal writes at once, a busy one
begins a group at most every 20 ms. While the disk is sick, what comes goes to a stream in memory.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self, TypeVar

from msgspec import Struct

from contracts.instants import Instant
from contracts.ranges import Ranges
from contracts.records import Record, Sample
from edge.journal import shrinking
from edge.journal.disk import Disk, Seams, SickError
from edge.journal.intake import Intake
from edge.journal.memory import KindMemory, Memories
from edge.journal.opening import JournalError, Place, locked
from edge.journal.port import Change, State
from edge.journal.queue import MOST_BYTES, Entry, Promise, Queue
from edge.journal.rows import Limits, Piece, row_of
from edge.journal.tracks import Track, of_file, of_memory
from edge.journal.writer import Writer

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Struct)

START = 5.0
"""Seconds that a start waits for a sick disk, to hear what is remembered on it."""
FAREWELL = 3.0
"""Seconds that the last records may take at the end."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the site says of a journal."""

    largest: int = 2 * 2**30
    """Bytes on disk."""
    urgent: frozenset[tuple[str, str]] = frozenset()
    """Devices and blocks whose samples are never thinned: counters."""
    memory: int = MOST_BYTES
    """Bytes that wait in memory."""
    disk: Callable[[], float] = lambda: 0.0
    """Gives the share of the disk that is in use; may raise OSError."""


class Journal:
    """An edge's journal (`edge.journal.port.Journal`), and what the uplink needs of it.

    Use it as a context manager, and let `run` work under a supervisor. `life` is the id of this
    start of the process; `segment` gives the clock segment of a record by its instant.
    """

    def __init__(
        self,
        place: Place,
        life: str,
        seams: Seams,
        segment: Callable[[Instant], str],
        policy: Policy | None = None,
    ) -> None:
        self.life = life
        self._seams = seams
        self._segment = segment
        self._policy = policy or Policy()
        self._disk = Disk(place, life, seams)
        self._intake = Intake(life, seams.ids, self._policy.memory)
        self._memories = Memories()
        self._writer = Writer(
            self._disk, self._intake, self._memories, seams.stamp, self._policy.largest
        )
        self._wake = asyncio.Event()
        self._gathering = False
        self._awaited = partial(_hurry, self._intake.queue, self._wake)
        self._listeners: list[Callable[[], None]] = []
        self._lock = ExitStack()

    async def __aenter__(self) -> Self:
        until = self._seams.monotonic() + START
        while True:
            try:
                self._lock.enter_context(locked(self._disk.place.path))
                break
            except OSError as error:
                if self._seams.monotonic() >= until:
                    raise JournalError(f"{error}; give a folder that can be written") from error
                await asyncio.sleep(0.1)
        try:
            while self._disk.file is None and self._seams.monotonic() < until:
                wait = await self.step()
                if wait:
                    await asyncio.sleep(wait)
        except BaseException:
            self._lock.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        until = self._seams.monotonic() + FAREWELL
        with self._lock:
            while (self._intake.waiting or self._writer.commit) and self._seams.monotonic() < until:
                wait = await self.step()
                if wait:
                    await asyncio.sleep(wait)
            await self._disk.witness()
            await self._disk.close()

    @property
    def state(self) -> State:
        """Whether it is well."""
        disk = 0.0
        with contextlib.suppress(OSError):  # a disk that cannot be asked is said to be failing
            disk = min(max(self._policy.disk(), 0.0), 1.0)
        return State(self._disk.condition, self._writer.fill, disk, self._disk.reason)

    def append(self, records: Sequence[Record], remember: Sequence[Change] = ()) -> Promise:
        """Take facts; see `edge.journal.port.Journal`."""
        urgent = self._policy.urgent
        rows = tuple(
            row_of(
                record,
                self._segment(record.at),
                urgent=isinstance(record, Sample) and (record.device, record.block) in urgent,
            )
            for record in records
        )
        entry = Entry(rows, self._memories.change(remember), Promise(self._awaited))
        self._intake.take(entry, self._seams.stamp())
        if self._intake.pressing or not self._gathering:
            self._wake.set()
        if self._intake.sick:
            self._announce()
        return entry.promise

    def memory(self, kind: str, type_: type[T]) -> KindMemory[T]:
        """Give what is remembered of a kind."""
        return self._memories.of(kind, type_)

    async def run(self) -> None:
        """Write what waits, until cancelled."""
        while True:
            self._wake.clear()
            wait = await self.step()
            if wait is None or wait > 0:
                # While a group is being gathered, samples that join it wake nobody.
                self._gathering = self._intake.waiting
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                self._gathering = False

    async def step(self) -> float | None:
        """Do one piece of work; say in how many seconds there is more, None: when woken."""
        disk = self._disk
        before = disk.streams, disk.file, disk.condition, self._intake.sick
        wait = await self._writer.step(self._seams.monotonic())
        if (disk.streams, disk.file, disk.condition, self._intake.sick) != before:
            self._announce()
        return wait

    def listen(self, listener: Callable[[], None]) -> None:
        """Ask to be called after each change of `tracks` or `state`."""
        self._listeners.append(listener)

    def tracks(self) -> list[Track]:
        """Give what is held: the newest first within the own stream, then what drains."""
        found = of_file(
            self._disk.streams.values(),
            self._writer.refused,
            readable=self._disk.file is not None,
            current=not self._intake.sick,
        )
        volatile = self._intake.volatile
        if volatile is not None and volatile.last:
            found.append(of_memory(volatile))
        return found

    @property
    def holds_earlier(self) -> bool:
        """Whether a record may be held that an earlier life wrote, under whatever number."""
        return self._disk.holds_earlier or any(
            len(one.held) for one in self.tracks() if one.life != self.life or one.use != "own"
        )

    async def read(self, stream: str, first: int, last: int, limits: Limits) -> Piece | None:
        """Give consecutive records of one life and clock segment, down from `last`.

        A row that is not what was written is deleted, and its hole declared.
        """
        volatile = self._intake.volatile
        if volatile is not None and volatile.stream == stream:
            return volatile.read(first, last, limits)
        stamp = self._seams.stamp()
        try:
            piece, rotten = await self._disk.do(lambda file: file.read(stream, first, last, limits))
            if rotten:
                log.error("%s: record %d of %s is damaged", self._disk.place.path, rotten, stream)
                await self._disk.do(lambda file: shrinking.drop_rotten(file, stream, rotten, stamp))
                self._announce()
        except SickError:
            self._writer.fall()
            self._announce()
            self._wake.set()
            return None
        return piece

    def named(self, stream: str, once: Ranges, twice: Ranges) -> None:
        """Take note of what the gateway named; what it named twice is deleted soon."""
        if self._intake.named(stream, once, twice):
            self._announce()
        elif len(twice):
            self._writer.gone[stream] = self._writer.gone.get(stream, Ranges()).union(twice)
        self._wake.set()

    def refuse(self, stream: str, life: str, first: int) -> None:
        """Take note that the gateway does not take a life's rows from `first` on.

        They come again under numbers of the own stream. A stream that was born in this life is
        not left: nobody else can have its numbers.
        """
        known = next((one for one in self._disk.streams.values() if one.name == stream), None)
        if known is None or known.born == self.life or known.span_of(life) is None:
            log.warning("the gateway refuses %s of life %s from %d on", stream, life, first)
            return
        before = self._writer.refused.get((stream, life), first)
        self._writer.refused[stream, life] = min(before, first)
        self._wake.set()
        self._announce()

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()


def _hurry(queue: Queue, wake: asyncio.Event) -> None:
    """Take note that somebody waits until what is in the queue is on disk."""
    queue.pressing = bool(len(queue))
    wake.set()
