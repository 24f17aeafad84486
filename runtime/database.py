"""SQLite, through apsw: the one module that knows which library reaches it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeAlias

import apsw

Connection: TypeAlias = apsw.Connection
Cursor: TypeAlias = apsw.Cursor

DatabaseError: TypeAlias = apsw.Error
"""Whatever SQLite answers; `failure` sorts it by what can be done about it."""

SQLITE_VERSION: Final = apsw.sqlite_lib_version()


class Failure(Enum):
    """What went wrong, sorted by what the caller may do."""

    FULL = "full"
    """No room: make some, then write again."""
    IO = "io"
    """The disk, its rights or another process refuses for now: open anew and try again."""
    CORRUPT = "corrupt"
    """The file is not what was written, as far as was read: look again through a new connection."""
    INTERRUPTED = "interrupted"
    """Somebody called `interrupt`."""
    REFUSED = "refused"
    """The values break a rule of the schema or a bound: they will be refused again."""
    PROGRAM = "program"
    """The statement is wrong, or the connection is used wrongly."""


_FAILURES: Final = {
    apsw.SQLITE_FULL: Failure.FULL,
    apsw.SQLITE_IOERR: Failure.IO,
    apsw.SQLITE_CANTOPEN: Failure.IO,
    apsw.SQLITE_BUSY: Failure.IO,
    apsw.SQLITE_LOCKED: Failure.IO,
    apsw.SQLITE_READONLY: Failure.IO,
    apsw.SQLITE_PERM: Failure.IO,
    apsw.SQLITE_AUTH: Failure.IO,
    apsw.SQLITE_PROTOCOL: Failure.IO,
    apsw.SQLITE_NOMEM: Failure.IO,
    apsw.SQLITE_NOLFS: Failure.IO,
    apsw.SQLITE_CORRUPT: Failure.CORRUPT,
    apsw.SQLITE_NOTADB: Failure.CORRUPT,
    apsw.SQLITE_INTERRUPT: Failure.INTERRUPTED,
    apsw.SQLITE_CONSTRAINT: Failure.REFUSED,
    apsw.SQLITE_MISMATCH: Failure.REFUSED,
    apsw.SQLITE_TOOBIG: Failure.REFUSED,
}


UNACCEPTABLE: Final = (apsw.ConstraintError, apsw.MismatchError, apsw.TooBigError)
"""The errors that `failure` sorts as REFUSED, for a handler that takes those alone."""


def failure(error: DatabaseError) -> Failure:
    """Sort an error by its primary code; what apsw says of itself carries none."""
    code: int = getattr(error, "result", apsw.SQLITE_MISUSE)
    return _FAILURES.get(code & 0xFF, Failure.PROGRAM)


class Connect(Protocol):
    """Opens a database; what a composition hands down. `connect` is the system's."""

    def __call__(
        self,
        path: Path,
        *,
        read_only: bool = False,
        patience: float = 5.0,
        statements: int = 100,
    ) -> Connection:
        """Open a file; raise DatabaseError."""
        ...


def connect(
    path: Path,
    *,
    vfs: str = "",
    read_only: bool = False,
    patience: float = 5.0,
    statements: int = 100,
) -> Connection:
    """Open a file for writing, or one that is there for reading; raise DatabaseError.

    A commit of the writer is on disk when it returns (a write-ahead log, and FULL). `patience` is
    how long a lock of another process is waited for, in seconds; `statements` how many are kept
    prepared; `vfs` names the file layer, "" is the system's. A connection serves one thread at a
    time; `interrupt` may be called from any.
    """
    flags = (
        apsw.SQLITE_OPEN_READONLY
        if read_only
        else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    )
    connection = apsw.Connection(str(path), flags, vfs or None, statements)
    try:
        connection.set_busy_timeout(round(1000 * patience))
        if read_only:
            connection.pragma("query_only", 1)
            connection.pragma("wal_autocheckpoint", 0)
        else:
            _promise(connection, path)
    except BaseException:
        close(connection)
        raise
    return connection


def close(connection: Connection) -> None:
    """Close, on a sick disk too: what was committed is in the log, and is found there."""
    with suppress(DatabaseError):
        connection.close()


def _promise(connection: Connection, path: Path) -> None:
    mode = connection.pragma("journal_mode", "wal")
    if mode != "wal":
        raise apsw.CantOpenError(f"{path} lies where no write-ahead log can be kept, only {mode}")
    connection.pragma("synchronous", "full")


def rows(
    connection: Connection, statement: str, values: Sequence[Any] = ()
) -> list[tuple[Any, ...]]:
    """Give every row that a question has."""
    return connection.execute(statement, values).fetchall()


def one(connection: Connection, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Give the first row of a question that always has one; raise LookupError when it has not."""
    found: tuple[Any, ...] | None = connection.execute(statement, values).fetchone()
    if found is None:
        raise LookupError(f"no row: {statement}")
    return found


@contextmanager
def transaction(
    connection: Connection, mode: Literal["IMMEDIATE", "DEFERRED"] = "IMMEDIATE"
) -> Iterator[None]:
    """All or nothing. A commit that raises may yet be on disk: a reopened file tells.

    DEFERRED, for a reader, holds one picture of the file for all its questions.
    """
    connection.execute(f"BEGIN {mode}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # What the caller must hear is why it failed, not that undoing it failed too: a connection
        # in that state is closed, and SQLite undoes what was not committed when the file is opened.
        with suppress(DatabaseError):
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
