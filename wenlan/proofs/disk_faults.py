"""A disk with faults: what it refuses, what it alters, and what is left of it after a power cut."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TypeAlias

import msgspec

SECTOR = 512
"""Bytes that a disk writes whole or not at all."""
UNKEPT = "-shm"
"""An index in memory that the system maps; SQLite makes it anew after a cut or a kill."""


class Faults(msgspec.Struct, forbid_unknown_fields=True):
    """What is wrong with a disk now; shares run from 0 (never) to 1 (always)."""

    open_error: float = 0.0
    read_error: float = 0.0
    write_error: float = 0.0
    """Share of writes that fail; any part of one may yet be there."""
    sync_error: float = 0.0
    """Share of syncs that fail. What waited for one is read as it was written, and may be gone
    after a cut though a later sync succeeds: so it goes with Linux."""
    flip: float = 0.0
    """Share of reads in which one bit is another one."""
    full: bool = False
    """Nothing may be written, not even over what is there."""
    room: int | None = None
    """Bytes by which files may still grow; None: any."""
    latency: float = 0.0
    """Seconds before each write and sync."""


Put: TypeAlias = Callable[[bytes, int], None]
"""Writes bytes at an offset of the real file."""


class Write(msgspec.Struct, frozen=True):
    """One write that no sync has followed yet; without bytes, a file cut to `offset`."""

    offset: int
    content: bytes | None

    def onto(self, image: bytearray) -> None:
        """Do it to a file in memory."""
        if self.content is None:
            del image[self.offset :]
            image.extend(bytes(self.offset - len(image)))
        else:
            image.extend(bytes(max(0, self.offset - len(image))))
            image[self.offset : self.offset + len(self.content)] = self.content

    def torn(self, random: Random) -> "Write":
        """Keep the first of its sectors, maybe none of them, maybe all."""
        if self.content is None:
            return self
        end = self.offset + len(self.content)
        edges = range(self.offset // SECTOR * SECTOR + SECTOR, end, SECTOR)
        kept = random.choice([self.offset, *edges, end]) - self.offset
        return Write(self.offset, self.content[:kept])


class Disk:
    """One disk of one process, as it lives: faults are asked for at each turn.

    With `keep`, it holds a picture in memory of what each file would be after a power cut, and
    spares the real syncs: such files are for one process, and for as long as it lives.
    """

    def __init__(
        self,
        faults: Callable[[], Faults],
        random: Random,
        wait: Callable[[float], None] = time.sleep,
        *,
        keep: bool = False,
    ) -> None:
        self.faults = faults
        self.keep = keep
        self._random = random
        self._wait = wait
        self._synced: dict[Path, bytearray] = {}
        self._unsynced: dict[Path, list[Write]] = {}

    def open(self, path: Path) -> None:
        """Let a file be opened; raise OSError."""
        self._fail(self.faults().open_error)
        if self.keep and path not in self._synced:
            self._synced[path] = bytearray(path.read_bytes() if path.exists() else b"")

    def read(self, content: bytes) -> bytes:
        """Give what was read, or what came of it; raise OSError."""
        faults = self.faults()
        self._fail(faults.read_error)
        if not content or not self._happens(faults.flip):
            return content
        bit = self._random.randrange(8 * len(content))
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        return bytes(flipped)

    def write(self, path: Path, content: bytes, offset: int, size: int, put: Put) -> None:
        """Write into a file of this size, as much as the disk takes; raise OSError."""
        faults = self.faults()
        self._delay(faults)
        taken, error = len(content), 0
        grown = max(0, offset + len(content) - size)
        if faults.full:
            taken, error = 0, errno.ENOSPC
        elif faults.room is not None and grown > faults.room:
            taken, error = len(content) - grown + faults.room, errno.ENOSPC
        elif self._happens(faults.write_error):
            taken, error = self._random.randint(0, len(content)), errno.EIO
        if taken > 0:
            put(content[:taken], offset)
            self._wrote(path, Write(offset, content[:taken]))
            if faults.room is not None:
                faults.room -= max(0, offset + taken - size)
        if error:
            raise OSError(error, os.strerror(error))

    def cut(self, path: Path, size: int, put: Callable[[int], None]) -> None:
        """Set the length of a file; raise OSError."""
        faults = self.faults()
        self._delay(faults)
        self._fail(faults.write_error)
        put(size)
        self._wrote(path, Write(size, None))

    def sync(self, path: Path, put: Callable[[], None]) -> None:
        """Bring a file onto the platter; raise OSError."""
        faults = self.faults()
        self._delay(faults)
        failed = self._happens(faults.sync_error)
        if self.keep:
            image, waiting = self._synced[path], self._unsynced.pop(path, [])
            for write in self._chosen(waiting) if failed else waiting:
                write.onto(image)
        elif not failed:
            put()
        if failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def moved(self, old: Path, new: Path) -> None:
        """Take note that a file, synced, has another name, for good."""
        if self.keep:
            self._synced[new] = self._synced.pop(old)
            self._unsynced[new] = self._unsynced.pop(old, [])

    def removed(self, path: Path) -> None:
        """Take note that a file is gone, for good."""
        self._synced.pop(path, None)
        self._unsynced.pop(path, None)

    def lose_power(self, folder: Path, target: Path) -> None:
        """Put into `target` what would be found of a folder after a power cut at this instant.

        Of what was not synced, nothing, the first writes, or any of them are there, and torn.
        """
        for file in _kept(folder):
            place = target / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            if (synced := self._synced.get(file)) is None:
                place.write_bytes(file.read_bytes())
                continue
            image = bytearray(synced)
            for write in self._chosen(self._unsynced.get(file, [])):
                write.onto(image)
            place.write_bytes(image)

    def _chosen(self, waiting: list[Write]) -> list[Write]:
        """Choose which of the writes in the cache reached the platter."""
        if self._random.random() < 0.5:
            kept = self._random.randint(0, len(waiting))
            return [*waiting[:kept], *(write.torn(self._random) for write in waiting[kept:][:1])]
        return [
            write if self._random.random() < 0.8 else write.torn(self._random)
            for write in waiting
            if self._random.random() < 0.7
        ]

    def _wrote(self, path: Path, write: Write) -> None:
        if self.keep:
            self._unsynced.setdefault(path, []).append(write)

    def _delay(self, faults: Faults) -> None:
        if faults.latency > 0:
            self._wait(faults.latency)

    def _fail(self, share: float) -> None:
        if self._happens(share):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share


def copy_as_killed(folder: Path, target: Path) -> None:
    """Put into `target` what a process that is killed now leaves behind."""
    for file in _kept(folder):
        place = target / file.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.read_bytes())


def _kept(folder: Path) -> list[Path]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return [file for file in files if not file.name.endswith(UNKEPT)]
