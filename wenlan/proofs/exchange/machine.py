"""A machine whose one process can be killed at any instant, and whose disk can fail.

A kill copies the files as they stand, between two writes if need be; the next process finds the
copy. What the dead one still does reaches nobody: its work is dropped, its messages are not sent.
"""

import asyncio
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from runtime.database import Connection, close, connect
from wenlan.proofs.disk_faults import UNKEPT, Disk, Faults, Put
from wenlan.proofs.faulty_files import FaultyFolder, FileLayer

DESCRIPTORS = Path("/proc/self/fd")
ROOM = 8 * 2**20
"""Bytes that are free: too few to set a reserve aside, which would only take time."""


class _Killing(Disk):
    """A disk that ends its process before one of the next writes, when told."""

    def __init__(
        self,
        faults: Callable[[], Faults],
        random: Random,
        killed: Callable[[], None],
        *,
        keep: bool,
    ) -> None:
        super().__init__(faults, random, lambda _: None, keep=keep)
        self.countdown = 0
        """Writes and syncs until the kill; 0: none is coming."""
        self._killed = killed

    def write(self, path: Path, content: bytes, offset: int, size: int, put: Put) -> None:
        self._count()
        super().write(path, content, offset, size, put)

    def sync(self, path: Path, put: Callable[[], None]) -> None:
        self._count()
        super().sync(path, put)

    def _count(self) -> None:
        if self.countdown:
            self.countdown -= 1
            if not self.countdown:
                self._killed()


class _Folder(FaultyFolder):
    def free(self) -> int:
        return 0 if self._disk.faults().full else ROOM


class Thread(Executor):
    """The one thread of a process: work begins and ends a little later, if it is still alive."""

    def __init__(self, machine: "Machine", pause: Callable[[], float]) -> None:
        self._life = machine.life
        self._machine = machine
        self._pause = pause
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []

    def submit(self, _: Callable[..., Any], /, *__: Any, **___: Any) -> Future[Any]:
        raise RuntimeError("only the simulated loop may use it, and calls `begin`")

    def begin(self, work: Callable[[], Any], done: asyncio.Future[Any]) -> None:
        """Take work; `done` gets what comes of it."""
        self._waiting.append((work, done))
        if len(self._waiting) == 1:
            self._later(self._work)

    def _later(self, step: Callable[..., None], *given: Any) -> None:
        loop, pause = asyncio.get_running_loop(), self._pause()
        if pause:
            loop.call_later(pause, step, *given)
        else:
            loop.call_soon(step, *given)

    def _work(self) -> None:
        if self._machine.life != self._life:
            return
        work, _ = self._waiting[0]
        result, failed = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - it is given to whoever waits
            failed = error
        self._machine.worked()
        self._later(self._end, result, failed)

    def _end(self, result: Any, failed: Exception | None) -> None:
        if self._machine.life != self._life:
            return
        _, done = self._waiting.pop(0)
        if not done.done():
            if failed is None:
                done.set_result(result)
            else:
                done.set_exception(failed)
        if self._waiting:
            self._later(self._work)


class Machine:
    """One machine: a folder, a disk, and the lives of its process, counted from 1."""

    def __init__(self, path: Path, name: str, dice: Random, killed: Callable[[], None]) -> None:
        self.faults = Faults()
        self.life = 0
        self.alive = False
        self.worked: Callable[[], None] = lambda: None
        """Called after each piece of work of the thread."""
        self.opened: Callable[[Connection], None] = lambda _: None
        """Called with each connection that can write."""
        self.connections: list[Connection] = []
        self.keep = False
        """Whether the power may be cut: what was not synced is gone, or torn."""
        self._root = path
        self._dice = dice
        self._killed = killed
        self._name = name
        self.path = path / f"{name}-0"
        self.path.mkdir(parents=True)
        self._disk = self._new_disk()
        self._layer = FileLayer(f"{path.name}-{name}", self._disk)

    def begin(self) -> None:
        """Begin a life."""
        self.life += 1
        self.alive = True
        self._disk = self._layer.disk = self._new_disk()

    def folder(self) -> FaultyFolder:
        """Give the small files of the present life."""
        return _Folder(self.path, self._disk)

    def thread(self, pause: Callable[[], float]) -> Thread:
        """Give the thread of the present life."""
        return Thread(self, pause)

    def connect(
        self, path: Path, *, read_only: bool = False, patience: float = 5.0, statements: int = 100
    ) -> Connection:
        """Open a database on the disk with faults."""
        found = connect(
            path,
            vfs=f"{self._root.name}-{self._name}",
            read_only=read_only,
            patience=patience,
            statements=statements,
        )
        self.connections.append(found)
        if not read_only:
            self.opened(found)
        return found

    def kill_in(self, writes: int) -> None:
        """Kill the process before one of its next writes."""
        self._disk.countdown = writes

    def kill(self, *, power: bool = False) -> None:
        """End the process as it stands."""
        if not self.alive:
            return
        self.alive = False
        target = self._root / f"{self._name}-{self.life}"
        if power:
            target.mkdir(exist_ok=True)
            self._disk.lose_power(self.path, target)
        else:
            _copy_as_killed(self.path, target)
        asyncio.get_running_loop().call_soon(self._bury, self.path, self.connections)
        self.path, self.connections = target, []
        self.life += 1  # nobody is it any more: work under way ends without an echo
        self._killed()

    def end(self) -> None:
        """Take note that the process ended by itself."""
        self.alive = False
        self.life += 1
        for connection in self.connections:
            close(connection)
        self.connections = []

    @staticmethod
    def _bury(path: Path, connections: list[Connection]) -> None:
        for connection in connections:
            close(connection)
        _unlock(path)

    def _new_disk(self) -> _Killing:
        return _Killing(lambda: self.faults, self._dice, self.kill, keep=self.keep)


def _copy_as_killed(source: Path, target: Path) -> None:
    """Put into `target` what a process that is killed now leaves behind."""
    target.mkdir(exist_ok=True)
    for file in os.scandir(source):
        if not file.name.endswith((UNKEPT, ".lock")):
            shutil.copyfile(file.path, target / file.name)


def _unlock(folder: Path) -> None:
    """Let go of a dead process's lock on its store, as the system would."""
    for entry in DESCRIPTORS.iterdir():
        with suppress(OSError):
            place = entry.readlink()
            if place.is_relative_to(folder) and place.name.endswith(".sqlite3.lock"):
                os.close(int(entry.name))
