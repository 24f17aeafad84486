"""What is known of every record, told as plainly as can be: names, bodies, numbers; no rules.

A record is known by its bytes, which no other has. Numbers are those that were seen: of rows on
the edge's disk after each commit, and of records in batches that went out.
"""

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from contracts.codec import acks, encode_record
from contracts.messages import Batch
from contracts.records import Record
from edge.journal.queue import Promise
from runtime.database import Connection, DatabaseError, connect

NUMBER = 2**53 - 1
"""The bits of a journal's key that are the number (`docs/reference/journal.md`)."""
NOTICES = (b'{"kind":"closing"', b'{"kind":"given-up"')


def rows_of(db: Connection, where: str = "", values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the rows of a journal: stream, number, body."""
    streams: dict[Any, Any] = dict(db.execute("SELECT slot, name FROM stream"))
    found: list[tuple[Any, ...]] = db.execute(
        f"SELECT key, body FROM entry {where}",  # noqa: S608 - a constant
        values,
    ).fetchall()
    return [
        (streams[key // (NUMBER + 1)], key & NUMBER, bytes(body))
        for key, body in found
        if key // (NUMBER + 1) in streams
    ]


def rows_in(path: Path) -> list[tuple[Any, ...]]:
    """Give the rows of a journal that no process has open; none that cannot be read."""
    if not path.exists():
        return []
    try:
        db = connect(path, read_only=True)
    except DatabaseError:
        return []
    try:
        return rows_of(db)
    except DatabaseError:  # it is damaged: what cannot be read has been seen before
        return []
    finally:
        db.close()


@dataclass
class Account:
    """One story's."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    names: dict[bytes, str] = field(default_factory=dict)
    events: set[str] = field(default_factory=set)
    waiting: dict[str, Promise] = field(default_factory=dict)
    durable: dict[str, float] = field(default_factory=dict)
    """When that was seen, in seconds of the story."""
    numbers: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    notices: dict[bytes, set[tuple[str, int]]] = field(default_factory=dict)
    """Records of the journal about itself, and the numbers that they had."""
    excused_notices: set[bytes] = field(default_factory=set)
    numbers_reused: bool = False
    """Whether a disk was replaced together with its witness, so that numbers were given twice."""
    excused: dict[str, str] = field(default_factory=dict)
    """What nobody can save, and why."""
    stored_once: dict[str, tuple[int, int]] = field(default_factory=dict)
    """What a store that was replaced had: when it was received, and when the copy was put back."""
    untold: set[str] = field(default_factory=set)
    """What a store that was replaced had, as long as it has not said so."""
    damaged: bool = False
    """Whether a journal or a store was altered or replaced: until then, no event may be missing."""
    trusting: bool = False
    """Whether an ack was forged in the edge's present life."""
    on_trust: set[str] = field(default_factory=set)
    """What is durable since, but was never seen on disk: a kill may lose it."""
    seen_on_disk: set[str] = field(default_factory=set)
    memory_spoilt: bool = False
    """Whether what the edge remembers was altered or replaced: it then takes the safe side."""
    memory_unwritten: bool = False
    """Whether the edge ended while what it remembers waited for a sick disk: an outcome may have
    been told from memory, and the next life takes the safe side."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each command was carried out."""
    largest_ack: int = 0
    """Ranges in one."""

    def appended(self, name: str, record: Record, promise: Promise) -> None:
        """Take note of a record that was handed to the journal."""
        body = encode_record(record)
        self.bodies[name], self.names[body] = body, name
        self.waiting[name] = promise

    def look(self, now: float) -> None:
        """See which promises were kept."""
        for name, promise in list(self.waiting.items()):
            if promise.kept:
                self.durable[name] = now
                if self.trusting and name not in self.seen_on_disk:
                    self.on_trust.add(name)
                del self.waiting[name]

    def began_anew(self, store: Path) -> None:
        """Whoever waited for a promise is gone, and what the edge had heard."""
        self.waiting.clear()
        self.excuse(self.on_trust, "an ack was forged for what was in memory only")
        self.on_trust.clear()
        self.trusting = False
        if self.untold:
            with closing(connect(store, read_only=True)) as db:
                told = db.execute("SELECT 1 FROM lost_time").fetchall()
            if not told:
                self.excuse(self.untold, "who had heard of the store that was replaced is gone")
            self.untold = set()

    @property
    def thinned(self) -> bool:
        """Whether the journal gave anything up."""
        return any(body.startswith(NOTICES[1]) for body in self.notices)

    def on_disk(self, rows: list[tuple[Any, ...]]) -> None:
        """Take note of rows on the edge's disk."""
        for stream, number, body in rows:
            name = self.names.get(body)
            if name is not None:
                self.numbers.setdefault(name, set()).add((stream, number))
                self.seen_on_disk.add(name)
            elif body.startswith(NOTICES):
                self.notices.setdefault(body, set()).add((stream, number))

    def went_out(self, payload: bytes) -> None:
        """Take note of the numbers in a batch."""
        try:
            batch = msgspec.json.decode(payload, type=Batch)
        except (msgspec.DecodeError, UnicodeDecodeError):  # a rotten row in it: nobody can read it
            return
        for place, raw in enumerate(batch.records):
            name = self.names.get(bytes(raw))
            if name is not None:
                self.numbers.setdefault(name, set()).add((batch.stream, batch.first + place))

    def acked(self, payload: bytes) -> None:
        """Take note of an ack."""
        self.largest_ack = max(self.largest_ack, len(acks.decode(payload).committed))

    def open_promises(self) -> list[str]:
        """Give the records of which nobody ever said whether they are durable."""
        return [
            name
            for name, one in self.waiting.items()
            if not one._done.is_set()  # noqa: SLF001 - nothing but a proof asks without waiting
        ]

    def told(self) -> None:
        """All that a process knew has been told: its end excuses nothing."""
        self.on_trust.clear()
        self.untold.clear()

    def excuse(self, names: set[str], why: str) -> None:
        """Take note of records that may be missing without a word."""
        for name in names:
            self.excused.setdefault(name, why)

    def replaced(self, store: Path, copy: Path, now: int, heard: int) -> None:
        """Take note that a store is replaced by an old copy of it.

        `heard`: the newest stamp of a gateway that the edge's present life has heard; 0: none.
        """
        self.damaged = True
        with closing(connect(store, read_only=True)) as db:
            had = self._stored(db)
        with closing(connect(copy, read_only=True)) as db:
            (stamped,) = next(db.execute("SELECT coalesce(max(last), 0) FROM stamped"))
            # What was said of an earlier one that was replaced goes with this one, too.
            names = (set(had) | set(self.stored_once)) - set(self._stored(db))
        self.stored_once |= {name: (had[name], now) for name in names & set(had)}
        if heard > stamped:
            self.untold |= names
        else:
            self.excuse(names, "nobody had heard of the store that was replaced")

    def _stored(self, db: Connection) -> dict[str, int]:
        """Give the records of a store, and when each was received."""
        found = [
            *db.execute("SELECT body, received FROM event WHERE kind = 'device'"),
            *db.execute("SELECT value, received FROM reading"),
        ]
        named = (
            (self.names.get(bytes(told)) if isinstance(told, bytes) else f"s{told:.0f}", received)
            for told, received in found
        )
        return {name: int(received) for name, received in named if name is not None}
