"""What must be true when everything has come to rest, read from the store with plain SQL."""

from pathlib import Path
from typing import Any

import msgspec

from contracts.messages import MOST_RANGES
from runtime.database import Connection, connect
from wenlan.proofs.exchange.account import Account
from wenlan.proofs.exchange.edge_process import EDGE

WAITING, UNKNOWN = "sent", "unknown"


def still_waiting(store: Path) -> int:
    """Count the commands without an outcome."""
    db = connect(store, read_only=True)
    try:
        return len(db.execute("SELECT 1 FROM command WHERE status = ?", (WAITING,)).fetchall())
    finally:
        db.close()


def judge(account: Account, store: Path) -> list[str]:
    """Say everything that is wrong."""
    db = connect(store)
    try:
        failures = [*_records(account, db), *_commands(account, db)]
    finally:
        db.close()
    if account.largest_ack > MOST_RANGES:
        failures.append(f"an ack of {account.largest_ack} ranges")
    return failures


def _records(account: Account, db: Connection) -> list[str]:
    failures: list[str] = []
    streams: dict[int, str] = dict(
        db.execute("SELECT id, name FROM stream WHERE edge = ?", (EDGE,))
    )
    stored: dict[str, list[tuple[str, int]]] = {}
    for stream, seq, body in db.execute(
        "SELECT stream, seq, body FROM event WHERE kind = 'device'"
    ):
        name = account.names.get(bytes(body))
        if name is None:
            failures.append(f"altered: {bytes(body)!r}")
        else:
            stored.setdefault(name, []).append((streams.get(stream, "?"), seq))
    for stream, seq, value, at in db.execute("SELECT stream, seq, value, at FROM reading"):
        name = f"s{value:.0f}"
        body = account.bodies.get(name)
        if body is None or msgspec.json.decode(body)[3:5] != [at, [round(value)]]:
            failures.append(f"altered: {value} at {at}")
        stored.setdefault(name, []).append((streams.get(stream, "?"), seq))
    failures += [
        f"doubled: {name} at {places}" for name, places in stored.items() if len(places) > 1
    ]
    holes, times = _holes(account, db), _times(db)
    # A notice in the name of a life that was refused says nothing of the numbers' owner.
    taken = _taken(db) if account.numbers_reused and account.thinned else set()
    failures += [
        f"lost: {name}, which had {sorted(account.numbers.get(name, ()))}"
        for name in account.durable
        if name not in stored and not _explained(account, name, (holes, times, taken))
    ]
    failures += [f"altered: {bytes(raw)!r} ({why})" for raw, why in _unreadable(db)]
    failures += [
        f"still awaited: {name} {first}..{last}"
        for name, first, last in db.execute(
            "SELECT name, first, last FROM gap JOIN stream ON id = stream"
            " WHERE cause = '' AND last >= settled_to AND NOT unnamed AND edge = ?",
            (EDGE,),
        )
    ]
    return failures


def _unreadable(db: Connection) -> list[tuple[Any, ...]]:
    query = "SELECT raw, reason FROM unreadable JOIN stream ON id = stream WHERE edge = ?"
    return db.execute(query, (EDGE,)).fetchall()


Holes = dict[str, list[tuple[int, int]]]


def _holes(account: Account, db: Connection) -> Holes:
    """Give what the store says is missing, and what was to be said by notices that are missing."""
    holes: Holes = {}
    causes = "" if account.damaged else " WHERE cause = 'given-up'"
    for name, first, last in db.execute(
        f"SELECT name, first, last FROM gap JOIN stream ON id = stream{causes}"  # noqa: S608
    ):
        holes.setdefault(name, []).append((first, last))
    if account.damaged:
        for name, first in _open_ends(db):
            holes.setdefault(name, []).append((first, 2**60))
    waiting = dict(account.notices)
    while gone := [
        body
        for body, places in waiting.items()
        if body in account.excused_notices or _in_a_hole(places, holes)
    ]:
        for body in gone:
            del waiting[body]
            try:
                notice = msgspec.json.decode(body)
            except (
                msgspec.DecodeError,
                UnicodeDecodeError,
            ):  # what it was before its bits flipped is known, too
                continue
            span = (notice.get("first", 1), notice["last"] if "first" in notice else 2**60)
            holes.setdefault(notice["stream"], []).append(span)
    return holes


def _open_ends(db: Connection) -> list[tuple[Any, ...]]:
    """Give the streams of which nobody knows the end, and where that begins."""
    return db.execute(
        "SELECT name, max((SELECT coalesce(max(last), 0) FROM committed WHERE stream = id),"
        " (SELECT coalesce(max(last), 0) FROM gap WHERE stream = id)) + 1 FROM stream"
        " WHERE unnamed > 0 AND NOT ended"
    ).fetchall()


def _in_a_hole(places: set[tuple[str, int]], holes: Holes) -> bool:
    return any(
        first <= number <= last for name, number in places for first, last in holes.get(name, ())
    )


def _taken(db: Connection) -> set[tuple[str, int]]:
    """Give the numbers that the store has, of whatever record."""
    return {
        (name, number)
        for name, first, last in db.execute(
            "SELECT name, first, last FROM committed JOIN stream ON id = stream"
        )
        for number in range(first, last + 1)
    }


def _times(db: Connection) -> list[tuple[int, int]]:
    query = "SELECT since, until FROM lost_time WHERE edge = ?"
    return [(since, until) for since, until in db.execute(query, (EDGE,))]


def _explained(
    account: Account,
    name: str,
    rows: tuple[Holes, list[tuple[int, int]], set[tuple[str, int]]],
) -> bool:
    """Say whether a row of the store tells that a record is missing, or nobody can tell."""
    holes, times, taken = rows
    places = account.numbers.get(name, set())
    if name in account.events and not account.damaged and name not in account.excused:
        return False  # no budget, no notice and no hole takes an event
    if name in account.excused or _in_a_hole(places, holes) or places & taken:
        return True
    received, _ = account.stored_once.get(name, (0, 0))
    return any(since <= received <= until for since, until in times)


def _commands(account: Account, db: Connection) -> list[str]:
    told: dict[str, set[str]] = {}
    for (body,) in db.execute("SELECT body FROM event WHERE kind = 'outcome'"):
        outcome = msgspec.json.decode(body)
        told.setdefault(outcome["command"], set()).add(outcome["status"])
    failures = [
        f"{identity} was done {count} times"
        for identity, count in account.done.items()
        if count > 1
    ]
    failures += [
        f"{identity} has the outcomes {sorted(statuses)}"
        for identity, statuses in told.items()
        # If what it remembered is gone the edge may say `failed`, too; the gateway keeps the first.
        if len(statuses - ({"failed"} if account.memory_unwritten else set())) > 1
        and not account.memory_spoilt
    ]
    for identity, status in db.execute("SELECT id, status FROM command"):
        outcomes = told.get(identity, {UNKNOWN})
        done = account.done[identity]
        if status not in outcomes:
            failures.append(f"{identity} is {status}, but its outcome was {sorted(outcomes)}")
        elif (done and status == "refused") or (status == "done" and not done):
            failures.append(f"{identity} is {status}, and was done {done} times")
    return failures
