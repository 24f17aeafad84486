"""Random stories of an edge's journal and its uplink, on a real file, against a plain ledger."""

import asyncio
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from contracts.codec import decode_record, encode, encode_record
from contracts.messages import Ack
from contracts.records import DeviceChanged, RecordsGivenUp, Sample, StreamClosed
from edge.journal.journal import Journal, Policy
from edge.journal.queue import Promise
from edge.journal.rows import Stamp
from edge.uplink.uplink import Uplink
from runtime.database import close, connect
from tests.unit.edge.journal.journal_world import World
from tests.unit.edge.journal.ledger_model import Ledger
from wenlan.proofs.disk_faults import Disk, Faults
from wenlan.proofs.faulty_files import FaultyFolder, FileLayer

STEPS = (
    ("append", 8),
    ("event", 4),
    ("write", 10),
    ("send", 10),
    ("deliver", 10),
    ("ack", 10),
    ("wait", 5),
    ("lose", 1),
    ("repeat", 1),
    ("forge", 1),
    ("cut", 1),
    ("connect", 3),
    ("kill", 1),
    ("sicken", 1),
    ("fill", 1),
    ("heal", 3),
)


@dataclass
class Story:
    """One run. `extra` steps are weighed beside the usual ones."""

    path: Path
    seed: int
    extra: tuple[tuple[str, int], ...] = ()
    policy: Policy = field(default_factory=Policy)
    old: bool = False
    power: bool = False
    """Its power may be cut: what was not synced is gone, or torn."""
    faults: Faults = field(default_factory=Faults)
    promises: dict[str, Promise] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    durable: set[str] = field(default_factory=set)
    excused: set[str] = field(default_factory=set)
    """What was on a disk that was replaced, and nowhere else."""
    volatile: set[str] = field(default_factory=set)
    forged: bool = False
    vanished: bool = False
    up: list[bytes] = field(default_factory=list)
    down: list[bytes] = field(default_factory=list)
    copy: Path | None = None
    copied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.dice = Random(self.seed)
        self.disk = self._new_disk(1)
        self.layer = FileLayer(f"model-{self.seed}", self.disk)
        self.ledger = Ledger(old=self.old)
        self.world = World(
            self.path / "disk",
            self.dice,
            partial(connect, vfs=f"model-{self.seed}"),
            self.policy,
        )
        self.world.folder = FaultyFolder(self.world.path, self.disk)

    def _new_disk(self, seed: int) -> Disk:
        dice = Random(1000 * self.seed + seed)
        return Disk(lambda: self.faults, dice, lambda _: None, keep=self.power)

    def _make_disk(self) -> None:
        """Begin with what the last process left: all of it is on the platter by now."""
        self.disk = self._new_disk(self.world.lives)
        self.layer.disk = self.disk
        self.world.folder = FaultyFolder(self.world.path, self.disk)

    async def play(self, steps: int) -> None:
        """Do random things, then let everything come to rest."""
        await self.begin()
        weights = dict((*STEPS, *self.extra))
        names, shares = list(weights), list(weights.values())
        for name in self.dice.choices(names, shares, k=steps):
            await getattr(self, name)()
            self._look()
        self.faults = Faults()
        await self._rest()
        await self.journal.__aexit__(None, None, None)

    async def begin(self) -> None:
        """Start the process."""
        self.journal: Journal = self.world.journal()
        await self.journal.__aenter__()
        self.uplink = Uplink(
            self.journal,
            "journal",
            self._publish,
            asyncio.get_running_loop().time,
            lambda: Stamp(self.world.now(), self.world.segment),
        )

    async def _publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        if self.uplink.online:
            self.up.append(payload)
        return self.uplink.online

    async def append(self) -> None:
        for _ in range(self.dice.randint(1, 4)):
            number = len(self.written) + 1
            self._append(f"s{number}", self.world.reading(number))

    async def event(self) -> None:
        number = len(self.written) + 1
        self._append(f"e{number}", self.world.event(f"e{number}"))

    def _append(self, name: str, record: Any) -> None:
        self.written[name] = encode_record(record)
        self.promises[name] = self.journal.append([record])

    async def write(self) -> None:
        await self.journal.step()

    async def send(self) -> None:
        await self.uplink.step()

    async def deliver(self) -> None:
        if self.up:
            self.down.append(self.ledger.receive(self.up.pop(0)))

    async def ack(self) -> None:
        if self.down:
            self.uplink.acknowledge(self.down.pop(0))

    async def wait(self) -> None:
        await asyncio.sleep(self.dice.choice((0.01, 0.1, 1.0, 6.0)))

    async def lose(self) -> None:
        messages = self.dice.choice((self.up, self.down))
        if messages:
            messages.pop(self.dice.randrange(len(messages)))

    async def repeat(self) -> None:
        messages = self.dice.choice((self.up, self.down))
        if messages:
            messages.append(self.dice.choice(messages))

    async def forge(self) -> None:
        track = self.dice.choice(self.journal.tracks() or [None])
        if track is None or (self.old and self.forged):
            return  # of those that name no batch, two are believed
        self.forged = True
        self._look()
        first = self.dice.randint(1, 50)
        last = first + self.dice.choice((3, 1000))
        if self.old:  # two that name what was never given are believed: see SendWindow
            first, last = 1, max(track.next - 1, 1)
        ack = Ack(
            track.stream,
            ((first, last),),
            track.life,
            "" if self.old else self.journal.life,
            0 if self.old else self.dice.randint(1, 3),
            0 if self.old else self.dice.choice((0, 0, first)),
        )
        self.uplink.acknowledge(encode(ack))
        # What is in memory only is as durable as whoever says that he has it is honest.
        self.excused |= {name for name, promise in self.promises.items() if promise.kept}

    async def cut(self) -> None:
        self.uplink.disconnected()

    async def connect(self) -> None:
        if not self.uplink.online:
            self.uplink.connected()

    async def kill(self) -> None:
        self._look()
        self._put_there(self.world.path)
        await self.begin()

    async def cut_power(self) -> None:
        """End the process, and lose what the disk had not yet."""
        self._look()
        self._put_there(self.world.path, power=True)
        await self.begin()

    async def sicken(self) -> None:
        share = self.dice.choice((0.2, 1.0))
        self.faults = Faults(write_error=share, sync_error=share)

    async def fill(self) -> None:
        self.faults = Faults(full=True)

    async def heal(self) -> None:
        self.faults = Faults()

    async def copy_disk(self) -> None:
        """Take a copy of the journal, but not of what stands beside it."""
        self.copy = self.path / f"copy-{self.world.lives}"
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.world.path, self.copy, ignore=_unkept)

    async def put_back(self) -> None:
        """Put the copy in the journal's place, while the process is down."""
        if self.copy is None:
            return
        self._look()
        self.excused |= set(self.written)
        await self._replace(self.copy)

    async def vanish(self) -> None:
        """Lose the journal, while the process is down."""
        self.vanished = True
        self._look()
        self.excused |= set(self.written)
        await self._replace(None)

    async def _replace(self, other: Path | None) -> None:
        target = self._put_there(self.world.path)
        for file in _files(target):
            file.unlink()
        for file in _files(other) if other else ():
            shutil.copy(file, target)
        await self.begin()

    def _put_there(self, source: Path, *, power: bool = False) -> Path:
        """Kill the process: the next one finds the files as they are."""
        target = self.path / f"disk-{self.world.lives}"
        if power:
            self.disk.lose_power(source, target)
        else:
            shutil.copytree(source, target, ignore=_unkept)
        for connection in self.world.connections:
            close(connection)
        self.world.connections.clear()
        self.journal._lock.close()
        shutil.rmtree(source)
        self.world.path = target
        self._make_disk()
        self.promises.clear()
        return target

    def _look(self) -> None:
        self.volatile |= {one.stream for one in self.journal.tracks() if one.use == "volatile"}
        for name, promise in list(self.promises.items()):
            if promise.kept:
                self.durable.add(name)
                del self.promises[name]

    async def _rest(self) -> None:
        for _ in range(3000):
            await self.connect()
            wait = await self.journal.step()
            later = await self.uplink.step()
            while self.up:
                self.down.append(self.ledger.receive(self.up.pop(0)))
            while self.down:
                self.uplink.acknowledge(self.down.pop(0))
            self._look()
            well = self.journal._disk.file is not None and not self.journal._intake.waiting
            if well and not any(len(one.held) for one in self.journal.tracks()):
                return
            if wait != 0.0 and later != 0.0:
                waits = [one for one in (wait, later) if one is not None]
                await asyncio.sleep(min(waits, default=1.0))
        raise AssertionError(f"it never drains: {self.journal.tracks()}")

    def judge(self) -> None:
        """Every durable record is in the store once, or in a declared hole."""
        stored: dict[str, int] = {}
        lost: list[RecordsGivenUp] = []
        closed: set[str] = set()
        for body in self.ledger.stored:
            record = decode_record(body)
            if isinstance(record, RecordsGivenUp):
                lost.append(record)
            elif isinstance(record, StreamClosed):
                closed.add(record.stream)
            elif isinstance(record, DeviceChanged | Sample):
                name = _name(record)
                assert body == self.written[name], f"{name} was altered"
                stored[name] = stored.get(name, 0) + 1
        doubled = {name for name, count in stored.items() if count > 1}
        assert not doubled, f"doubled: {sorted(doubled)}"
        missing = self.durable - set(stored) - self.excused
        events = {name for name in missing if name.startswith("e")}
        assert not events, f"events are missing: {sorted(events)}"
        room = sum(one.last - one.first + 1 for one in lost)
        assert len(missing) <= room, f"missing: {sorted(missing)}"
        named = {one.stream for one in self.journal.tracks()}
        for name, numbers in self.ledger.held.items():
            if self.vanished and name not in named:
                continue  # the closing may have gone with the file: presence names it no more
            gaps = set(range(1, max(numbers, default=0) + 1)) - numbers
            gaps = {one for one in gaps if one >= self.ledger.oldest.get(name, 0)}
            if name in self.volatile | closed:
                continue  # it ended with its process or its file: what will not come was said
            told = {one for some in lost for one in range(some.first, some.last + 1)}
            assert gaps <= told, f"{name}: nobody says why {sorted(gaps - told)} are missing"


def _name(record: DeviceChanged | Sample) -> str:
    if isinstance(record, Sample):
        value = record.values[0]
        assert isinstance(value, int)
        return f"s{value // 10}"
    return record.cause


def _files(folder: Path) -> list[Path]:
    return [one for one in folder.glob("journal.sqlite3*") if one.suffix != ".witness"]


def _unkept(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(("-shm", ".lock", ".reserve"))]
