"""Carries what can still be read of a damaged journal into a new file beside it.

Rows are found by their keys: where a page cannot be read, the search goes on behind it. A row
counts when its checksum is right, so that nothing altered is ever sent; the holes are what the
closing of the old stream does not name. Columns are told by their place: a bit that flipped in a
name takes nothing along.
"""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from contracts.ranges import Ranges
from edge.journal.directory import Directory
from edge.journal.file import Closing, JournalFile
from edge.journal.port import FORGOTTEN, Forgotten
from edge.journal.rows import Stamp, checksum, text_checksum
from edge.journal.schema import (
    STATEMENTS,
    VERSION,
    Life,
    Stream,
    key_of,
    number_of,
    save_life,
    save_remembered,
    save_stream,
    slot_of,
)
from edge.journal.witness import Mark
from runtime.database import Connection, DatabaseError, Failure, failure, transaction

log = logging.getLogger(__name__)

STEP = 500
"""Rows carried over in one transaction."""
FARTHEST = 2**62


class Fresh(NamedTuple):
    """What a new file begins with."""

    stream: str
    life: str
    stamp: Stamp


class Known(NamedTuple):
    """What stands beside the damaged file."""

    mark: Mark | None
    names: Directory


def begin(db: Connection, fresh: Fresh, closings: list[Closing]) -> None:
    """Make the tables of a new journal in one commit, with the closing of what went before."""
    with transaction(db):
        for statement in STATEMENTS:
            db.execute(statement)
        own = Stream(0, fresh.stream, "own", fresh.life, 0, Ranges(), (Life(1, fresh.life),))
        save_stream(db, own)
        save_life(db, 0, own.lives[0])
        if closings:
            file = JournalFile(db, fresh.life)
            file.add_closings(closings, fresh.stamp)
            note_forgotten(db, closings[0].reason)
        db.pragma("user_version", VERSION)


def note_forgotten(db: Connection, reason: str) -> None:
    """Remember, within a transaction, that something remembered may be gone."""
    save_remembered(db, FORGOTTEN, FORGOTTEN, msgspec.json.encode(Forgotten(reason)))


def salvage(old: Connection, new: Connection, fresh: Fresh, known: Known, why: str) -> int:
    """Fill the new file from the damaged one; give how many rows were carried over.

    Raises DatabaseError for what is not the old file's damage.
    """
    streams = _streams(old, known)
    begin(new, fresh, [])
    _copy(old, new, "word", 3)
    with transaction(new):
        for number, text in known.names.words:
            content = text.encode()
            new.execute(
                "INSERT OR REPLACE INTO word VALUES (?, ?, ?)",
                (number, content, text_checksum(number, content)),
            )
    _copy(old, new, "remembered", 4)
    slots = {slot: slot + 1 for slot in streams}
    held: dict[int, list[int]] = {slot: [] for slot in streams}
    count = 0
    for piece in _pieces(old):
        rows = [
            (key_of(slots[slot_of(key)], number_of(key)), *_again(slots, key, rest))
            for key, *rest in piece
            if slot_of(key) in streams and streams[slot_of(key)].lives and _right(key, rest)
        ]
        with transaction(new):
            new.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        for key, *_ in rows:
            held[slot_of(key) - 1].append(number_of(key))
        count += len(rows)
    _finish(new, fresh, streams, held, why)
    return count


def _finish(
    new: Connection,
    fresh: Fresh,
    streams: dict[int, Stream],
    held: dict[int, list[int]],
    why: str,
) -> None:
    closings: list[Closing] = []
    with transaction(new):
        for slot, stream in streams.items():
            begun = stream.lives[0].since if stream.lives else 1
            there = Ranges((number, number) for number in held[slot] if number >= begun)
            last = max(stream.last, there.last or 0)
            use = "draining" if len(there) else "left"
            save_stream(new, stream._replace(slot=slot + 1, use=use, held=there, last=last))
            for life in stream.lives:
                save_life(new, slot + 1, life)
            if stream.use != "left" and stream.lives:
                closings.append(Closing(stream.name, stream.lives[-1], why, last))
        file = JournalFile(new, fresh.life)
        if closings:
            file.add_closings(closings, fresh.stamp)
        note_forgotten(new, why)


def _again(slots: dict[int, int], key: int, rest: list[Any]) -> tuple[Any, ...]:
    segment, block, at, _, was, body = rest
    moved = key_of(slots[slot_of(key)], number_of(key))
    return (segment, block, at, checksum((moved, segment, block, at), was, body), was, body)


