"""Small files of one folder: witness, keys, reserve. Names are plain file names.

Everything raises OSError, as the system says it. Files and folder are their owner's alone.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

OWNER_ONLY = 0o600
FOLDER_OWNER_ONLY = 0o700


class Folder(Protocol):
    """What is kept beside a database, on the same disk."""

    @property
    def path(self) -> Path:
        """Where it is: a database of this folder is `path / name`."""

    def read(self, name: str) -> bytes:
        """Give the whole file; raise FileNotFoundError."""

    def write(self, name: str, content: bytes) -> None:
        """Put a file there as a whole: after a cut of power it is the old one or the new one."""

    def write_at(self, name: str, offset: int, content: bytes, *, sync: bool) -> None:
        """Write in place, making the file when it is not there; with `sync`, on disk at the end."""

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, over a file that has it; on disk at the end."""

    def unlink(self, name: str) -> None:
        """Remove a file, if it is there; on disk at the end."""

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""

    def names(self) -> list[str]:
        """Give the names of all files, sorted."""

    def free(self) -> int:
        """Give the bytes that may still be written to this disk."""


class SystemFolder:
    """A folder of this machine, made when it is not there."""

    def __init__(self, path: Path) -> None:
        path.mkdir(mode=FOLDER_OWNER_ONLY, parents=True, exist_ok=True)
        self.path = path

    def read(self, name: str) -> bytes:
        """Give the whole file; raise FileNotFoundError."""
        return self._place(name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Put a file there as a whole."""
        place = self._place(name)
        beside = place.with_name(f"{name}.new")
        with _opened(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as file:
            _write_all(file, content, 0)
            os.fsync(file)
        beside.replace(place)
        self._sync()

    def write_at(self, name: str, offset: int, content: bytes, *, sync: bool) -> None:
        """Write in place."""
        place = self._place(name)
        fresh = sync and not place.exists()
        with _opened(place, os.O_WRONLY | os.O_CREAT) as file:
            _write_all(file, content, offset)
            if sync:
                os.fsync(file)
        if fresh:
            self._sync()

    def rename(self, old: str, new: str) -> None:
        """Give a file another name."""
        self._place(old).replace(self._place(new))
        self._sync()

    def unlink(self, name: str) -> None:
        """Remove a file, if it is there."""
        self._place(name).unlink(missing_ok=True)
        self._sync()

    def exists(self, name: str) -> bool:
        """Say whether there is such a file."""
        return self._place(name).is_file()

    def names(self) -> list[str]:
        """Give the names of all files, sorted."""
        return sorted(entry.name for entry in os.scandir(self.path) if entry.is_file())

    def free(self) -> int:
        """Give the bytes that may still be written to this disk."""
        disk = os.statvfs(self.path)
        return disk.f_bavail * disk.f_frsize

    def _place(self, name: str) -> Path:
        if name in ("", "..") or name != Path(name).name:
            raise ValueError(f"{name!r} is not a plain file name")
        return self.path / name

    def _sync(self) -> None:
        with _opened(self.path, os.O_RDONLY | os.O_DIRECTORY) as folder:
            os.fsync(folder)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC, OWNER_ONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(file: int, content: bytes, offset: int) -> None:
    rest = memoryview(content)
    while rest:
        written = os.pwrite(file, rest, offset)
        rest, offset = rest[written:], offset + written
