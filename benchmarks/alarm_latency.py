"""How soon an alarm shows after its reading arrived, with 10,000 readings per second coming in.

From the bytes of a batch being handed to the gateway's inbox until the alarm's row is on disk and
the live picture says so, on the real pipeline: writer thread, SQLite with a full sync, effects.
Every fifth batch holds one reading beyond its limit, which has no delay.

    python benchmarks/alarm_latency.py
"""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks._probes import DEVICES, batch, cards, site
from contracts.codec import acks
from contracts.instants import Instant
from contracts.records import Reading
from gateway.devices.snapshot import Live
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.pipeline import Outcome
from runtime.host import system_host

RATE = 10_000
"""Readings per second."""
LENGTH = 12
"""Seconds."""
BATCH = 100
EVERY = 5
"""Batches from one alarm to the next."""
FLOOR = 0.050
"""Seconds, 99th percentile."""
HOT = 30.0


def now() -> Instant:
    """Read the clock."""
    return time.time_ns() // 1000


class Watch:
    """Notes when each alarm was shown."""

    def __init__(self) -> None:
        self.live = Live()
        self.handed: dict[str, float] = {}
        self.latencies: list[float] = []
        self.all_stored = asyncio.Event()

    async def __call__(self, outcome: Outcome) -> None:
        """Take what the pipeline says after a commit."""
        if outcome.picture is not None:
            self.live.show(outcome.picture)
        for alarm in outcome.raised:
            handed = self.handed.pop(alarm.key.source, None)
            if handed is not None:
                self.latencies.append(time.perf_counter() - handed)
        for _, _, payload in outcome.acks:
            if acks.decode(payload).committed == ((1, LENGTH * RATE),):
                self.all_stored.set()


def values() -> Iterator[tuple[str, float]]:
    """Poll all probes for ever."""
    while True:
        for n in range(DEVICES):
            yield f"probe-{n}/temperature", 19.0
            yield f"probe-{n}/humidity", 50.0


async def offer(writer_thread: WriterThread, watch: Watch) -> None:
    """Hand over batches at the promised rate, whatever becomes of them."""
    source = values()
    begun = time.perf_counter()
    for count in range(LENGTH * RATE // BATCH):
        late = begun + count * BATCH / RATE - time.perf_counter()
        if late > 0:
            await asyncio.sleep(late)
        at = now()
        polled = islice(source, BATCH)
        records = [Reading(point, at - BATCH + n, value) for n, (point, value) in enumerate(polled)]
        hot = ""
        if count % EVERY == EVERY - 1:
            place = 2 * (count // EVERY % (BATCH // 2))
            hot = records[place].point
            records[place] = Reading(hot, records[place].at, HOT)
        message = batch(1 + count * BATCH, records, now())
        if hot:
            watch.handed[hot] = time.perf_counter()
        writer_thread.offer(message)


async def measure(folder: Path) -> tuple[Watch, float]:
    """Run the pipeline; give the watch, and the seconds from the last offer to rest."""
    watch, host = Watch(), system_host()
    writer_thread = WriterThread(now, watch, host.threads("store", 1), host.clock.sleep)
    await writer_thread.open(site("0s"), folder / "store.sqlite3", host.connect)
    tasks = [
        asyncio.create_task(writer_thread.run(), name="writer"),
        asyncio.create_task(writer_thread.keep_time(), name="clock"),
    ]
    for card in cards(1.0, now()):
        writer_thread.offer(card)
    await asyncio.sleep(0.5)
    await offer(writer_thread, watch)
    begun = time.perf_counter()
    await watch.all_stored.wait()
    rest = time.perf_counter() - begun
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await writer_thread.close()
    return watch, rest


def main() -> int:
    """Print the figures; the exit status is 1 when the promise is not kept."""
    logging.disable(logging.WARNING)
    with TemporaryDirectory(prefix="wenlan-bench-") as folder:
        watch, rest = asyncio.run(measure(Path(folder)))
    found = sorted(watch.latencies)
    expected = LENGTH * RATE // BATCH // EVERY
    if len(found) < expected or not found:
        print(f"alarm latency: only {len(found)} of {expected} alarms came")
        return 1
    p50, p99 = found[len(found) // 2], found[min(len(found) - 1, int(len(found) * 0.99))]
    print(
        f"reading to alarm: p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms,"
        f" longest {found[-1] * 1000:.1f} ms ({len(found)} alarms, {RATE:,} readings/s for"
        f" {LENGTH} s, at rest {rest:.2f} s after the last; floor p99 {FLOOR * 1000:.0f} ms)"
    )
    return int(p99 > FLOOR)


if __name__ == "__main__":
    sys.exit(main())
