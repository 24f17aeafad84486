"""Deliveries and robots as rows for readers."""

import json
from typing import NamedTuple

import msgspec

from contracts.instants import Instant
from contracts.records import RobotChanged
from runtime.database import Connection, rows

_robots = msgspec.json.Decoder(RobotChanged)


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
