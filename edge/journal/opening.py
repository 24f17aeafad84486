"""Opens an edge's journal: one process at a time, and a damaged file is set aside, not lost."""

import fcntl
import logging
import secrets
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from contracts.instants import Instant
from edge.journal.file import JournalError, JournalFile, keep_reserve, reserve_of, suspect_of

log = logging.getLogger(__name__)

VERSION = 1
SCHEMA = """
CREATE TABLE about (stream TEXT NOT NULL, begun INTEGER NOT NULL) STRICT;
CREATE TABLE record (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    point TEXT,               -- of a reading that may be thinned; NULL: never thin this
    body  BLOB NOT NULL       -- JSON, as it goes on the wire
) STRICT;
CREATE TABLE memory (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""


def open_file(
    path: Path, at: Instant, stream: str | None = None, patience: float = 5.0
) -> tuple[JournalFile, str]:
    """Open or begin a journal; also give what was wrong with a file that was set aside, or "".

    A damaged file is kept as `….corrupt-<instant>` and a new journal (a new stream) begins. The
    check takes at most `patience` seconds. Raises JournalError when another process has it open,
    when a newer program wrote it, and when the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_name(path.name + ".lock").open("w")
    except OSError as error:
        raise JournalError(f"{path.parent}: {error}; give a directory that can be written") from (
            error
        )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise JournalError(f"{path} is in use by another process; stop that one first") from error
    try:
        wrong = _set_aside(path, at, patience) if path.exists() else ""
        db = _begin(path, at, stream or secrets.token_hex(8))
        keep_reserve(reserve_of(path))
        return JournalFile(path, lock, db), wrong
    except (sqlite3.Error, OSError) as error:
        lock.close()
        raise JournalError(
            f"{path}: {error}; free some space or replace the disk, then start the edge again"
        ) from error
    except JournalError:
        lock.close()
        raise


def _connect(path: Path) -> sqlite3.Connection:
    # The one thread of edge.journal uses it, but another may have opened it.
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    db.execute("PRAGMA journal_mode = WAL").fetchall()
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA wal_autocheckpoint = 1000").fetchall()
    db.execute("PRAGMA journal_size_limit = 8388608").fetchall()
    return db


def _begin(path: Path, at: Instant, stream: str) -> sqlite3.Connection:
    db = _connect(path)
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        db.close()
        raise JournalError(
            f"{path} was written by a newer program (format {version}, this one knows {VERSION});"
            " install that version again"
        )
    if version == 0:
        with db:
            db.execute("BEGIN IMMEDIATE")
            for statement in SCHEMA.split(";\n"):
                db.execute(statement)
            db.execute("INSERT INTO about (stream, begun) VALUES (?, ?)", (stream, at))
            db.execute(f"PRAGMA user_version = {VERSION}")
    return db


def _set_aside(path: Path, at: Instant, patience: float) -> str:
    """Move a damaged journal out of the way; say what is wrong with it, or "" when it is sound."""
    wrong = _damage(path, patience)
    if suspect_of(path).exists():
        wrong = wrong or suspect_of(path).read_text(encoding="utf-8")
    if not wrong:
        return ""
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(f"{path.name}.corrupt-{at}{suffix}"))
    suspect_of(path).unlink(missing_ok=True)
    wrong = f"{path.name} is unusable ({wrong}); it is kept as {path.name}.corrupt-{at}"
    log.error("%s: %s", path.parent, wrong)
    return wrong


def _damage(path: Path, patience: float) -> str:
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as db:
            if db.execute("PRAGMA user_version").fetchone()[0] > VERSION:
                return ""
            # A large file is looked at for a while only: a late start is worse than late news.
            alarm = threading.Timer(patience, db.interrupt)
            alarm.start()
            try:
                verdict = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
                verdict = "ok"
            finally:
                alarm.cancel()
            if verdict != "ok":
                return verdict
            if db.execute("PRAGMA user_version").fetchone()[0] == VERSION:
                db.execute("SELECT stream FROM about").fetchone()[0]
                db.execute("SELECT max(seq) FROM record").fetchone()
                db.execute("SELECT count(*) FROM memory").fetchone()
            elif db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return "it holds the tables of something else"
            return ""
    except sqlite3.DatabaseError as error:
        fatal = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        if isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode in fatal:
            raise
        return str(error)
    except TypeError:
        return "its first table is empty"
