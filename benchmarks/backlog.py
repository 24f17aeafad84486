"""How soon a day of backlog is in the gateway's store, and what becomes of live values meanwhile.

20 devices of 10 points, each read at 10 s for 24 hours (1,728,000 values), lie in the journal of an
edge that was cut off. A real `wenlan edge` goes on polling them; a real
`wenlan gateway` keeps its store on disk; then the broker comes back. Beside it, in the same run,
the anchor: as many bare rows written into a table with one index, in transactions of a batch.

Live values are judged by the store: when each had come (`received`) and when it was measured.
"""

import asyncio
import random
import sqlite3
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import aiomqtt
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._processes import Usage, running, running_broker
from contracts.codec import acks
from contracts.instants import SECOND, Instant
from contracts.layouts import Layout, sample
from contracts.ranges import Ranges
from contracts.records import Record
from contracts.topics import of_edge
from edge.composition import build_devices
from edge.journal.disk import Seams
from edge.journal.journal import Journal
from edge.journal.opening import Place
from edge.journal.rows import Stamp
from runtime.database import connect, transaction
from runtime.folder import SystemFolder
from runtime.host import system_host
from wenlan.example.ports import free
from wenlan.site_rules import load_checked_site

DEVICES, LINKS, POINTS, TICKS = 20, 4, 10, 8640
VALUES = DEVICES * POINTS * TICKS
PERIOD = 10 * SECOND
GROUP = 144
"""Ticks that are written into the journal in one transaction."""
STARTING = 8.0
"""Seconds for edge and gateway to start, before the broker is there."""
LONGEST = 120.0
MOST_DRAIN, MOST_FIRST_LIVE, MOST_AGE = 30.0, 2.0, 1.5
LIFE = "before"
HOST = system_host()


