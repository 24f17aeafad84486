"""Alarms, loans, deliveries, robots, devices, edges, gaps and counts, as rows for readers."""

import json
from typing import Any, NamedTuple

import msgspec

from contracts.codec import cards
from contracts.instants import Instant
from contracts.messages import Card, Command, Presence
from contracts.records import RobotChanged
from runtime.database import Connection, one, rows

_robots = msgspec.json.Decoder(RobotChanged)
_presences = msgspec.json.Decoder(Presence)
_commands = msgspec.json.Decoder(Command)


class Point(NamedTuple):
    """What a point is. `period` is in microseconds; 0 until a card says."""

    path: str
    device: str
    quantity: str
    unit: str
    space: str
    period: int


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


class Loan(NamedTuple):
    """One item's dealing at a kiosk."""

    id: str
    kiosk: str
    action: str
    step: str
    item: str
    title: str
    due: str
    reason: str
    begun: Instant
    changed: Instant


class Step(NamedTuple):
    """A step that a delivery took."""

    at: Instant
    step: str
    node: str
    reason: str


class Delivery(NamedTuple):
    """One item on its way."""

    id: str
    robot: str
    step: str
    item: str
    origin: str
    destination: str
    node: str
    reason: str
    begun: Instant
    changed: Instant
    steps: tuple[Step, ...] = ()


class Device(NamedTuple):
    """A device as its card describes it."""

    id: str
    edge: str
    card: Card
    available: bool
    changed: Instant
    cause: str


class Edge(NamedTuple):
    """An edge as the broker and its journals tell of it."""

    id: str
    online: bool
    changed: Instant
    presence: Presence


class Journal(NamedTuple):
    """One stream of an edge: how many records are in the store, and how many are missing."""

    stream: str
    edge: str
    begun: Instant
    committed: int
    last: int
    missing: int


class Gap(NamedTuple):
    """Sequence numbers that are not in the store, and why. Cause '' means still awaited."""

    stream: str
    edge: str
    first: int
    last: int
    noticed: Instant
    since: Instant | None
    until: Instant | None
    cause: str


class Order(NamedTuple):
    """A command that was sent, and what became of it."""

    id: str
    device: str
    action: str
    command: Command
    who: str
    issued: Instant
    status: str
    reason: str
    value: float | None
    ended: Instant | None


def points(store: Connection) -> list[Point]:
    """Give every point there ever was."""
    found = store.execute(
        "SELECT path, device, quantity, unit, space, period FROM point ORDER BY path"
    )
    return [Point(*row) for row in found]


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
    found = store.execute(
        "SELECT id, kind, source, space, priority, state, raised, noticed, cleared, code, params"  # noqa: S608 - columns named above
        f" FROM alarm WHERE {' AND '.join(where)}"
        " ORDER BY state = 'normal', state = 'acknowledged', raised DESC, id DESC LIMIT ?",
        (*values, wanted.limit),
    ).fetchall()
    return [_alarm(store, row) for row in found]


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


def loans(store: Connection, since: Instant, until: Instant, limit: int = 500) -> list[Loan]:
    """Give the loans and returns that changed in [since, until), the newest first."""
    found = store.execute(
        "SELECT id, kiosk, action, step, item, title, due, reason, begun, changed FROM loan"
        " WHERE changed >= ? AND changed < ? ORDER BY changed DESC LIMIT ?",
        (since, until, limit),
    )
    return [Loan(*row) for row in found]


def staff_tasks(store: Connection, limit: int = 100) -> list[Loan]:
    """Give the loans that somebody must look at, of whatever day."""
    found = store.execute(
        "SELECT id, kiosk, action, step, item, title, due, reason, begun, changed FROM loan"
        " WHERE step = 'staff' ORDER BY changed DESC LIMIT ?",
        (limit,),
    )
    return [Loan(*row) for row in found]


def loan_counts(
    store: Connection, since: Instant, until: Instant
) -> dict[tuple[str, str, str], int]:
    """Count loans by kiosk, action and step."""
    found = store.execute(
        "SELECT kiosk, action, step, count(*) FROM loan WHERE changed >= ? AND changed < ?"
        " GROUP BY 1, 2, 3",
        (since, until),
    )
    return {(kiosk, action, step): count for kiosk, action, step, count in found}


