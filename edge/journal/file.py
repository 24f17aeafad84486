"""An edge's journal on disk: one SQLite file, one writer, one checkpointer.

Everything here blocks; `edge.journal.journal` calls it from its one thread. The file keeps
records under gapless sequence numbers from 1 (AUTOINCREMENT: a number is never given twice, even
when all rows have been pruned) and small remembered values, changed in the same transactions.
"""

import logging
import os
import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from contracts.codec import encode
from contracts.instants import Instant
from contracts.ranges import Ranges
from contracts.records import JournalThinned

log = logging.getLogger(__name__)

ISLANDS = """
SELECT min(seq), max(seq)
FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM record)
GROUP BY island
"""

LARGEST_RECORD = 900_000
"""Bytes; a record must fit into a batch."""
SLICE = 20_000
"""Rows looked at in one step of thinning; its JournalThinned stays well below a batch."""
RESERVE = 4 * 2**20
"""Bytes kept in a file of their own, given up when the disk is full so that thinning can work."""


class JournalError(Exception):
    """The journal cannot be written or read: the process cannot go on. Says what to do."""


class Row(NamedTuple):
    """A record ready to be written."""

    at: Instant
    point: str | None
    """Of a reading that may be thinned when the budget is used up; None keeps it."""
    body: bytes


class Piece(NamedTuple):
    """Consecutive records: `bodies[i]` has sequence number `first + i`."""

    first: int
    bodies: list[bytes]


class Appended(NamedTuple):
    """What one transaction did: the last number given, and the numbers given up to make room."""

    last: int
    thinned: Ranges


