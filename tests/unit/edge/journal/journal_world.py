"""A real SQLite file in a folder, and a journal whose process can be killed."""

import asyncio
import random
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from contracts.codec import decode_record
from contracts.instants import SECOND, Instant
from contracts.layouts import Column, Layout, sample
from contracts.ranges import Ranges
from contracts.records import DeviceChanged, Record, Sample
from edge.journal.disk import Seams
from edge.journal.journal import Journal, Policy
from edge.journal.opening import Place
from edge.journal.rows import Limits, Piece, Stamp
from runtime.database import Connection, close, connect
from runtime.folder import Folder, SystemFolder
from wenlan.proofs.exchange.simulated_time import play

__all__ = ["play"]

START = 1_790_000_000 * SECOND
LAYOUT = Layout("air", (Column("temperature", 1), Column("humidity", 1)))
DIGEST = LAYOUT.digest
ALL = Limits(10_000, 2**30)


class InLine(Executor):
    """Does blocking work at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - it is given to whoever waits
            done.set_exception(error)
        return done


@dataclass
class World:
    """One edge's disk, and the processes that come and go on it."""

    path: Path
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    connect: Callable[..., Connection] = connect
    policy: Policy = field(default_factory=Policy)
    folder: Folder | None = None
    executor: Executor = field(default_factory=InLine)
    lives: int = 0
    segment: str = "segment"
    connections: list[Connection] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder = self.folder or SystemFolder(self.path)

    def now(self) -> Instant:
        return START + round(asyncio.get_running_loop().time() * 1000) * 1000

    def new_id(self) -> str:
        return f"{self.dice.getrandbits(64):016x}"

    def place(self) -> Place:
        assert self.folder is not None
        return Place(self.folder, "journal.sqlite3", self._connect, asyncio.get_running_loop().time)

    def journal(self) -> Journal:
        """Begin a process."""
        self.lives += 1
        loop = asyncio.get_running_loop()
        seams = Seams(
            loop.time,
            lambda: Stamp(self.now(), self.segment),
            self.executor,
            self.new_id,
            self.dice.random,
        )
        return Journal(
            self.place(), f"life-{self.lives}", seams, lambda _: self.segment, self.policy
        )

    def kill(self) -> None:
        """End the process as it stands: the next one finds the files as they are now."""
        lock = self.path.parent / f"{self.path.name}.killed-{self.lives}"
        shutil.copytree(self.path, lock)
        for connection in self.connections:
            close(connection)
        self.connections.clear()
        shutil.rmtree(self.path)
        shutil.copytree(lock, self.path)

    def reading(self, value: float, device: str = "d1") -> Sample:
        values = {"temperature": value, "humidity": 50.5}
        return sample(device, LAYOUT, DIGEST, self.now(), values)

    def event(self, cause: str = "") -> DeviceChanged:
        return DeviceChanged("d1", self.now(), available=True, cause=cause)

    def _connect(
        self,
        path: Path,
        *,
        read_only: bool = False,
        patience: float = 5.0,
        statements: int = 100,
    ) -> Connection:
        found = self.connect(path, read_only=read_only, patience=patience, statements=statements)
        self.connections.append(found)
        return found


async def passes(seconds: float) -> None:
    """Let time pass on the simulated clock."""
    await asyncio.sleep(seconds)


async def settle(journal: Journal, most: int = 1000) -> None:
    """Let a journal do everything that is to be done within the next five seconds."""
    until = asyncio.get_running_loop().time() + 5.0
    for _ in range(most):
        wait = await journal.step()
        now = asyncio.get_running_loop().time()
        if wait is None or now + wait > until:
            return
        if wait:
            await asyncio.sleep(wait)
    raise AssertionError("it never comes to rest")


async def pieces(journal: Journal) -> list[Piece]:
    """Read everything that a journal holds."""
    found: list[Piece] = []
    for track in journal.tracks():
        for low, high in track.held:
            last = high
            while last >= low:
                piece = await journal.read(track.stream, low, last, ALL)
                if piece is None:
                    break
                found.append(piece)
                last = piece.first - 1
    return found


async def records(journal: Journal) -> list[Record]:
    """Read everything, in the order of streams and numbers."""
    found = sorted(await pieces(journal), key=lambda one: (one.stream, one.first))
    return [decode_record(row.body) for piece in found for row in piece.rows]


async def held(journal: Journal) -> dict[str, list[tuple[int, int]]]:
    """Give which numbers are held, by stream."""
    streams: dict[str, Ranges] = {}
    for track in journal.tracks():
        streams[track.stream] = streams.get(track.stream, Ranges()).union(track.held)
    return {
        stream: [(one.first, one.last) for one in numbers] for stream, numbers in streams.items()
    }


def values(found: Iterable[Record]) -> list[float]:
    """Give the temperatures of samples."""
    return [one.values[0] / 10 for one in found if isinstance(one, Sample) and one.values[0]]


class Note(msgspec.Struct, frozen=True):
    """Something to remember."""

    text: str
