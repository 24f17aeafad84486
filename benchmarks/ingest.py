"""How many readings per second one core commits, against the bare database.

Through the gateway's own writer (decoding, engines, visits, ledgers, one transaction, acks), fed
with batches of 500 readings of 200 points, half temperature and half humidity, all with limits.
Beside it, round by round, a bare `executemany` of the same rows into the same table of an empty
store with the same settings and transactions of the same size. The median of the ratios counts.

    python benchmarks/ingest.py
"""

import logging
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks._probes import DEVICES, batch, cards, site
from contracts.instants import SECOND
from contracts.records import Reading
from gateway.engine.writer import Writer
from gateway.ingest.validation import Arrived
from gateway.storage.sqlite import MIGRATIONS, STATEMENTS, configure
from runtime.database import Connection, connect

AIM = 0.5
FLOOR = 0.25
BATCH = 500
BATCHES_IN_TRANSACTION = 4
TRANSACTIONS = 40
ROUNDS = 7
PERIOD = 2 * SECOND
T0 = 1_760_000_000 * SECOND

Row = tuple[int, int, int, int, float, int, int]


class Figure(NamedTuple):
    """One round: readings per second of processor and disk time."""

    ours: float
    bare: float


def readings() -> Iterator[Reading]:
    """Poll all probes for ever; values wander inside their band."""
    tick = 0
    while True:
        tick += 1
        for n in range(DEVICES):
            at = T0 + tick * PERIOD + n * 1000
            wander = (tick * 7 + n * 13) % 40 / 10
            yield Reading(f"probe-{n}/temperature", at, round(17.0 + wander, 1))
            yield Reading(f"probe-{n}/humidity", at, round(48.0 + 2 * wander, 1))


class Ours:
    """The gateway's writer."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.writer = Writer(site("15min"), folder / "ours.sqlite3", lambda: self.now, connect)
        self.writer.take(list(cards(PERIOD / SECOND, T0)))
        points = self.writer.ingest().registry.points
        self.points = {path: point.id for path, point in points.items()}

    def commit(self, messages: list[Arrived]) -> float:
        """Take one transaction's worth; give the seconds."""
        self.now = messages[-1].received
        begun = time.perf_counter()
        self.writer.take(messages)
        return time.perf_counter() - begun


def bare_store(folder: Path) -> Connection:
    """Make a store with the same schema and settings, and nothing in it."""
    connection = connect(folder / "bare.sqlite3", statements=STATEMENTS)
    configure(connection)
    connection.execute(MIGRATIONS[0]).fetchall()
    return connection


def bare_commit(store: Connection, rows: list[Row]) -> float:
    """Insert one transaction's rows; give the seconds."""
    begun = time.perf_counter()
    store.execute("BEGIN IMMEDIATE")
    store.executemany("INSERT INTO reading VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    store.execute("COMMIT")
    return time.perf_counter() - begun


def measure(folder: Path) -> list[Figure]:
    """Run both side by side, transaction by transaction."""
    ours = Ours(folder)
    figures = []
    source = readings()
    seq = 1
    size = BATCH * BATCHES_IN_TRANSACTION
    with closing(bare_store(folder)) as bare:
        for _ in range(ROUNDS):
            taken = inserted = 0.0
            for _ in range(TRANSACTIONS):
                messages, rows = [], list[Row]()
                for _ in range(BATCHES_IN_TRANSACTION):
                    records = [next(source) for _ in range(BATCH)]
                    received = records[-1].at + SECOND // 2
                    messages.append(batch(seq, records, received))
                    for one in records:
                        assert one.value is not None
                        point = ours.points[one.point]
                        rows.append((point, one.at, 1, seq, one.value, 0, received))
                        seq += 1
                taken += ours.commit(messages)
                inserted += bare_commit(bare, rows)
            figures.append(Figure(size * TRANSACTIONS / taken, size * TRANSACTIONS / inserted))
        check(ours, bare)
    ours.writer.close()
    return figures


def check(ours: Ours, bare: Connection) -> None:
    """Both stores must hold the same readings."""
    query = "SELECT count(*), sum(seq), sum(value) FROM reading"
    (mine,) = ours.writer.ingest().store.connection.execute(query)
    (theirs,) = bare.execute(query)
    if tuple(mine) != tuple(theirs):
        raise AssertionError(f"the stores differ: {mine} against {theirs}")


def main() -> int:
    """Print the figures; the exit status is 1 below the floor."""
    logging.disable(logging.WARNING)
    with TemporaryDirectory(prefix="wenlan-bench-") as folder:
        figures = measure(Path(folder))
    ratio = statistics.median(one.ours / one.bare for one in figures)
    ours = statistics.median(one.ours for one in figures)
    bare = statistics.median(one.bare for one in figures)
    print(
        f"gateway ingest: {ours:,.0f} readings/s committed; bare executemany {bare:,.0f} rows/s;"
        f" ratio {ratio:.2f} (median of {len(figures)} rounds; aim {AIM}, floor {FLOOR})"
    )
    return int(ratio < FLOOR)


if __name__ == "__main__":
    sys.exit(main())