class JournalFile:
    """An open journal. All methods raise JournalError."""

    def __init__(self, path: Path, lock: IO[str], db: sqlite3.Connection) -> None:
        self._path = path
        self._lock = lock
        self._db = db
        self._thinned_to = 0
        self._hopeless = False
        self.stream = str(db.execute("SELECT stream FROM about").fetchone()[0])
        found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        self.last = int(found[0]) if found else 0
        self.pending = Ranges(db.execute(ISLANDS).fetchall())
        self.memory: dict[str, bytes] = dict(db.execute("SELECT key, value FROM memory"))

    def append(
        self, rows: Sequence[Row], memory: Mapping[str, bytes | None], largest: int, at: Instant
    ) -> Appended:
        """Write in one durable transaction, thinning old readings when `largest` is reached."""
        thinned = Ranges()
        try:
            self._write(rows, memory)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                raise self._fatal(error) from error
            thinned = self._make_room(at)
            try:
                self._write(rows, memory)
            except sqlite3.Error as again:
                raise self._fatal(again) from again
        if self.used() < largest:
            self._hopeless = False
        elif not self._hopeless:
            thinned = thinned.union(self._within_budget(largest, at))
        return Appended(self.last, thinned)

    def prune(self, ranges: Ranges) -> None:
        """Forget records that the gateway has committed."""
        try:
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._db.executemany("DELETE FROM record WHERE seq BETWEEN ? AND ?", ranges)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", None) != sqlite3.SQLITE_FULL:
                raise self._fatal(error) from error
            log.warning("%s: disk full while pruning; free some space", self._path)
        else:
            keep_reserve(reserve_of(self._path))

    def read(self, first: int, last: int, limit: int, largest: int) -> Piece | None:
        """Give consecutive records, at most `limit` and about `largest` bytes, at least one.

        The first may be later than `first` when that number is no longer kept; None: nothing left.
        """
        bodies: list[bytes] = []
        begin, size = first, 0
        query = "SELECT seq, body FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
        try:
            for seq, body in self._db.execute(query, (first, last, limit)):
                if not bodies:
                    begin = seq
                elif seq != begin + len(bodies) or size + len(body) + 1 > largest:
                    break
                bodies.append(body)
                size += len(body) + 1
        except sqlite3.Error as error:
            raise self._fatal(error) from error
        return Piece(begin, bodies) if bodies else None

    def used(self) -> int:
        """Count the bytes in use; pages that pruning freed are used again and do not count."""
        pages = self._db.execute("PRAGMA page_count").fetchone()[0]
        free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
        return int(pages - free) * int(self._db.execute("PRAGMA page_size").fetchone()[0])

    def load(self) -> tuple[int, Instant | None]:
        """Give the bytes in use, and when the oldest record that is kept became true."""
        try:
            found = self._db.execute("SELECT at FROM record ORDER BY seq LIMIT 1").fetchone()
            return self.used(), int(found[0]) if found else None
        except sqlite3.Error as error:
            raise self._fatal(error) from error

    def disown(self, reason: str) -> JournalError:
        """Have the next start set this file aside and begin a new stream."""
        suspect_of(self._path).write_text(reason, encoding="utf-8")
        return JournalError(
            f"{self._path}: {reason}; the next start sets the file aside and begins a new one"
        )

    def close(self) -> None:
        """Close the file and let go of its lock."""
        self._db.close()
        self._lock.close()

    def _write(self, rows: Sequence[Row], memory: Mapping[str, bytes | None]) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._insert(rows)
            self._db.executemany(
                "DELETE FROM memory WHERE key = ?",
                [(key,) for key, value in memory.items() if value is None],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO memory (key, value) VALUES (?, ?)",
                [(key, value) for key, value in memory.items() if value is not None],
            )
        self.last += len(rows)

    def _insert(self, rows: Sequence[Row]) -> None:
        self._db.executemany(
            "INSERT INTO record (seq, at, point, body) VALUES (?, ?, ?, ?)",
            [(seq, *row) for seq, row in enumerate(rows, self.last + 1)],
        )

    def _within_budget(self, largest: int, at: Instant) -> Ranges:
        """Thin until a tenth of the budget is free again, or nothing is left to thin."""
        thinned = Ranges()
        while self.used() >= largest * 9 // 10:
            step = self._thin(at, "the journal's budget is used up")
            if not step:
                self._hopeless = True
                log.error(
                    "%s: %d bytes used of %d and nothing left to thin; events are never given up."
                    " Bring the gateway back, or raise journal.largest",
                    self._path,
                    self.used(),
                    largest,
                )
                break
            thinned = thinned.union(step)
        return thinned

    def _make_room(self, at: Instant) -> Ranges:
        """Give up the reserve and thin once; what cannot be done is left to the retry."""
        log.error("%s: disk full; thinning old readings. Free some space", self._path)
        reserve_of(self._path).unlink(missing_ok=True)
        try:
            thinned = self._thin(at, "the disk is full")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            raise self._fatal(error) from error
        return thinned

    def _thin(self, at: Instant, reason: str) -> Ranges:
        """Give up every second old reading of each point in a slice of the oldest half.

        Survivors are deleted and written again, because rows taken out here and there would
        leave half-empty pages that SQLite uses for nothing else.
        """
        rows = self._slice(self._thinned_to + 1)
        gone = _every_second(rows)
        if not gone and self._thinned_to:
            rows = self._slice(1)
            gone = _every_second(rows)
        if not gone:
            return Ranges()
        ranges = Ranges((seq, seq) for seq, _ in gone)
        moments = [when for _, when in gone]
        notice = JournalThinned(
            at, tuple((low, high) for low, high in ranges), min(moments), max(moments), reason
        )
        lost = {seq for seq, _ in gone}
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(
                "DELETE FROM record WHERE seq BETWEEN ? AND ?", (rows[0][0], rows[-1][0])
            )
            self._db.executemany(
                "INSERT INTO record (seq, at, point, body) VALUES (?, ?, ?, ?)",
                [row for row in rows if row[0] not in lost],
            )
            self._insert([Row(at, None, encode(notice))])
        self.last += 1
        self._thinned_to = rows[-1][0] if len(rows) == SLICE else 0
        log.warning("%s: %s; gave up %d old readings", self._path, reason, len(gone))
        return ranges

    def _slice(self, begin: int) -> list[tuple[int, int, str | None, bytes]]:
        """Give rows of the oldest half of the readings, from the first at or after `begin` on."""
        (middle,) = self._db.execute(
            "SELECT seq FROM record WHERE point IS NOT NULL ORDER BY seq LIMIT 1"
            " OFFSET (SELECT count(*) / 2 FROM record WHERE point IS NOT NULL)"
        ).fetchone() or (0,)
        return self._db.execute(
            "SELECT seq, at, point, body FROM record WHERE seq BETWEEN"
            " (SELECT min(seq) FROM record WHERE point IS NOT NULL AND seq >= ?) AND ?"
            " ORDER BY seq LIMIT ?",
            (begin, middle, SLICE),
        ).fetchall()

    def _fatal(self, error: sqlite3.Error) -> JournalError:
        if getattr(error, "sqlite_errorcode", None) in (
            sqlite3.SQLITE_CORRUPT,
            sqlite3.SQLITE_NOTADB,
        ):
            return self.disown(str(error))
        return JournalError(
            f"{self._path}: {error}; free some space or replace the disk, then start the edge again"
        )


def _every_second(rows: Sequence[tuple[int, int, str | None, bytes]]) -> list[tuple[int, int]]:
    """Choose (number, instant) of every second reading of each point; the first one stays."""
    seen: dict[str, int] = defaultdict(int)
    gone: list[tuple[int, int]] = []
    for seq, at, point, _ in rows:
        if point is not None:
            seen[point] += 1
            if seen[point] % 2 == 0:
                gone.append((seq, at))
    return gone


def reserve_of(path: Path) -> Path:
    """Name the file that keeps a little space free for the journal."""
    return path.with_name(path.name + ".reserve")


def suspect_of(path: Path) -> Path:
    """Name the mark that a journal was found unusable while it was in use; it says why."""
    return path.with_name(path.name + ".suspect")


def keep_reserve(reserve: Path) -> None:
    """Set some space aside, when it is not yet; a full disk is not yet an error."""
    if reserve.exists():
        return
    try:
        with reserve.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE)
    except OSError:
        reserve.unlink(missing_ok=True)
