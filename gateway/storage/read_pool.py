"""The store as readers see it: read-only, in threads, so that no page ever delays a reading.

Questions are functions of a connection; they stand beside this module by subject.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from runtime.database import Connect, Connection, DatabaseError, close, transaction

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
"""Questions answered at once. More would only share the same disk and processor."""
PATIENCE = 2.0
"""Seconds that a reader waits for a lock of the writer."""


class ArchiveError(Exception):
    """The store cannot be read; says which file and what to do."""


@dataclass(slots=True, eq=False)
class _Reader:
    """One connection, which answers one question at a time."""

    connection: Connection | None = None
    given_up: bool = False

    def give_up(self) -> None:
        self.given_up = True
        if self.connection is not None:
            self.connection.interrupt()


class Archive:
    """Answers questions about one store file, which need not be there yet.

    Which reader is busy is known to the loop alone. The threads, at least as many as there are
    readers, become the archive's own.
    """

    def __init__(
        self, path: Path, connect: Connect, threads: Executor, readers: int = READERS
    ) -> None:
        self.path = path
        self._connect = connect
        self._threads = threads
        self._turns = asyncio.Semaphore(readers)
        self._free: list[_Reader] = []
        self._busy: set[_Reader] = set()

    async def ask(
        self,
        question: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Answer a question in a thread; raise ArchiveError.

        A caller that is cancelled (its deadline has passed) also stops the query.
        """
        await self._turns.acquire()
        reader = self._free.pop() if self._free else _Reader()
        self._busy.add(reader)
        work = partial(self._answer, reader, lambda store: question(store, *args, **kwargs))
        job = asyncio.get_running_loop().run_in_executor(self._threads, work)
        job.add_done_callback(partial(self._answered, reader))
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            reader.give_up()
            raise

    def close(self) -> None:
        """Stop the readers and close their connections."""
        for reader in self._busy:
            reader.give_up()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for reader in (*self._busy, *self._free):
            if reader.connection is not None:
                close(reader.connection)
        self._free.clear()

    def _answered(self, reader: _Reader, _: "asyncio.Future[Any]") -> None:
        reader.given_up = False
        self._busy.remove(reader)
        self._free.append(reader)
        self._turns.release()

    def _answer(self, reader: _Reader, question: Callable[[Connection], T]) -> T:
        try:
            if reader.connection is None:
                reader.connection = self._connect(self.path, read_only=True, patience=PATIENCE)
            if reader.given_up:
                raise ArchiveError(f"nobody waits for this answer of {self.path.name} any more")
            # One picture of the store for the whole question.
            with transaction(reader.connection, "DEFERRED"):
                return question(reader.connection)
        except DatabaseError as error:
            raise ArchiveError(
                f"the store {self.path.name} cannot be read: {error}; see the gateway's log"
            ) from error
