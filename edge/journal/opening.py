"""Opens an edge's journal, whatever became of it: one process at a time, and nothing in silence.

A file is left, and says so with a closing, when it is damaged (what can be read is carried into a
new one), when it vanished, and when it is behind its witness (an old copy was put back).
"""

import fcntl
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from edge.journal.directory import read_directory
from edge.journal.file import Closing, JournalFile
from edge.journal.salvage import Fresh, Known, begin, note_forgotten, salvage
from edge.journal.schema import VERSION, DamagedError, Life, Stream, Words, save_life
from edge.journal.upgrade import OLD_VERSION, begin_upgrade, move_some, unfinished
from edge.journal.witness import Mark, Witness
from runtime.database import Connect, Connection, DatabaseError, Failure, failure, transaction
from runtime.folder import Folder

log = logging.getLogger(__name__)

CHECKING = 5.0
"""Seconds that a look at the whole file may take at a start: a late start is worse than late
news."""
BESIDE = ("-wal", "-shm")
NEW = ".salvage"


class JournalError(Exception):
    """The journal cannot be opened by this process at all; says what to do."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a journal lies, and how it is reached."""

    folder: Folder
    name: str
    connect: Connect
    monotonic: Callable[[], float]

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder.path / self.name

    @property
    def directory(self) -> str:
        """The name of the copy of what is small."""
        return f"{self.name}.names"

    @property
    def witness(self) -> Witness:
        """What is remembered beside it."""
        return Witness(self.folder, f"{self.name}.witness")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep every other process away; raise JournalError when one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise JournalError(f"{path} is in use by another process; stop that one first") from error
    try:
        yield
    finally:
        os.close(lock)


def open_journal(place: Place, fresh: Fresh, *, thorough: bool = False) -> JournalFile:
    """Open or begin a journal, in the life that `fresh` names.

    `thorough`: look at all of it, however long that takes. Raises JournalError when a newer
    program wrote it; OSError and DatabaseError when the disk refuses, which may pass.
    """
    _finish_renaming(place, fresh.stamp.at)
    mark = place.witness.read()
    wrong = ""
    if place.folder.exists(place.name):
        db, wrong = _look(place, thorough=thorough)
        if db is not None:
            try:
                if not wrong:
                    return _go_on(db, place, fresh, mark)
                db.close()
            except DamagedError as error:
                wrong = str(error)
                db.close()
            except BaseException:
                db.close()
                raise
    if wrong:
        return _replace(place, fresh, mark, wrong)
    return _begin(place, fresh, mark, f"{place.name} has vanished")


def _look(place: Place, *, thorough: bool) -> tuple[Connection | None, str]:
    """Open a file that is there; also say what is wrong with it. None: there is nothing in it."""
    try:
        db = place.connect(place.path)
    except DatabaseError as error:
        if failure(error) is not Failure.CORRUPT:
            raise
        return None, str(error)
    try:
        version = int(db.pragma("user_version"))
        _refuse_newer(place.path, version)
        wrong = _damage(db, place, thorough=thorough)
        if not wrong and db.readonly("main") and _can_be_written(place):
            wrong = "its header calls it write-protected"
        if not wrong and version == 0:
            if db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall():
                wrong = "it holds the tables of something else"
            else:
                db.close()
                return None, ""
    except DatabaseError as error:
        if failure(error) is not Failure.CORRUPT:
            db.close()
            raise
        wrong = str(error)
    except BaseException:
        db.close()
        raise
    return db, wrong


def _can_be_written(place: Place) -> bool:
    """Say whether the disk takes anything beside the file."""
    beside = f"{place.name}.try"
    try:
        place.folder.write(beside, b"")
        place.folder.unlink(beside)
    except OSError:
        return False
    return True


def _refuse_newer(path: Path, version: int) -> None:
    if version > VERSION:
        raise JournalError(
            f"{path} was written by a newer program (format {version}, this one knows"
            f" {VERSION}); install that version again"
        )


def _damage(db: Connection, place: Place, *, thorough: bool) -> str:
    until = place.monotonic() + CHECKING
    if not thorough:
        db.set_progress_handler(lambda: place.monotonic() > until, 100_000)
    try:
        verdict = str(db.pragma("quick_check", 1))
    except DatabaseError as error:
        match failure(error):
            case Failure.INTERRUPTED:
                return ""
            case Failure.CORRUPT:
                return str(error)
        raise
    finally:
        db.set_progress_handler(None)
    return "" if verdict == "ok" else verdict


def _go_on(db: Connection, place: Place, fresh: Fresh, mark: Mark | None) -> JournalFile:
    # After a sync that failed, part of the log may be read and yet be gone after a power cut, and
    # with it whatever is written behind it: all of it goes into the file before anything is added.
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    if int(db.pragma("user_version")) == OLD_VERSION:
        log.info("%s: taken over from an earlier version", place.path)
        begin_upgrade(db)
    if unfinished(db):
        while move_some(db):
            pass
    file = JournalFile(db, fresh.life)
    wrong = objection(file, mark)
    if wrong and mark is not None:
        log.error("%s: %s; a new stream begins", place.path, wrong)
        with transaction(db):
            note_forgotten(db, wrong)
        file.leave(fresh.stream, _closings(file, mark, wrong), fresh.stamp)
    elif all(one.life != fresh.life for one in file.own.lives):
        _begin_life(file)
    place.witness.write(file.mark, sync=True)
    return file


