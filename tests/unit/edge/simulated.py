"""A clock that is moved by hand, and a journal in memory that can be killed, sick or rotten."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from contracts.codec import decode_record, encode_record
from contracts.instants import SECOND, Instant
from contracts.records import Record
from edge.journal.port import Change, Memory, State
from runtime.clock import Clock

R = TypeVar("R", bound=Record)
T = TypeVar("T", bound=Struct)
BEGIN = 1_000_000 * SECOND


class SimulatedTime:
    """Monotonic seconds and a wall clock; both move only when the story says so."""

    def __init__(self, monotonic: float = 5_000.0, wall: Instant = BEGIN) -> None:
        self.seconds = monotonic
        self.ahead = wall - round(monotonic * SECOND)
        self.boot = "boot-1"
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def monotonic(self) -> float:
        return self.seconds

    def wall(self) -> Instant:
        return (round(self.seconds * SECOND) + self.ahead) // 1000 * 1000

    @property
    def clock(self) -> Clock:
        return Clock(self.monotonic, self.wall, self.sleep)

    def step_wall(self, seconds: float) -> None:
        self.ahead += round(seconds * SECOND)

    def reboot(self, seconds: float, wall: float | None = None) -> None:
        """Let the machine be off for some seconds; the wall clock goes on, or by `wall` only."""
        before = self.wall()
        self.seconds, self.boot = 10.0, f"{self.boot}+"
        passed = seconds if wall is None else wall
        self.ahead = before + round(passed * SECOND) - round(self.seconds * SECOND)

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heappush(self._sleepers, (self.seconds + seconds, self._count, waker))
        await waker

    @property
    def next(self) -> float | None:
        """When somebody wants to be woken."""
        while self._sleepers and self._sleepers[0][2].done():
            heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def after(self, seconds: float) -> int:
        """Let time pass, waking everybody when it is due; give how many were woken."""
        end, woken = self.seconds + seconds, 0
        await self.settle()
        while (due := self.next) is not None and due <= end:
            self.seconds = max(self.seconds, due)
            _, _, waker = heappop(self._sleepers)
            waker.set_result(None)
            woken += 1
            await self.settle()
        self.seconds = end
        await self.settle()
        return woken


class _MemoryTable(Generic[T]):
    """What is remembered of one kind, decoded from bytes as a file would give them."""

    def __init__(self, kind: str, type_: type[T], stored: Mapping[str, bytes]) -> None:
        self.kind = kind
        self.live: dict[str, T] = {}
        self.broken: dict[str, str] = {}
        for key, body in stored.items():
            try:
                self.live[key] = msgspec.json.decode(body, type=type_)
            except msgspec.MsgspecError as error:
                self.broken[key] = str(error)

    @property
    def values(self) -> Mapping[str, T]:
        return MappingProxyType(self.live)

    @property
    def damaged(self) -> Mapping[str, str]:
        return MappingProxyType(self.broken)

    def put(self, key: str, value: T) -> Change:
        return Change(self.kind, key, value)

    def drop(self, key: str) -> Change:
        return Change(self.kind, key, None)

    def take(self, change: Change) -> None:
        self.broken.pop(change.key, None)
        if change.value is None:
            self.live.pop(change.key, None)
        else:
            self.live[change.key] = change.value  # type: ignore[assignment]  # put() made it


class MemoryDisk:
    """What survives a kill, and how the disk and the gateway are."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.memory: dict[str, dict[str, bytes]] = {}
        self.sick = False
        """Nothing gets onto the disk."""
        self.gateway = True
        """While the disk is sick, records are acknowledged by the gateway."""
        self.burn: Callable[[], None] = lambda: None
        """Called before and after each commit, and before each append: it may kill."""

    def write(self, records: Sequence[Record], changes: Sequence[Change]) -> None:
        self.records += [decode_record(encode_record(one)) for one in records]
        for kind, key, value in changes:
            table = self.memory.setdefault(kind, {})
            table.pop(key, None)
            if value is not None:
                table[key] = msgspec.json.encode(value)

    def rot(self, kind: str, key: str) -> None:
        self.memory[kind][key] = b'{"rotten'

    def of(self, kind: type[R]) -> list[R]:
        return [one for one in self.records if isinstance(one, kind)]


class _Group:
    """What one append took; durable when it is on disk, or acked."""

    def __init__(
        self, journal: "MemoryJournal", records: Sequence[Record], remember: Sequence[Change]
    ) -> None:
        self.records, self.remember = records, remember
        self.journal = journal
        self.is_durable = asyncio.Event()

    async def durable(self, within: float) -> bool:
        await asyncio.sleep(0)
        self.journal.commit()
        if self.is_durable.is_set():
            return True
        waiting = asyncio.create_task(self.is_durable.wait(), name="durable")
        limit = asyncio.create_task(self.journal.sleep(within), name="deadline")
        try:
            await asyncio.wait((waiting, limit), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            limit.cancel()
        return self.is_durable.is_set()


class MemoryJournal:
    """One process's journal over a disk: what it has not written is lost when it is killed."""

    def __init__(self, disk: MemoryDisk, clock: Clock) -> None:
        self.disk = disk
        self._clock = clock
        self._tables: dict[str, _MemoryTable[Any]] = {}
        self._pending: list[_Group] = []
        self._dead = False

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)

    @property
    def state(self) -> State:
        return State("failing" if self.disk.sick else "ok", 0.0, 0.0, "I/O error" * self.disk.sick)

    def append(self, records: Sequence[Record], remember: Sequence[Change] = ()) -> _Group:
        self.disk.burn()
        for change in remember:
            if change.kind in self._tables:
                self._tables[change.kind].take(change)
        group = _Group(self, list(records), list(remember))
        self._pending.append(group)
        asyncio.get_running_loop().call_soon(self.flush)
        return group

    def kill(self) -> None:
        """What is not on disk now never will be."""
        self._dead = True

    def memory(self, kind: str, type_: type[T]) -> Memory[T]:
        if kind not in self._tables:
            stored = self.disk.memory.get(kind, {})
            self._tables[kind] = _MemoryTable(kind, type_, stored)
        table: Memory[T] = self._tables[kind]
        return table

    def commit(self) -> None:
        """Write what waits: all of it or nothing, in the order in which it came."""
        if not self._pending or self._dead:
            return
        self.disk.burn()
        self.flush()
        self.disk.burn()

    def flush(self) -> None:
        """Do what an idle journal does at once."""
        if self._dead:
            return
        if self.disk.sick:
            for group in self._pending:
                # Facts are acknowledged from the volatile stream; what is remembered is not sent.
                if self.disk.gateway and group.records and not group.is_durable.is_set():
                    self.disk.write(group.records, ())
                    group.records = ()
                    group.is_durable.set()
            return
        groups, self._pending = self._pending, []
        for group in groups:
            self.disk.write(group.records, group.remember)
            group.is_durable.set()
