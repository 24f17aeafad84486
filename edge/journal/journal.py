"""What an edge writes down before anything leaves the process.

`Journal` is the `Diary` that everybody on the edge writes to. Events, and readings of points
named urgent (counters), are on disk when `append` returns, together with every reading that
waited; other readings are written in groups, at most a second after they were given.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from contracts.codec import encode
from contracts.instants import Instant
from contracts.ranges import Ranges
from contracts.records import InputRefused, Reading, Record
from edge.journal.file import LARGEST_RECORD, JournalError, Piece, Row
from edge.journal.opening import open_file

log = logging.getLogger(__name__)

GROUPING = 1.0
"""Seconds that a reading may wait for company before it is on disk."""
LARGEST_GROUP = 2_000
"""Readings; more than that are not left waiting in memory."""
WARNINGS = (0.9, 0.7)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a journal may keep: bytes on disk, and the time (µs) that they should last."""

    largest: int = 2 * 2**30
    keep: int | None = None


class Gauge:
    """How much of the budget is in use; warns once at each level."""

    def __init__(self, path: Path, budget: Budget) -> None:
        self._path = path
        self._budget = budget
        self._warned = 0.0
        self.fill = 0.0
        """Share in use, 0 to 1: of the bytes or of the time, whichever is greater."""

    def weigh(self, used: int, oldest: Instant | None, now: Instant) -> None:
        """Take note of the bytes in use and of the oldest record's time."""
        fill = used / self._budget.largest
        if oldest is not None and self._budget.keep:
            fill = max(fill, (now - oldest) / self._budget.keep)
        self.fill = min(max(fill, 0.0), 1.0)
        reached = next((level for level in WARNINGS if self.fill >= level), 0.0)
        if reached > self._warned:
            log.warning(
                "%s: %.0f %% of the budget is in use; bring the gateway back, or raise"
                " journal.largest",
                self._path,
                100 * self.fill,
            )
        if reached > self._warned or self.fill < self._warned - 0.05:
            self._warned = reached


class Journal:
    """An open journal; use it as a context manager, and let `run` write what waits."""

    def __init__(
        self,
        path: Path,
        now: Callable[[], Instant],
        budget: Budget = Budget(),
        urgent: frozenset[str] = frozenset(),
        stream: str | None = None,
    ) -> None:
        self.path = path
        self._now = now
        self._budget = budget
        self._urgent = urgent
        self._given_stream = stream
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._turn = asyncio.Lock()
        self._waiting: list[Row] = []
        self._notes: dict[str, bytes | None] = {}
        self._memory: dict[str, bytes] = {}
        self._something = asyncio.Event()
        self._failure: JournalError | None = None
        self._gauge = Gauge(path, budget)
        self._tellers: list[Callable[[int, Ranges], None]] = []

    async def __aenter__(self) -> Self:
        try:
            self._file, wrong = await self._in_thread(
                lambda: open_file(self.path, self._now(), self._given_stream)
            )
        except BaseException:
            self._thread.shutdown()
            raise
        self._memory = dict(self._file.memory)
        self._begun = self._file.last + 1
        self._gauge.weigh(*await self._in_thread(self._file.load), self._now())
        if wrong:
            await self.append([InputRefused(self._now(), "journal", wrong)])
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            if self._failure is None:
                await self.flush()
        finally:
            await self._in_thread(self._file.close)
            self._thread.shutdown()

    @property
    def fill(self) -> float:
        """Share of the budget in use, 0 to 1."""
        return self._gauge.fill

    @property
    def stream(self) -> str:
        """The random id born with the file."""
        return self._file.stream

    @property
    def last(self) -> int:
        """The number of the newest record on disk; 0 when there never was one."""
        return self._file.last

    @property
    def pending(self) -> Ranges:
        """The numbers that were on disk at the opening, and those that came since."""
        begun, last = self._begun, self._file.last
        return self._file.pending.union([(begun, last)] if last >= begun else [])

    def tell(self, teller: Callable[[int, Ranges], None]) -> None:
        """Ask to be called after each write with the last number and what was thinned for it."""
        self._tellers.append(teller)

    async def append(
        self, records: Sequence[Record], remember: Mapping[str, bytes | None] | None = None
    ) -> None:
        """Journal facts; see `edge.journal.port.Diary`. Raises JournalError."""
        if self._failure is not None:
            raise self._failure
        rows = [self._row(record) for record in records]
        self._waiting += rows
        for key, value in (remember or {}).items():
            self._notes[key] = value
            if value is None:
                self._memory.pop(key, None)
            else:
                self._memory[key] = value
        if remember or len(self._waiting) > LARGEST_GROUP or any(not row.point for row in rows):
            await self.flush()
        elif rows:
            self._something.set()

    async def flush(self) -> None:
        """Have everything that was appended so far on disk, whoever is cancelled meanwhile."""
        await asyncio.shield(asyncio.create_task(self._write(), name="journal write"))

    def recall(self, prefix: str) -> dict[str, bytes]:
        """Give what was remembered under keys that begin with `prefix`."""
        return {key: value for key, value in self._memory.items() if key.startswith(prefix)}

    async def prune(self, ranges: Ranges) -> None:
        """Forget what the gateway has committed. Raises JournalError."""
        await self._in_thread(lambda: self._file.prune(ranges))
        self._gauge.weigh(*await self._in_thread(self._file.load), self._now())

    async def disown(self, reason: str) -> JournalError:
        """Give up this file: the next start sets it aside. Raise what this returns."""
        self._failure = await self._in_thread(lambda: self._file.disown(reason))
        return self._failure

    async def read(self, first: int, last: int, limit: int, largest: int) -> Piece | None:
        """Give consecutive records from `first` on, or from the next that is kept."""
        return await self._in_thread(lambda: self._file.read(first, last, limit, largest))

    async def run(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Write what waits, once a second; raises JournalError when the disk refuses."""
        while True:
            await self._something.wait()
            if self._failure is not None:
                raise self._failure
            await sleep(GROUPING)
            self._something.clear()
            await self.flush()

    def _row(self, record: Record) -> Row:
        body = encode(record)
        if len(body) > LARGEST_RECORD:
            raise ValueError(
                f"{type(record).__name__} of {len(body)} bytes; a record has at most"
                f" {LARGEST_RECORD}"
            )
        if isinstance(record, Reading) and record.point not in self._urgent:
            return Row(record.at, record.point, body)
        return Row(record.at, None, body)

    async def _write(self) -> None:
        async with self._turn:
            if self._failure is not None:
                raise self._failure
            rows, self._waiting = self._waiting, []
            notes, self._notes = self._notes, {}
            if not rows and not notes:
                return
            at = self._now()
            try:
                done, load = await self._in_thread(
                    lambda: (
                        self._file.append(rows, notes, self._budget.largest, at),
                        self._file.load(),
                    )
                )
            except JournalError as error:
                self._failure = error
                self._something.set()
                raise
        self._gauge.weigh(*load, self._now())
        for teller in self._tellers:
            teller(done.last, done.thinned)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