def _begin_life(file: JournalFile) -> None:
    """Enter this start; forget those of which no row is here."""
    changed: dict[int, Stream] = {}
    with transaction(file.db):
        for stream in file.streams.values():
            lives = [
                life
                for life, last in stream.spans
                if len(stream.held.within(life.since, last))
                or (stream.use != "own" and life is stream.lives[-1])
            ]
            if stream.use == "own":
                lives.append(Life(stream.last + 1, file.life))
            file.db.execute("DELETE FROM life WHERE slot = ?", (stream.slot,))
            for life in lives:
                save_life(file.db, stream.slot, life)
            changed[stream.slot] = stream._replace(lives=tuple(lives))
        if not any(len(stream.held) for stream in changed.values()):
            # No row needs a word: those of clock segments long gone would only pile up.
            file.db.execute("DELETE FROM word")
    file.streams.update(changed)
    file.words = Words(file.db)


def objection(file: JournalFile, mark: Mark | None) -> str:
    """Say why this file is not the one that was written last, or ""."""
    if mark is None:
        return ""
    stream = next((one for one in file.streams.values() if one.name == mark.stream), None)
    if stream is None:
        return "another journal was in its place"
    if stream.last < mark.last:
        return f"an old copy was put back: it ends at {stream.last}, the last one at {mark.last}"
    known = [one for one in stream.lives if one.since == mark.since]
    if stream.use == "own" and known and known[0].life != mark.life and mark.last >= mark.since:
        return "an old copy was put back: another life wrote its last records"
    return ""


def _closings(file: JournalFile, mark: Mark, wrong: str) -> list[Closing]:
    """Close the file's stream, and the witness's, whose newest life the file may not know."""
    own, newest = file.own, Life(mark.since, mark.life)
    known = own.lives[-1] if own.lives else Life(1, "")
    if own.name == mark.stream:
        return [Closing(own.name, max(known, newest), wrong, max(own.last, mark.last))]
    return [
        Closing(own.name, known, wrong, own.last),
        Closing(mark.stream, newest, wrong, mark.last),
    ]


def _closings_of(mark: Mark | None, reason: str) -> list[Closing]:
    """Close the witness's stream, of which nothing is left."""
    if mark is None:
        return []
    return [Closing(mark.stream, Life(mark.since, mark.life), reason, mark.last)]


def _begin(place: Place, fresh: Fresh, mark: Mark | None, reason: str) -> JournalFile:
    closings = _closings_of(mark, reason)
    if mark:
        log.error("%s has vanished at record %d; a new stream begins", place.path, mark.last)
    db = place.connect(place.path)
    try:
        begin(db, fresh, closings)
        file = JournalFile(db, fresh.life)
    except BaseException:
        db.close()
        raise
    place.witness.write(file.mark, sync=True)
    return file


def _replace(place: Place, fresh: Fresh, mark: Mark | None, wrong: str) -> JournalFile:
    """Carry over what can be read, and keep the damaged file under another name."""
    kept = f"{place.name}.corrupt-{fresh.stamp.at}"
    why = f"{place.name} is damaged ({wrong}); it is kept as {kept}"
    log.error("%s: %s", place.folder.path, why)
    beside = place.folder.path / (place.name + NEW)
    new = place.connect(beside)
    try:
        # All of it must be in the one file that gets the journal's name.
        new.pragma("journal_mode", "delete")
        count = _salvaged(place, new, fresh, mark, why)
    finally:
        new.close()
    log.warning("%s: %d records were carried over", place.path, count)
    place.folder.rename(place.name, kept)
    _finish_renaming(place, fresh.stamp.at)
    db = place.connect(place.path)
    try:
        file = JournalFile(db, fresh.life)
    except BaseException:
        db.close()
        raise
    place.witness.write(file.mark, sync=True)
    return file


def _salvaged(place: Place, new: Connection, fresh: Fresh, mark: Mark | None, why: str) -> int:
    try:
        # For reading: to be opened for writing it would have to be sound.
        old = place.connect(place.path, read_only=True)
    except DatabaseError as error:
        if failure(error) is not Failure.CORRUPT:
            raise
        closings = _closings_of(mark, why)
        begin(new, fresh, closings)
        return 0
    try:
        # A file that was cut short is refused as a whole, unless its schema may be written.
        old.execute("PRAGMA writable_schema = ON")
        names = read_directory(place.folder, place.directory)
        return salvage(old, new, fresh, Known(mark, names), why)
    finally:
        with suppress(DatabaseError):
            old.close()


def _finish_renaming(place: Place, at: int) -> None:
    """Go on where a process was killed while it put a salvaged file in its place.

    While the old file is there the new one is not complete; when it is not, its write-ahead log
    must go before the new one takes its name.
    """
    new = place.name + NEW
    if not place.folder.exists(new):
        return
    if place.folder.exists(place.name):
        for suffix in ("", *BESIDE, "-journal"):
            place.folder.unlink(new + suffix)
        return
    for suffix in BESIDE:
        if place.folder.exists(place.name + suffix):
            place.folder.rename(place.name + suffix, f"{place.name}.corrupt-{at}{suffix}")
    place.folder.rename(new, place.name)
