"""Turns a journal of 0.1 into today's form, in steps that may each be the last of a process.

The first commit makes the new tables and moves what is small; then rows follow, some thousand at
a time, under their own numbers: they stay a stream without a life, as a 0.1 edge sends it.
"""

import logging
from typing import Any

import msgspec

from contracts.ranges import Ranges
from edge.journal.rows import checksum
from edge.journal.schema import (
    STATEMENTS,
    VERSION,
    Life,
    Stream,
    Words,
    key_of,
    load_streams,
    save_life,
    save_remembered,
    save_stream,
)
from runtime.database import Connection, transaction

log = logging.getLogger(__name__)

OLD_VERSION = 1
STEP = 5_000
NO_LIFE = ""
"""The life of the rows of 0.1, which knew none."""


def begin_upgrade(db: Connection) -> None:
    """Make the new tables; move the stream and what is remembered, in one commit."""
    with transaction(db):
        for statement in STATEMENTS:
            db.execute(statement)
        stream: Any = next(iter(db.execute("SELECT stream FROM about")))[0]
        found: list[Any] = db.execute(
            "SELECT seq FROM sqlite_sequence WHERE name = 'record'"
        ).fetchall()
        last = int(found[0][0]) if found else 0
        save_stream(db, Stream(0, stream, "own", NO_LIFE, last, Ranges(), ()))
        if last:
            save_life(db, 0, Life(1, NO_LIFE))
        memory: list[Any] = db.execute("SELECT key, value FROM memory").fetchall()
        for key, value in memory:
            kind, name, now = remembered(key, value)
            save_remembered(db, kind, name, now)
        db.execute("DROP TABLE memory")
        db.execute("DROP TABLE about")
        db.pragma("user_version", VERSION)


def unfinished(db: Connection) -> bool:
    """Say whether rows of 0.1 are still to be moved."""
    return bool(db.execute("SELECT 1 FROM sqlite_master WHERE name = 'record'").fetchall())


def move_some(db: Connection) -> bool:
    """Move some rows in one commit; say whether there are more."""
    with transaction(db):
        words = Words(db)
        rows: list[Any] = db.execute(
            "SELECT seq, at, point, body FROM record ORDER BY seq LIMIT ?", (STEP,)
        ).fetchall()
        # Of what the streams are now, the one of 0.1 may already have been left.
        stream = next(one for one in load_streams(db).values() if one.slot == 0)
        segment = words.id_of(("",))
        moved = []
        for number, at, point, body in rows:
            block = 0 if point is None else words.id_of((point, "", ""))
            numbers = (key_of(0, number), segment, block, at)
            moved.append((*numbers, checksum(numbers, None, body), None, body))
        db.executemany("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?)", moved)
        if rows:
            db.execute("DELETE FROM record WHERE seq <= ?", (rows[-1][0],))
            held = stream.held.union((number, number) for number, *_ in rows)
            save_stream(db, stream._replace(held=held))
        else:
            db.execute("DROP TABLE record")
    return bool(rows)


def remembered(key: str, value: bytes) -> tuple[str, str, bytes]:  # noqa: PLR0911 - a table
    """Give the kind, the key and the value under which something of 0.1 is remembered now.

    Bytes that do not make sense stay as they are: whoever needs them takes the safe side.
    """
    match key.split("/"):
        case ["lease" | "command" as kind, *rest]:
            return kind, "/".join(rest), value
        case ["device", *rest]:
            there = {b"1": b'{"there":true}', b"0": b'{"there":false}'}
            return "device", "/".join(rest), there.get(value, value)
        case ["kiosk", kiosk, "session"]:
            return "session", kiosk, value
        case ["kiosk", kiosk, "loan", *rest]:
            return "loan", "/".join([kiosk, *rest]), value
        case ["fleet", robot, "job", *rest]:
            return "job", "/".join([robot, *rest]), value
        case ["fleet", robot, "ended"]:
            return "ended", robot, _steps(value)
    return "unknown", key, value


def _steps(value: bytes) -> bytes:
    try:
        return msgspec.json.encode({"steps": msgspec.json.decode(value, type=dict[str, str])})
    except msgspec.MsgspecError:
        return value