def deliveries(store: Connection, limit: int = 50) -> list[Delivery]:
    """Give the newest deliveries with their steps; those under way first."""
    found = rows(
        store,
        "SELECT id, robot, step, item, origin, destination, node, reason, begun, changed"
        " FROM delivery"
        " ORDER BY step IN ('delivered', 'failed', 'cancelled'), changed DESC LIMIT ?",
        (limit,),
    )
    return [Delivery._make((*row, _steps(store, row[0], row[8], row[9]))) for row in found]


def _steps(store: Connection, delivery: str, begun: Instant, changed: Instant) -> tuple[Step, ...]:
    found = store.execute(
        "SELECT at, body FROM event WHERE kind = 'delivery' AND at >= ? AND at <= ?"
        " AND subject = ? ORDER BY at, stream, seq",
        (begun, changed, delivery),
    )
    told = [(at, json.loads(body)) for at, body in found]
    return tuple(
        Step(at, body["step"], body.get("node", ""), body.get("reason", "")) for at, body in told
    )


def robots(store: Connection) -> list[RobotChanged]:
    """Give what each robot last said of itself."""
    return [_robots.decode(body) for (body,) in store.execute("SELECT body FROM robot ORDER BY id")]


def devices(store: Connection) -> list[Device]:
    """Give every device there ever was."""
    found = store.execute(
        "SELECT id, edge, card, available, changed, cause FROM device ORDER BY edge, id"
    )
    return [
        Device(name, edge, cards.decode(card), bool(available), changed, cause)
        for name, edge, card, available, changed, cause in found
    ]


def edges(store: Connection) -> list[Edge]:
    """Give every edge there ever was."""
    found = store.execute("SELECT id, online, changed, presence FROM edge ORDER BY id")
    return [
        Edge(name, bool(on), changed, _presences.decode(body)) for name, on, changed, body in found
    ]


def journals(store: Connection) -> list[Journal]:
    """Give every stream with what of it is in the store."""
    found = store.execute(
        "SELECT name, edge, begun, coalesce(sum(last - first + 1), 0), coalesce(max(last), 0)"
        " FROM stream LEFT JOIN committed ON stream = id GROUP BY id ORDER BY edge, begun"
    )
    return [Journal._make((*row, row[4] - row[3])) for row in found]


def gaps(store: Connection, limit: int = 500) -> list[Gap]:
    """Give the holes in what was received, the newest first."""
    found = store.execute(
        "SELECT name, edge, first, last, noticed, since, until, cause FROM gap"
        " JOIN stream ON id = stream ORDER BY noticed DESC, first LIMIT ?",
        (limit,),
    )
    return [Gap(*row) for row in found]


def tallies(store: Connection) -> dict[str, int]:
    """Give the counts of what was refused, doubled or late."""
    return dict(rows(store, "SELECT name, count FROM tally ORDER BY name"))


class Totals(NamedTuple):
    """How much is in the store."""

    records: int
    """Sequence numbers committed: readings, events and unreadable ones."""
    events: int
    unreadable: int
    open_gaps: int


def totals(store: Connection) -> Totals:
    """Count what is in the store, without touching each reading."""
    return Totals._make(
        one(
            store,
            "SELECT (SELECT coalesce(sum(last - first + 1), 0) FROM committed),"
            " (SELECT count(*) FROM event), (SELECT count(*) FROM unreadable),"
            " (SELECT count(*) FROM gap WHERE cause = '')",
        )
    )


def commands(
    store: Connection, device: str = "", identity: str = "", limit: int = 20
) -> list[Order]:
    """Give the newest commands: all, of one device, or one by its id."""
    found = store.execute(
        "SELECT id, device, action, body, who, issued, status, reason, value, ended FROM command"
        " WHERE (? = '' OR device = ?) AND (? = '' OR id = ?) ORDER BY issued DESC LIMIT ?",
        (device, device, identity, identity, limit),
    )
    return [Order._make((*row[:3], _commands.decode(row[3]), *row[4:])) for row in found]
