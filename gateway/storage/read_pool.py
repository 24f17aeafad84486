"""The store as readers see it: read-only, in threads, so that no page ever delays a reading.

Questions are functions of a connection; they stand beside this module by subject.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

READERS = 4
"""Questions answered at once. More would only share the same disk and processor."""


class ArchiveError(Exception):
    """The store cannot be read; says which file and what to do."""


class Archive:
    """Answers questions about one store file, which need not be there yet."""

    def __init__(self, path: Path, readers: int = READERS) -> None:
        self.path = path
        self._own = threading.local()
        self._lock = threading.Lock()
        self._opened: list[sqlite3.Connection] = []
        self._busy: dict[object, sqlite3.Connection] = {}
        self._threads = ThreadPoolExecutor(readers, thread_name_prefix="archive")

    async def ask(
        self,
        question: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Answer a question in a thread; raise ArchiveError.

        A caller that is cancelled (its deadline has passed) also stops the query.
        """
        ticket = object()
        job = self._threads.submit(
            partial(self._answer, ticket, lambda store: question(store, *args, **kwargs))
        )
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            job.cancel()
            self._interrupt(ticket)
            raise

    def close(self) -> None:
        """Stop the readers and close their connections."""
        with self._lock:
            for connection in self._busy.values():
                connection.interrupt()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for connection in self._opened:
            connection.close()
        self._opened.clear()

    def _answer(self, ticket: object, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            connection = self._connection()
            with self._lock:
                self._busy[ticket] = connection
            try:
                connection.execute("BEGIN")  # one picture of the store for the whole question
                return question(connection)
            finally:
                with self._lock:
                    del self._busy[ticket]
                connection.rollback()
        except sqlite3.Error as error:
            raise ArchiveError(
                f"the store {self.path.name} cannot be read: {error}; see the gateway's log"
            ) from error

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = read_only(self.path)
            self._own.connection = connection
            with self._lock:
                self._opened.append(connection)
        return connection

    def _interrupt(self, ticket: object) -> None:
        with self._lock:
            connection = self._busy.get(ticket)
            if connection is not None:
                connection.interrupt()


def read_only(path: Path) -> sqlite3.Connection:
    """Open the store so that nothing done with the connection can change it."""
    uri = f"{path.resolve().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA busy_timeout = 2000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
