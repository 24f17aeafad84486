"""The store's file: one writer, one schema, nothing half done.

Every connection but the writer's is read-only, and only the writer moves the write-ahead log into
the database: with two doing so, SQLite before 3.51.3 can corrupt the file.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

APPLICATION = 0x57656E4C
"""`WenL`, in the file's header (PRAGMA application_id)."""
WAL_PAGES = 4000
"""Pages of 4 KiB in the write-ahead log after which the writer moves them to their places."""

QUERY_MARK = "-- name: "


def named(path: Path) -> dict[str, str]:
    """Read statements, each below a line `-- name: …`."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(QUERY_MARK):
            lines = found[line.removeprefix(QUERY_MARK).strip()] = []
        else:
            lines.append(line)
    return {name: "\n".join(text).strip() for name, text in found.items()}


SQL = named(Path(__file__).with_name("queries.sql"))

MIGRATIONS: Sequence[str] = (Path(__file__).with_name("schema.sql").read_text(encoding="utf-8"),)
"""`MIGRATIONS[n]` turns schema n into schema n + 1."""


class StoreError(Exception):
    """The store cannot be used; says which file, why, and what to do."""


class Store:
    """The writer's connection. Use it from the thread that opened it."""

    def __init__(self, path: Path) -> None:
        """Lock, open and migrate; raise StoreError."""
        self.path = path
        self._lock = _locked(path)
        try:
            self.connection = _opened(path)
        except BaseException:
            os.close(self._lock)
            raise

    def close(self) -> None:
        """Close the file, and give up the lock."""
        self.connection.close()
        os.close(self._lock)

    def reopen(self) -> None:
        """Begin again with a new connection, keeping the lock; raise StoreError."""
        self.connection.close()
        self.connection = _opened(self.path)

    def one(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        """Run a named statement and give its first row."""
        row: tuple[Any, ...] | None = self.connection.execute(SQL[name], values).fetchone()
        return row

    def rows(self, name: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run a named statement and give its rows."""
        return self.connection.execute(SQL[name], values).fetchall()

    def each(self, name: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Run a named statement and give its rows as they are found."""
        with closing(self.connection.execute(SQL[name], values)) as cursor:
            yield from cursor

    def run(self, name: str, *values: Any) -> None:
        """Run a named statement."""
        self.connection.execute(SQL[name], values)

    def many(self, name: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a named statement for each row."""
        self.connection.executemany(SQL[name], rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on disk at the end."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.connection.execute("COMMIT")
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise


def _locked(path: Path) -> int:
    lock = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"{lock} cannot be opened: {error}; check the folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"{path} is in use by another gateway; stop that one, or give this one another folder"
        ) from error
    return descriptor


def _opened(path: Path) -> sqlite3.Connection:
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        configure(connection)
        migrate(connection, path)
    except (sqlite3.Error, StoreError) as error:
        if connection is not None:
            connection.close()
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} cannot be opened: {error}; check the disk") from error
    return connection


def configure(connection: sqlite3.Connection) -> None:
    """Set what the writer's connection must have."""
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA cache_size = -65536")


def migrate(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str] = MIGRATIONS
) -> None:
    """Bring the schema to its newest form, step by step; refuse a file that is not ours."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    used = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if application not in (0, APPLICATION) or (application == 0 and used):
        raise StoreError(f"{path} is another program's database; give another folder")
    if version > len(migrations):
        raise StoreError(
            f"{path} has schema {version}, this program knows {len(migrations)};"
            " start the newer program, or restore an older copy"
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script};"
            f" PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {number}; COMMIT"
        )
