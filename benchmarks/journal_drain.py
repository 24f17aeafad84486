"""How fast an edge's journal takes a day in, and hands it over when the gateway is back.

A day of 40 devices at 10 s, each a block of `POINTS` one-decimal values: bytes of journal and wire
a value, seconds to drain it to a gateway that answers each batch after 20 ms, the first live value
after the connection, and how old live values are meanwhile. Beside it a bare `executemany` of as
many rows into a table without anything, in transactions of the same size.

    python benchmarks/journal_drain.py
"""

import asyncio
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.codec import batches, decode_record, encode
from contracts.instants import SECOND, Instant
from contracts.layouts import Column, Layout, sample
from contracts.messages import Ack, Batch
from contracts.ranges import Ranges
from contracts.records import Record
from edge.journal.disk import Seams
from edge.journal.journal import Journal
from edge.journal.opening import Place
from edge.journal.rows import Stamp
from edge.uplink.uplink import Uplink
from runtime.clock import system_clock
from runtime.database import connect, transaction
from runtime.folder import SystemFolder

DEVICES, POINTS, TICKS = 40, 15, 8640
PERIOD = 10 * SECOND
GROUP = 48
"""Ticks that are written in one transaction."""
ANSWER = 0.02
MOST_DRAIN, MOST_FIRST_LIVE, MOST_AGE = 30.0, 2.0, 1.5
MOST_JOURNAL, MOST_WIRE = 12.0, 8.0
LAYOUT = Layout("air", tuple(Column(f"point-{n}", 1) for n in range(POINTS)))
DIGEST = LAYOUT.digest
T0 = 1_760_000_000 * SECOND
CLOCK = system_clock()


def tick(number: int) -> list[Record]:
    """Sample all devices once."""
    values = {f"point-{n}": (180 + (number * 7 + n * 13) % 80) / 10 for n in range(POINTS)}
    at = T0 + number * PERIOD
    return [
        sample(f"climate-{n:02}", LAYOUT, DIGEST, at + n * 13_000, values) for n in range(DEVICES)
    ]


def journal(folder: Path, life: str, executor: ThreadPoolExecutor) -> Journal:
    """Open the journal in a life."""
    dice = random.Random(life)
    seams = Seams(
        CLOCK.monotonic,
        lambda: Stamp(CLOCK.wall(), life),
        executor,
        lambda: f"{dice.getrandbits(64):016x}",
        dice.random,
    )
    place = Place(SystemFolder(folder), "journal.sqlite3", connect, CLOCK.monotonic)
    return Journal(place, life, seams, lambda _: life)


async def fill(folder: Path, executor: ThreadPoolExecutor) -> float:
    """Write the day; give the seconds of processor time, without making the samples."""
    spent = 0.0
    async with journal(folder, "before", executor) as day:
        for first in range(0, TICKS, GROUP):
            records = [tick(number) for number in range(first, first + GROUP)]
            begun = time.process_time()
            for some in records:
                day.append(some)
            while (await day.step()) == 0.0:
                pass
            spent += time.process_time() - begun
            await asyncio.sleep(0.02)
    return spent


def bare(folder: Path) -> float:
    """Write as many rows into a bare table; give the seconds of processor time."""
    db = connect(folder / "bare.sqlite3")
    db.execute("CREATE TABLE entry (key INTEGER PRIMARY KEY, body BLOB)")
    spent = 0.0
    for first in range(0, TICKS, GROUP):
        bodies = [(encode(one),) for n in range(first, first + GROUP) for one in tick(n)]
        begun = time.process_time()
        with transaction(db):
            db.executemany("INSERT INTO entry (body) VALUES (?)", bodies)
        spent += time.process_time() - begun
    db.close()
    return spent


@dataclass
class Gateway:
    """Answers each batch after a while, and looks at what is live."""

    uplink: Uplink | None = None
    waiting: asyncio.Queue[Batch] = field(default_factory=asyncio.Queue)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    size: int = 0
    held: dict[str, Ranges] = field(default_factory=dict)
    live: list[tuple[float, Instant]] = field(default_factory=list)
    """When it came, and how old it was."""

    async def publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        """Take a batch, as a broker would."""
        del topic, qos, retain
        self.size += len(payload)
        self.waiting.put_nowait(batches.decode(payload))
        return True

    async def run(self) -> None:
        """Answer for ever."""
        assert self.uplink is not None
        while True:
            batch = await self.waiting.get()
            await asyncio.sleep(ANSWER)
            got = (batch.first, batch.first + len(batch.records) - 1)
            held = self.held.get(batch.life, Ranges()).union([got])
            self.held[batch.life] = held
            if batch.life == "before" and held.size >= DEVICES * TICKS:
                self.drained.set()
            named = tuple((one.first, one.last) for one in held)
            ack = Ack(batch.stream, named, batch.life, batch.session, batch.k, 0, CLOCK.wall())
            self.uplink.acknowledge(encode(ack))
            if batch.life == batch.session:
                newest = decode_record(bytes(batch.records[-1]))
                self.live.append((time.perf_counter(), CLOCK.wall() - newest.at))


async def drain(folder: Path, executor: ThreadPoolExecutor) -> tuple[Gateway, float, float]:
    """Hand the day over; give the seconds until it was there, and when it began."""
    gateway = Gateway()
    async with journal(folder, "after", executor) as today:
        gateway.uplink = Uplink(
            today, "journal", gateway.publish, CLOCK.monotonic, lambda: Stamp(CLOCK.wall(), "after")
        )

        async def live() -> None:
            while True:
                values = {f"point-{n}": 20.0 for n in range(POINTS)}
                today.append([sample("climate-00", LAYOUT, DIGEST, CLOCK.wall(), values)])
                await asyncio.sleep(1.0)

        parts = (today.run(), gateway.uplink.run(), gateway.run(), live())
        tasks = [asyncio.create_task(one, name="part") for one in parts]
        begun = time.perf_counter()
        gateway.uplink.connected()
        await gateway.drained.wait()
        taken = time.perf_counter() - begun
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    return gateway, taken, begun


def main() -> int:
    """Measure, print, and say with the exit status whether the aims are met."""
    with TemporaryDirectory() as name, ThreadPoolExecutor(1) as executor:
        folder = Path(name)
        written = asyncio.run(fill(folder, executor))
        size = (folder / "journal.sqlite3").stat().st_size
        gateway, taken, begun = asyncio.run(drain(folder, executor))
        anchor = bare(folder)
    count = DEVICES * TICKS * POINTS
    first = gateway.live[0][0] - begun
    oldest = max(age for _, age in gateway.live) / SECOND
    print(f"journal: {size / count:.1f} bytes a value (at most {MOST_JOURNAL:g})")
    print(f"wire: {gateway.size / count:.1f} bytes a value (at most {MOST_WIRE:g})")
    print(f"written with {written / anchor:.1f} times the processor time of a bare table")
    print(f"a day drained in {taken:.1f} s (at most {MOST_DRAIN:g})")
    print(
        f"first live after {first:.2f} s (at most {MOST_FIRST_LIVE:g}), at most {oldest:.2f} s old"
    )
    met = (
        size / count <= MOST_JOURNAL,
        gateway.size / count <= MOST_WIRE,
        taken <= MOST_DRAIN,
        first <= MOST_FIRST_LIVE,
        oldest <= MOST_AGE,
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
