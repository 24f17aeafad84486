"""A journal of 0.1 goes on, with its backlog and all that is remembered, whenever it is killed."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from contracts.codec import decode_record
from contracts.ranges import Ranges
from contracts.records import CommandOutcome, JournalThinned, Reading
from edge.journal import upgrade
from edge.journal.journal import Journal
from runtime.database import Connection, connect, transaction
from tests.unit.edge.journal.journal_world import Note, World, pieces, play, settle
from wenlan.proofs.disk_faults import copy_as_killed

# As edge/journalopen.py of 0.1 has it.
SCHEMA = """
CREATE TABLE about (stream TEXT NOT NULL, begun INTEGER NOT NULL) STRICT;
CREATE TABLE record (
    seq   INTEGER PRIMARY KEY AUTOINCREMENT,
    at    INTEGER NOT NULL,
    point TEXT,               -- of a reading that may be thinned; NULL: never thin this
    body  BLOB NOT NULL       -- JSON, as it goes on the wire
) STRICT;
CREATE TABLE memory (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
AT = 1_770_000_000_123_456
STREAM = "0123456789abcdef"
READINGS = [
    {"kind": "reading", "point": f"vault/{name}", "at": AT + n, "value": 20.0 + n}
    for n, name in enumerate(["temperature", "humidity", "temperature", "humidity"])
]
OUTCOME = {
    "kind": "outcome",
    "command": "c1",
    "at": AT,
    "device": "ahu",
    "action": "write",
    "status": "done",
    "value": 21.0,
}
THINNED = {
    "kind": "thinned",
    "at": AT,
    "ranges": [[2, 2]],
    "since": AT,
    "until": AT,
    "reason": "the journal's budget is used up",
}
LEASE = {
    "device": "ahu",
    "point": "setpoint",
    "command": "c1",
    "granted": AT,
    "until": AT + 60_000_000,
    "safe": 20.0,
}
LOAN = {"id": "l1", "action": "checkout", "item": "b1", "uids": ["e0"], "begun": AT}
JOB = {"delivery": "d1", "item": "b1", "origin": "a", "destination": "b", "asked": AT}
REMEMBERED: dict[str, bytes] = {
    "lease/ahu/setpoint": json.dumps(LEASE).encode(),
    "command/c1": b'{"device":"ahu","action":"write","expires":1,"finished":true}',
    "command/with/slash": b'{"device":"ahu","action":"write","expires":2,"finished":false}',
    "device/ahu": b"1",
    "device/probe": b"0",
    "kiosk/k1/session": b'{"uids":["e0"],"had_card":true}',
    "kiosk/k1/loan/l1": json.dumps(LOAN).encode(),
    "fleet/r1/job/d1": json.dumps(JOB).encode(),
    "fleet/r1/ended": b'{"d0":"delivered"}',
    "fleet/r2/ended": b"\xff\x00 nonsense",
}


class Anything(Struct):
    """Whatever a kind remembers."""

    device: str = ""
    safe: float = 0.0
    finished: bool | None = None
    there: bool | None = None
    uids: list[str] = []
    item: str = ""
    steps: dict[str, str] = {}


def journal_of_0_1(path: Path) -> None:
    """Write a file as 0.1 does."""
    path.mkdir()
    db = connect(path / "journal.sqlite3")
    with transaction(db):
        for statement in SCHEMA.split(";\n"):
            db.execute(statement)
        db.execute("INSERT INTO about VALUES (?, ?)", (STREAM, AT))
        db.pragma("user_version", 1)
    rows: list[dict[str, Any]] = [*READINGS, OUTCOME, THINNED]
    for body in rows:
        db.execute(
            "INSERT INTO record (at, point, body) VALUES (?, ?, ?)",
            (body["at"], body.get("point"), json.dumps(body, separators=(",", ":")).encode()),
        )
    db.execute("DELETE FROM record WHERE seq = 2")
    db.executemany("INSERT INTO memory VALUES (?, ?)", list(REMEMBERED.items()))
    db.close()


async def look(journal: Journal) -> None:
    """See that everything is there, and goes on."""
    await settle(journal)
    first, *_ = journal.tracks()
    assert (first.stream, first.life, first.since) == (STREAM, "", 1)
    assert list(first.held) == [(1, 1), (3, 6)]
    found = sorted(await pieces(journal), key=lambda one: one.first)
    assert [(one.life, one.rows[0].segment) for one in found] == [("", ""), ("", "")]
    records = [decode_record(row.body) for one in found for row in one.rows]
    assert records[0] == Reading("vault/temperature", AT, 20.0)
    assert [type(one) for one in records[3:]] == [CommandOutcome, JournalThinned]

    def values(kind: str) -> dict[str, Anything]:
        return dict(journal.memory(kind, Anything).values)

    assert values("lease")["ahu/setpoint"].safe == 20.0
    assert {key: one.finished for key, one in values("command").items()} == {
        "c1": True,
        "with/slash": False,
    }
    assert {key: one.there for key, one in values("device").items()} == {
        "ahu": True,
        "probe": False,
    }
    assert values("session")["k1"].uids == ["e0"]
    assert values("loan")["k1/l1"].item == "b1"
    assert values("job")["r1/d1"].item == "b1"
    assert values("ended")["r1"].steps == {"d0": "delivered"}
    assert set(journal.memory("ended", Anything).damaged) == {"r2"}


def test_a_journal_of_0_1_goes_on_under_its_own_numbers(tmp_path: Path) -> None:
    async def story() -> None:
        journal_of_0_1(tmp_path / "edge")
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            await look(journal)
            journal.append([world.event("anew")])
            await settle(journal)
            (track,) = [one for one in journal.tracks() if one.current]
            assert (track.stream, track.since, list(track.held)) == (STREAM, 7, [(7, 7)])
            journal.named(STREAM, Ranges(), Ranges([(1, 7)]))
            await settle(journal)
        async with world.journal() as journal:
            (track,) = journal.tracks()
            assert (track.life, track.since, track.next) == ("life-2", 8, 8)

    play(story())


def test_a_journal_of_0_1_that_was_never_written_to_goes_on(tmp_path: Path) -> None:
    async def story() -> None:
        journal_of_0_1(tmp_path / "edge")
        db = connect(tmp_path / "edge" / "journal.sqlite3")
        with transaction(db):
            db.execute("DELETE FROM record")
            db.execute("DELETE FROM sqlite_sequence")
        db.close()
        async with World(tmp_path / "edge").journal() as journal:
            journal.append([World(tmp_path / "edge").event("the first")])
            await settle(journal)
            (track,) = journal.tracks()
            assert (track.stream, track.since, list(track.held)) == (STREAM, 1, [(1, 1)])

    play(story())


def test_killed_at_each_statement_it_still_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrade, "STEP", 2)

    async def story(last: int) -> bool:
        """Kill the upgrade before its statement number `last`; say whether it came so far."""
        source, target = tmp_path / f"{last}", tmp_path / f"{last}-killed"
        journal_of_0_1(source)
        seen = 0

        class KilledError(Exception):
            pass

        def trace(*_: object) -> bool:
            nonlocal seen
            seen += 1
            if seen == last:
                copy_as_killed(source, target)
            if seen >= last:
                raise KilledError
            return True

        def traced(path: Path, **how: Any) -> Connection:
            db = connect(path, **how)
            db.exec_trace = trace
            return db

        world = World(source, connect=traced)
        try:
            async with world.journal():
                pass
        except KilledError:
            pass
        if seen < last:
            return False
        world = World(target)
        world.lives = 1
        async with world.journal() as journal:
            await look(journal)
            journal.append([], [journal.memory("note", Note).put("a", Note("x"))])
        return True

    statement = 1
    while play(story(statement)):
        statement += 1
    assert statement > 40