def write_site(folder: Path, broker: int, device: int) -> Path:
    """Write the site file."""
    name = {"en": "Bench", "zh": "基准"}
    points = [
        {
            "name": f"t{n}",
            "quantity": "air_temperature",
            "table": "holding",
            "register": n + 1,
            "type": "int16",
            "scale": 0.1,
        }
        for n in range(POINTS)
    ]
    devices = [
        {
            "id": f"climate-{n:02}",
            "model": "custom",
            "unit": 1 + n,
            "space": "hall",
            "period": "10s",
            "map": {"points": points},
        }
        for n in range(DEVICES)
    ]
    links = [
        {
            "kind": "modbus-tcp",
            "id": f"bus-{n}",
            "host": f"127.0.0.{1 + n}",
            "port": device,
            "devices": devices[n::LINKS],
        }
        for n in range(LINKS)
    ]
    whole = {
        "site": "bench",
        "name": name,
        "timezone": "Asia/Shanghai",
        "broker": f"mqtt://127.0.0.1:{broker}",
        "spaces": [{"id": "hall", "kind": "reading", "name": name}],
        "edges": [{"id": "edge", "links": links}],
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    return path


def tick(layouts: dict[str, Layout], digests: dict[str, str], at: Instant) -> list[Record]:
    """Read every device once."""
    turn = at // PERIOD
    return [
        sample(
            device,
            layout,
            digests[device],
            at + place * SECOND // 20,
            {
                column.name: (180 + (turn + place + n) % 60) / 10
                for n, column in enumerate(layout.columns)
            },
        )
        for place, (device, layout) in enumerate(layouts.items())
    ]


async def fill(site: Path, data: Path, ends: Instant) -> None:
    """Write the day into the edge's journal, as the edge would have."""
    edge = load_checked_site(site, {}).site.edges[0]
    cards = build_devices(edge, HOST, HOST.clock).cards
    layouts = {card.device: card.layouts[0] for card in cards}
    digests = {device: layout.digest for device, layout in layouts.items()}
    dice = random.Random(LIFE)
    with ThreadPoolExecutor(1) as executor:
        seams = Seams(
            HOST.clock.monotonic,
            lambda: Stamp(ends, LIFE),
            executor,
            lambda: f"{dice.getrandbits(64):016x}",
            dice.random,
        )
        place = Place(SystemFolder(data), "journal-edge.sqlite3", connect, HOST.clock.monotonic)
        async with Journal(place, LIFE, seams, lambda _: LIFE) as journal:
            writing = asyncio.create_task(journal.run(), name="journal")
            for first in range(0, TICKS, GROUP):
                for number in range(first, first + GROUP):
                    journal.append(tick(layouts, digests, ends - (TICKS - number) * PERIOD))
                assert await journal.append([]).durable(60.0), "the disk is sick"
            writing.cancel()
            await asyncio.wait([writing])


async def drained(broker: int) -> float:
    """Wait until the gateway has acknowledged the whole day; give when, on the monotonic clock."""
    topics = of_edge("bench", "edge")
    async with aiomqtt.Client("127.0.0.1", broker, identifier="bench") as client:
        await client.subscribe(topics.ack, qos=0)
        async with asyncio.timeout(LONGEST):
            async for message in client.messages:
                ack = acks.decode(bytes(message.payload))
                if ack.life == LIFE and Ranges(ack.committed).covers(1, DEVICES * TICKS):
                    return time.monotonic()
    raise AssertionError("the broker is gone")


def live(store: Path, ends: Instant, back: Instant) -> tuple[float, float, int]:
    """Tell of the values after the day's end, when the broker was there `back`.

    Seconds until the first had come; the age at which the oldest came, of those measured since;
    and how many these are.
    """
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        (first,) = db.execute("SELECT min(received) FROM reading WHERE at > ?", (ends,)).fetchone()
        age, count = db.execute(
            "SELECT max(received - at), count(*) FROM reading WHERE at >= ?", (back,)
        ).fetchone()
    return (first - back) / SECOND, age / SECOND, count


def stored(store: Path, until: Instant) -> tuple[int, int]:
    """Count the readings of the day, and those that are there twice."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        count, different = db.execute(
            "SELECT sum(n), sum(ats) FROM (SELECT count(*) AS n, count(DISTINCT at) AS ats"
            " FROM reading WHERE at < ? GROUP BY point)",
            (until,),
        ).fetchone()
    return count, count - different


def bare(folder: Path) -> float:
    """Write as many bare rows; give the seconds."""
    db = connect(folder / "bare.sqlite3")
    db.execute(
        "CREATE TABLE reading (point INTEGER, at INTEGER, value REAL, PRIMARY KEY (point, at))"
        " WITHOUT ROWID"
    )
    begun = time.monotonic()
    each = 20 * DEVICES * POINTS
    for first in range(0, VALUES, each):
        rows = [(n % 200, n // 200, (180 + n % 60) / 10) for n in range(first, first + each)]
        with transaction(db):
            db.executemany("INSERT INTO reading VALUES (?, ?, ?)", rows)
    taken = time.monotonic() - begun
    db.close()
    return taken


async def measure(folder: Path, device: int) -> int:
    """Let the day drain; print, and give how many aims were missed."""
    broker = free(0)
    site, data = write_site(folder, broker, device), folder / "data"
    data.mkdir()
    ends = HOST.clock.wall() - PERIOD
    await fill(site, data, ends)
    ours = (sys.executable, "-m", "wenlan")
    rest = ("--site", str(site), "--data", str(data))
    web = str(free(0))
    with (
        running(*ours, "gateway", *rest, "--port", web) as gateway,
        running(*ours, "edge", "edge", *rest) as edge,
    ):
        await asyncio.sleep(STARTING)
        before = Usage.of(edge.pid), Usage.of(gateway.pid)
        with running_broker(folder / "broker", broker):
            begun, back = time.monotonic(), HOST.clock.wall()
            taken = await drained(broker) - begun
            usage = Usage.of(edge.pid), Usage.of(gateway.pid)
            store = data / "store.sqlite3"
            first, age, count = await asyncio.to_thread(live, store, ends, back)
    there, doubled = stored(store, ends)
    anchor = bare(folder)
    figures = {
        "s until the day was in the store": (taken, MOST_DRAIN),
        "s until the first live value had come": (first, MOST_FIRST_LIVE),
        "s old a live value at most": (age, MOST_AGE),
        "values lost": (VALUES - there, 0.0),
        "values doubled": (doubled, 0.0),
    }
    for what, (seen, aim) in figures.items():
        print(f"{seen:.2f} {what}, aim {aim:g} or less")
    print(f"{taken / anchor:.1f} times as long as {VALUES} bare rows ({anchor:.1f} s)")
    for who, start, end in zip(("edge", "gateway"), before, usage, strict=True):
        cpu = end.cpu - start.cpu
        print(f"{who}: {cpu:.1f} s of a processor, {end.resident / 1e6:.0f} MB resident")
    print(f"{count} live values meanwhile")
    return sum(seen > aim for seen, aim in figures.values())


def main() -> int:
    """Run, print, and give how many aims were missed."""
    served = Path(__file__).with_name("device_to_sink.py")
    with (
        tempfile.TemporaryDirectory() as name,
        running(sys.executable, str(served), "serve") as device,
    ):
        assert device.stdout is not None
        return asyncio.run(measure(Path(name), int(device.stdout.readline())))


if __name__ == "__main__":
    sys.exit(main())
