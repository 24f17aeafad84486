"""An edge's journal on disk: one SQLite file, one writer.

Everything here blocks, and raises DatabaseError. What is in memory (`streams`) is what was
committed: after an error the file is closed and opened anew, because a commit that raised may yet
be on disk.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.ranges import Ranges
from contracts.records import Record, StreamClosed
from edge.journal.numbers import without
from edge.journal.packing import Stored, packed, stored
from edge.journal.queue import Key
from edge.journal.rows import (
    Limits,
    Lost,
    Piece,
    Row,
    Stamp,
    given_up,
    row_of,
    sound,
)
from edge.journal.schema import (
    SLOTS,
    Life,
    Stream,
    Words,
    check_names,
    key_of,
    load_streams,
    save_life,
    save_remembered,
    save_stream,
)
from edge.journal.witness import Mark
from runtime.database import Connection, close, transaction

MOST_HELD = 1000
"""Ranges that a closing names; more are joined, which promises more than is there, never less."""
UP = (
    "SELECT key, segment, block, at, crc, was, body FROM entry WHERE key BETWEEN ? AND ?"
    " ORDER BY key LIMIT ?"
)
DOWN = UP.replace("ORDER BY key", "ORDER BY key DESC")
NO_MEMORY = "there was no room in memory"


class Closing(NamedTuple):
    """What is said of a stream that is left."""

    stream: str
    newest: Life
    reason: str
    last: int = 0
    """The newest number that is known to have been given."""


class JournalFile:
    """An open journal, in the life that opened it."""

    def __init__(self, db: Connection, life: str) -> None:
        check_names(db)
        self.db = db
        self.life = life
        self.words = Words(db)
        self.streams = load_streams(db)
        self.moved_to = self.own.last
        """Records of the own stream up to this number may be of any life."""

    @property
    def own(self) -> Stream:
        """The stream that new records go to."""
        return next(one for one in self.streams.values() if one.use == "own")

    @property
    def mark(self) -> Mark:
        """What a witness is to say of it."""
        own = self.own
        return Mark(own.name, own.last, own.lives[-1].since, own.lives[-1].life)

    def stream(self, name: str) -> Stream | None:
        """Give a stream of which rows may be here."""
        return next(
            (one for one in self.streams.values() if one.name == name and one.use != "left"), None
        )

    def write(
        self, rows: Sequence[Row | Lost], changes: Mapping[Key, bytes | None], stamp: Stamp
    ) -> None:
        """Write in one durable transaction."""
        with transaction(self.db):
            own = self._add(self.own, rows, stamp)
            for (kind, key), value in changes.items():
                save_remembered(self.db, kind, key, value)
            save_stream(self.db, own)
        self.streams[own.slot] = own

    def forget(self, gone: Mapping[str, Ranges]) -> None:
        """Delete what the gateway has named twice."""
        changed: list[Stream] = []
        with transaction(self.db):
            for name, ranges in gone.items():
                stream = self.stream(name)
                if stream is None:
                    continue
                changed.append(delete_rows(self.db, stream, ranges))
                save_stream(self.db, changed[-1])
        for stream in changed:
            self.streams[stream.slot] = stream

    def read(self, name: str, first: int, last: int, limits: Limits) -> tuple[Piece | None, int]:
        """Give consecutive records of one life and clock segment, down from `last`.

        Also the number of a row that is rotten or gone, which stands right below or, when there
        is no piece, at `last`; 0: none was met.
        """
        stream = self.stream(name)
        if stream is None or last not in stream.held:
            return None, 0
        since, life = stream.life_of(last)
        first = max(first, since, [*stream.held.within(1, last)][-1].first)
        found: list[Row] = []
        size, rotten, number = 0, 0, last
        for one in self.rows(stream, first, last, limits.records, down=True):
            if one.number != number or one.row is None or not sound(one.row.body):
                rotten = number
                break
            size += one.row.weight
            if found and (size > limits.size or one.row.segment != found[0].segment):
                break
            found.append(one.row)
            number -= 1
        else:
            if number >= first and len(found) < limits.records:
                rotten = number
        if not found:
            return None, rotten
        return Piece(name, life, since, number + 1, tuple(reversed(found))), rotten

    def rows(
        self, stream: Stream, first: int, last: int, most: int, *, down: bool = False
    ) -> list[Stored]:
        """Give the rows that are there, sound or not, in order or down from the last."""
        found = self.db.execute(
            DOWN if down else UP,
            (key_of(stream.slot, first), key_of(stream.slot, last), most),
        )
        return [stored(self.words, told) for told in found]

    def replace(
        self,
        name: str,
        gone: Ranges,
        kept: Sequence[Row],
        notices: Sequence[Record],
        stamp: Stamp,
    ) -> None:
        """Delete rows and give those that survive new numbers, behind the notices, in one commit.

        `kept` already say what they were.
        """
        stream = self.stream(name)
        if stream is None:
            return
        added = [*(row_of(one, stamp.segment, urgent=True) for one in notices), *kept]
        with transaction(self.db):
            less = delete_rows(self.db, stream, gone)
            own = self._add(less if less.use == "own" else self.own, added, stamp)
            save_stream(self.db, own)
            if less.slot != own.slot:
                save_stream(self.db, less)
        self.streams[less.slot] = less
        self.streams[own.slot] = own
        self.moved_to = own.last

    def leave(self, name: str, closings: Sequence[Closing], stamp: Stamp) -> None:
        """Begin a new stream; the old one drains under its own numbers. One commit."""
        with transaction(self.db):
            old, own = leave(self.db, self.streams, (name, self.life))
            own = self._add(
                own, closing_rows([*self.streams.values(), old], closings, stamp), stamp
            )
            save_stream(self.db, own)
        self.streams[old.slot] = old
        self.streams[own.slot] = own

    def used(self) -> int:
        """Count the bytes in use; pages that were freed are used again and do not count."""
        pages = int(self.db.pragma("page_count")) - int(self.db.pragma("freelist_count"))
        return pages * int(self.db.pragma("page_size"))

    def add_closings(self, closings: Sequence[Closing], stamp: Stamp) -> None:
        """Say of streams, within a transaction, that they were left."""
        own = self._add(self.own, closing_rows(self.streams.values(), closings, stamp), stamp)
        save_stream(self.db, own)
        self.streams[own.slot] = own

    def close(self) -> None:
        """Close the file, on a sick disk too."""
        close(self.db)

    def _add(self, own: Stream, rows: Sequence[Row | Lost], stamp: Stamp) -> Stream:
        number, added, there = own.last, list[tuple[object, ...]](), list[tuple[int, int]]()
        for row in rows:
            if isinstance(row, Lost):
                begin, number = number + 1, number + row.total
                row = given_up(row, begin, own.name, own.lives[-1].life, stamp, NO_MEMORY)  # noqa: PLW2901
            number += 1
            added.append(packed(self.words, key_of(own.slot, number), row))
            if there and there[-1][1] == number - 1:
                there[-1] = (there[-1][0], number)
            else:
                there.append((number, number))
        if added:
            self.db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", added)
        return own._replace(last=number, held=own.held.union(there))


def leave(
    db: Connection, streams: Mapping[int, Stream], born: tuple[str, str]
) -> tuple[Stream, Stream]:
    """Within a transaction: turn the own stream into one that drains, and begin another.

    `born`: the new stream's name and its life. Give the old one and the new one.
    """
    old = next(one for one in streams.values() if one.use == "own")
    old = old._replace(use="draining" if len(old.held) else "left")
    name, life = born
    free = (number for number in range(SLOTS) if number not in streams)
    left = (one.slot for one in streams.values() if one.use == "left")
    slot = next(free, None)
    if slot is None:
        slot = next(left)
        db.execute("DELETE FROM life WHERE slot = ?", (slot,))
    new = Stream(slot, name, "own", life, 0, Ranges(), (Life(1, life),))
    save_stream(db, old)
    save_stream(db, new)
    save_life(db, slot, new.lives[0])
    return old, new


def delete_rows(db: Connection, stream: Stream, gone: Ranges) -> Stream:
    """Delete rows within a transaction; give the stream without them."""
    db.executemany(
        "DELETE FROM entry WHERE key BETWEEN ? AND ?",
        [(key_of(stream.slot, low), key_of(stream.slot, high)) for low, high in gone],
    )
    held = without(stream.held, gone)
    use = "left" if stream.use == "draining" and not len(held) else stream.use
    return stream._replace(held=held, use=use)


def closing_rows(streams: Iterable[Stream], closings: Sequence[Closing], stamp: Stamp) -> list[Row]:
    """Make the records that close streams."""
    held = {one.name: one.held for one in streams}
    return [
        row_of(
            StreamClosed(
                stamp.at,
                one.stream,
                one.newest.life,
                one.newest.since,
                coarse(held.get(one.stream, Ranges())),
                one.reason,
                one.last,
            ),
            stamp.segment,
            urgent=True,
        )
        for one in closings
    ]


def coarse(held: Ranges) -> tuple[tuple[int, int], ...]:
    """Give ranges as a closing names them: at most `MOST_HELD`, the widest gaps kept."""
    told = [(low, high) for low, high in held]
    while len(told) > MOST_HELD:
        told = [
            (low, told[min(place + 1, len(told) - 1)][1])
            for place, (low, _) in enumerate(told)
            if place % 2 == 0
        ]
    return tuple(told)
