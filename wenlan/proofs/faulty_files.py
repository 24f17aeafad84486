"""SQLite and small files on a disk with faults: a file layer of SQLite, and a `Folder`."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn

import apsw

from runtime.folder import OWNER_ONLY, SystemFolder
from wenlan.proofs.disk_faults import Disk, Put

_READ: Final = apsw.SQLITE_IOERR_READ
_WRITE: Final = apsw.SQLITE_IOERR_WRITE
_SYNC: Final = apsw.SQLITE_IOERR_FSYNC
_CUT: Final = apsw.SQLITE_IOERR_TRUNCATE
_WORDS: Final = {
    _READ: "disk I/O error while reading",
    _WRITE: "disk I/O error while writing",
    _SYNC: "disk I/O error while syncing",
    _CUT: "disk I/O error while truncating",
    apsw.SQLITE_CANTOPEN: "unable to open database file",
    apsw.SQLITE_FULL: "database or disk is full",
}


class FileLayer(apsw.VFS):
    """The system's file layer over a disk with faults; `connect` names it as `vfs`.

    It is there for as long as somebody holds it, or a database is open on it.
    It says more than a real disk: a fault that SQLite passes over, in a checkpoint after a commit
    or while closing, is raised too. So a commit that raised may well be there.
    """

    def __init__(self, name: str, disk: Disk, *, default: bool = False) -> None:
        super().__init__(name, "", makedefault=default, maxpathname=0)
        self.disk = disk

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 - SQLite's name
        """Open a file; one without a name is SQLite's own for a while, and never fails."""
        if name is None:
            return apsw.VFSFile("", name, flags)
        path = Path(name.filename() if isinstance(name, apsw.URIFilename) else name)
        try:
            self.disk.open(path)
        except OSError:
            _refuse(apsw.SQLITE_CANTOPEN)
        return _File(self.disk, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802, FBT001 - SQLite's
        """Remove a file."""
        super().xDelete(filename, syncdir)
        self.disk.removed(Path(filename))


class _File(apsw.VFSFile):
    def __init__(
        self, disk: Disk, path: Path, name: str | apsw.URIFilename, flags: list[int]
    ) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        try:
            return self._disk.read(super().xRead(amount, offset))
        except OSError:
            _refuse(_READ)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        try:
            self._disk.write(self._path, bytes(data), offset, self.xFileSize(), super().xWrite)
        except OSError as error:
            _refuse(apsw.SQLITE_FULL if error.errno == errno.ENOSPC else _WRITE)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        try:
            self._disk.cut(self._path, newsize, super().xTruncate)
        except OSError:
            _refuse(_CUT)

    def xSync(self, flags: int) -> None:  # noqa: N802
        put: Callable[[int], None] = super().xSync
        try:
            self._disk.sync(self._path, lambda: put(flags))
        except OSError:
            _refuse(_SYNC)

    def excepthook(
        self,
        etype: type[BaseException] | None,
        evalue: BaseException | None,
        etraceback: TracebackType | None,
    ) -> bool:
        """Say nothing of faults that nobody waits for: SQLite, closing a file, has their codes."""
        return isinstance(evalue, apsw.Error) or super().excepthook(etype, evalue, etraceback)


def _refuse(code: int) -> NoReturn:
    error = apsw.exception_for(code)
    error.args = (_WORDS[code],)
    raise error


class FaultyFolder:
    """A folder of this machine on a disk with faults."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self._real = SystemFolder(path)
        self._disk = disk
        self.path = path

    def read(self, name: str) -> bytes:
        """Give the whole file."""
        self._disk.open(self.path / name)
        return self._disk.read(self._real.read(name))

    def write(self, name: str, content: bytes) -> None:
        """Put a file there as a whole."""
        beside = f"{name}.new"
        with self._opened(beside) as (path, file):
            self._disk.cut(path, 0, lambda size: os.ftruncate(file, size))
            self._disk.write(path, content, 0, 0, _writer(file))
            self._disk.sync(path, lambda: os.fsync(file))
        self.rename(beside, name)

    def write_at(self, name: str, offset: int, content: bytes, *, sync: bool) -> None:
        """Write in place."""
        with self._opened(name) as (path, file):
            size = os.fstat(file).st_size
            self._disk.write(path, content, offset, size, _writer(file))
            if sync:
                self._disk.sync(path, lambda: os.fsync(file))

    def rename(self, old: str, new: str) -> None:
        """Give a file another name."""
        self._disk.open(self.path / old)
        self._real.rename(old, new)
        self._disk.moved(self.path / old, self.path / new)

    def unlink(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._real.unlink(name)
        self._disk.removed(self.path / name)

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        return self._real.exists(name)

    def names(self) -> list[str]:
        """Give the names of all files, sorted."""
        return self._real.names()

    def free(self) -> int:
        """Give the bytes that may still be written to this disk."""
        faults = self._disk.faults()
        room = 0 if faults.full else faults.room
        return self._real.free() if room is None else min(room, self._real.free())

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[Path, int]]:
        path = self.path / name
        self._disk.open(path)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            yield path, file
        finally:
            os.close(file)


def _writer(file: int) -> Put:
    def put(content: bytes, offset: int) -> None:
        os.pwrite(file, content, offset)

    return put