def _right(key: int, rest: list[Any]) -> bool:
    segment, block, at, crc, was, body = rest
    return bool(checksum((key, segment, block, at), was, body) == crc)


def _streams(old: Connection, known: Known) -> dict[int, Stream]:
    """Read which streams there are; what stands beside the file fills gaps."""
    lives = _lives(old, known.names)
    streams: dict[int, Stream] = {}
    for *told, crc in _readable(old, "SELECT * FROM stream"):
        if text_checksum(*told) == crc:
            slot, name, use, born, last, _ = told
            streams[slot] = Stream(slot, name, use, born, last, Ranges(), lives.get(slot, ()))
    for slot, name, use, born, last in known.names.streams:
        begun = lives.get(slot, ())
        streams.setdefault(slot, Stream(slot, name, use, born, last, Ranges(), begun))
    mark = known.mark
    if mark is None:
        return streams
    mine = next((one for one in streams.values() if one.name == mark.stream), None)
    if mine is None:
        nameless = [slot for slot in lives if slot not in streams]
        # When several have lost their names, which rows were its own cannot be told.
        slot = nameless[0] if len(nameless) == 1 else max([*streams, *lives], default=-1) + 1
        begun = lives.get(slot, ())
        mine = Stream(slot, mark.stream, "own", "", mark.last, Ranges(), begun)
    newest = Life(mark.since, mark.life)
    known_to = max((one.since for one in mine.lives), default=0)
    if newest.since > known_to or (newest.since == known_to and mark.last >= mark.since):
        before = (one for one in mine.lives if one.since < newest.since)
        mine = mine._replace(lives=(*before, newest))
    streams[mine.slot] = mine._replace(last=max(mine.last, mark.last))
    return streams


def _lives(old: Connection, names: Directory) -> dict[int, tuple[Life, ...]]:
    found = {(slot, since): life for slot, since, life in names.lives}
    for slot, since, life, crc in _readable(old, "SELECT * FROM life"):
        if text_checksum(slot, since, life) == crc:
            found[slot, since] = life
    lives: dict[int, tuple[Life, ...]] = {}
    for (slot, since), life in sorted(found.items()):
        lives[slot] = (*lives.get(slot, ()), Life(since, life))
    return lives


def _copy(old: Connection, new: Connection, table: str, columns: int) -> None:
    rows = list(_readable(old, f"SELECT * FROM {table}"))  # noqa: S608 - a constant
    marks = ", ".join("?" * columns)
    with transaction(new):
        new.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", rows)  # noqa: S608


def _readable(db: Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a small table up to where it cannot be read."""
    try:
        yield from db.execute(query)
    except DatabaseError as error:
        if failure(error) not in (Failure.CORRUPT, Failure.PROGRAM):
            raise
        log.warning("%s: %s; the rest of it is given up", query, error)


def _pieces(db: Connection) -> Iterator[list[tuple[Any, ...]]]:
    """Give all rows whose pages can be read, in the order of their keys."""
    begin = 0
    while True:
        rows, ended = _from(db, begin, STEP)
        if rows:
            yield rows
            begin = rows[-1][0] + 1
        if ended and len(rows) < STEP:
            return
        if not ended:
            behind = _behind_damage(db, begin)
            if behind is None:
                return
            begin = behind


def _from(db: Connection, begin: int, most: int) -> tuple[list[tuple[Any, ...]], bool]:
    """Give rows from a key on, and whether they could be read to the end."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in db.execute(
            "SELECT * FROM entry WHERE rowid >= ? ORDER BY rowid LIMIT ?",
            (begin, most),
        ):
            rows.append(row)  # noqa: PERF402 - what came before the damage is kept
    except DatabaseError as error:
        if failure(error) not in (Failure.CORRUPT, Failure.PROGRAM):
            raise
        return rows, False
    return rows, True


def _behind_damage(db: Connection, begin: int) -> int | None:
    """Find the next key from which a row can be read; None: there is none."""
    step = 1
    while True:
        if begin + step > FARTHEST:
            return None
        rows, _ = _from(db, begin + step, 1)
        if rows:
            break
        step *= 2
    low, high = step // 2, step
    while high - low > 1:
        middle = (low + high) // 2
        if _from(db, begin + middle, 1)[0]:
            high = middle
        else:
            low = middle
    return begin + high
