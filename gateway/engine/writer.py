"""The writer's thread: a store, and a memory of it that is never ahead of the disk.

Whenever a transaction fails the memory is dropped, and built again from the disk before the next.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from config.site import Site
from contracts.instants import Instant
from gateway.devices.snapshot import EMPTY
from gateway.ingest import quarantine
from gateway.ingest.pipeline import Ingest, Outcome
from gateway.ingest.validation import Arrived
from gateway.storage.sqlite import Store, StoreError

T = TypeVar("T")


class Written(NamedTuple, Generic[T]):
    """What came of it, and what is to be done now that it is on disk."""

    result: T
    outcome: Outcome


class Writer:
    """All that writes. Every method runs in one and the same thread."""

    def __init__(self, site: Site, path: Path, now: Callable[[], Instant]) -> None:
        """Open the store; raise StoreError."""
        self._site = site
        self._now = now
        self._started = now()
        self._picture = EMPTY
        self._store = Store(path)
        self._ingest: Ingest | None = None
        try:
            self.ingest()
        except sqlite3.Error as error:
            self._store.close()
            raise StoreError(f"{path} cannot be used: {error}; check the disk") from error
        except BaseException:
            self._store.close()
            raise

    def close(self) -> None:
        """Close the store."""
        self._ingest = None
        self._store.close()

    def ingest(self) -> Ingest:
        """Give the memory of the store, built from the disk where there is none."""
        if self._ingest is None:
            self._ingest = Ingest(self._site, self._store, self._started, self._picture)
        return self._ingest

    def forget(self) -> None:
        """Drop a memory that may be ahead of the disk."""
        if self._ingest is not None:
            self._picture = self._ingest.snapshot_builder.picture
            self._ingest = None

    def reopen(self) -> None:
        """After trouble with the disk: begin again with a new connection; raise StoreError."""
        self.forget()
        self._store.reopen()

    def tick(self) -> Written[Instant | None]:
        """Let time pass; say when something wants to be looked at again."""
        ingest = self.ingest()
        outcome = ingest.tick(self._now())
        return Written(ingest.watchdog.wake_at, outcome)

    def ask(self, work: Callable[[Ingest], T]) -> Written[T]:
        """Do something in one transaction; what it raises undoes it."""
        ingest = self.ingest()
        try:
            with ingest.store.transaction():
                result = work(ingest)
        except BaseException:
            self.forget()
            raise
        return Written(result, ingest.outcome())

    def take(self, messages: Sequence[Arrived]) -> Written[None]:
        """Take what arrived; when something in it is poison, only that is set aside."""
        return Written(None, quarantine.take(self, messages, self._now))
