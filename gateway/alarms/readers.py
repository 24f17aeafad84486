"""Alarms as rows for readers."""

import json
from typing import Any, NamedTuple

from contracts.instants import Instant
from runtime.database import Connection


class Action(NamedTuple):
    """Something that happened to an alarm."""

    at: Instant
    action: str
    who: str
    comment: str


class Alarm(NamedTuple):
    """One alarm and what happened to it."""

    id: int
    kind: str
    source: str
    space: str
    priority: str
    state: str
    raised: Instant
    noticed: Instant
    cleared: Instant | None
    code: str
    params: dict[str, Any]
    actions: tuple[Action, ...] = ()


class Wanted(NamedTuple):
    """Which alarms are asked for. `state` may also be `open` (not yet normal) or `all`."""

    state: str = "open"
    kind: str = ""
    space: str = ""
    priority: str = ""
    limit: int = 200
    before: int = 2**62
    """Only ids below this: the next page of a long list."""


def alarms(store: Connection, wanted: Wanted) -> list[Alarm]:
    """Give alarms with their actions: open ones first, then the newest."""
    where, values = ["id < ?"], [wanted.before]
    if wanted.state == "open":
        where.append("state <> 'normal'")
    given: dict[str, Any] = wanted._asdict()
    for column in ("state", "kind", "space", "priority"):
        if given[column] and (column != "state" or wanted.state not in ("open", "all")):
            where.append(f"{column} = ?")
            values.append(given[column])
    rows = store.execute(
        "SELECT id, kind, source, space, priority, state, raised, noticed, cleared, code, params"  # noqa: S608 - columns named above
        f" FROM alarm WHERE {' AND '.join(where)}"
        " ORDER BY state = 'normal', state = 'acknowledged', raised DESC, id DESC LIMIT ?",
        (*values, wanted.limit),
    ).fetchall()
    return [_alarm(store, row) for row in rows]


def alarm(store: Connection, identity: int) -> Alarm | None:
    """Give one alarm with its actions."""
    row = store.execute(
        "SELECT id, kind, source, space, priority, state, raised, noticed, cleared, code, params"
        " FROM alarm WHERE id = ?",
        (identity,),
    ).fetchone()
    return None if row is None else _alarm(store, row)


def _alarm(store: Connection, row: tuple[Any, ...]) -> Alarm:
    actions = store.execute(
        "SELECT at, action, who, comment FROM alarm_action WHERE alarm = ? ORDER BY at, rowid",
        (row[0],),
    )
    history = tuple(Action(*one) for one in actions)
    return Alarm._make((*row[:10], json.loads(row[10]), history))
