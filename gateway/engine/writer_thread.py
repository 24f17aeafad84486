"""Feeds the one thread that writes: messages, the passing of time, and what people ask for.

When the store cannot be written nothing is acknowledged; what arrived is tried again until it can,
and edges send again whatever had to be let go of meanwhile.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TypeVar

from config.site import Site
from contracts.instants import SECOND, Instant
from gateway.engine.facts import AlarmKey, ClearAlarm, RaiseAlarm
from gateway.engine.writer import Writer, Written
from gateway.ingest.pipeline import Ingest, Outcome
from gateway.ingest.validation import Arrived
from gateway.storage.sqlite import StoreError
from runtime.database import Connect, DatabaseError

log = logging.getLogger(__name__)
T = TypeVar("T")

LARGEST_CHUNK = 192 * 1024
"""Bytes of messages in one transaction: about two thousand readings, about 20 ms."""
LARGEST_INBOX = 64 * 2**20
LONGEST_PAUSE = 5.0
UNWRITABLE = AlarmKey("store", "gateway", "unwritable")


class WriterThread:
    """Feeds the writer. `perform` gets every outcome, in order, after its commit.

    The executor has one thread, and becomes this one's own.
    """

    def __init__(
        self,
        now: Callable[[], Instant],
        perform: Callable[[Outcome], Awaitable[None]],
        thread: Executor,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._now = now
        self._perform = perform
        self._sleep = sleep
        self._thread = thread
        self._writer: Writer | None = None
        self._inbox: deque[Arrived] = deque()
        self._bytes = 0
        self._arrived = asyncio.Event()
        self._failing_since: Instant = 0
        self._resuming = False
        self.let_go = 0
        """Messages that found the inbox full; edges send them again."""

    async def open(self, site: Site, path: Path, connect: Connect) -> None:
        """Open the store; raise StoreError."""
        self._writer = await self._in_thread(lambda: Writer(site, path, self._now, connect))

    async def close(self) -> None:
        """Close the store, after whatever is being written."""
        if self._writer is not None:
            await self._in_thread(self._writer.close)
            self._writer = None
        self._thread.shutdown()

    def offer(self, message: Arrived) -> None:
        """Take a message; never waits."""
        if self._bytes > LARGEST_INBOX and message.address.channel == "journal":
            if not self.let_go:
                log.warning("the inbox is full: letting go of batches; edges will send them again")
            self.let_go += 1
            return
        self._inbox.append(message)
        self._bytes += len(message.payload)
        self._arrived.set()

    async def run(self) -> None:
        """Write what arrives, until cancelled."""
        while True:
            await self._arrived.wait()
            messages = self._next()
            await self._persist(partial(Writer.take, messages=messages))
            if not self._inbox:
                self._arrived.clear()

    async def keep_time(self) -> None:
        """Let time pass, every second and whenever something wants to be looked at again."""
        while True:
            wake = await self._persist(Writer.tick)
            pause = 1.0 if wake is None else (wake - self._now()) / SECOND
            await self._sleep(min(max(pause, 0.05), 1.0))

    async def ask(self, work: Callable[[Ingest], T]) -> T:
        """Do something in one transaction of the writer; raise DatabaseError when it cannot."""
        writer = self._opened()
        result, outcome = await self._in_thread(lambda: writer.ask(work))
        await self._perform(outcome)
        return result

    def _opened(self) -> Writer:
        if self._writer is None:
            raise StoreError("the store is not open")
        return self._writer

    def _next(self) -> list[Arrived]:
        messages: list[Arrived] = []
        size = 0
        while self._inbox and (not messages or size + len(self._inbox[0].payload) <= LARGEST_CHUNK):
            message = self._inbox.popleft()
            messages.append(message)
            size += len(message.payload)
        self._bytes -= size
        return messages

    async def _persist(self, work: Callable[[Writer], Written[T]]) -> T:
        """Repeat until it is on disk, then carry out what follows from it."""
        writer = self._opened()
        pause = 0.1
        while True:
            try:
                result, outcome = await self._in_thread(lambda: work(writer))
                break
            except (DatabaseError, StoreError) as error:
                self._say_once(error)
                await self._reopen(writer)
                await self._sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
        await self._perform(outcome)
        if self._failing_since:
            await self._resumed()
        return result

    def _say_once(self, error: Exception) -> None:
        if not self._failing_since:
            self._failing_since = self._now()
            log.error("the store cannot be written; trying again until it can", exc_info=error)

    async def _reopen(self, writer: Writer) -> None:
        try:
            await self._in_thread(writer.reopen)
        except (DatabaseError, StoreError) as error:
            log.debug("the store cannot be opened again yet: %s", error)

    async def _resumed(self) -> None:
        """Say that it can be written when that is written: what changed nothing proves nothing."""
        if self._resuming:
            return
        self._resuming = True
        since = self._failing_since

        def note(ingest: Ingest) -> None:
            now = self._now()
            effects = (RaiseAlarm(UNWRITABLE, since, "high"), ClearAlarm(UNWRITABLE, now))
            ingest.alarms.apply(effects, now)

        try:
            await self._persist(partial(Writer.ask, work=note))
        finally:
            self._resuming = False
        self._failing_since = 0
        log.warning("the store can be written again after %d s", (self._now() - since) // SECOND)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Run in the writer's thread; what was begun is finished even when nobody waits for it."""
        loop = asyncio.get_running_loop()
        return await asyncio.shield(loop.run_in_executor(self._thread, work))
