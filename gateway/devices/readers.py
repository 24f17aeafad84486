"""Points, devices and edges as rows for readers."""

from typing import NamedTuple

import msgspec

from contracts.codec import cards
from contracts.instants import Instant
from contracts.messages import Card, Presence
from runtime.database import Connection

_presences = msgspec.json.Decoder(Presence)


class Point(NamedTuple):
    """What a point is. `period` is in microseconds; 0 until a card says."""

    path: str
    device: str
    quantity: str
    unit: str
    space: str
    period: int


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


def points(store: Connection) -> list[Point]:
    """Give every point there ever was."""
    rows = store.execute(
        "SELECT path, device, quantity, unit, space, period FROM point ORDER BY path"
    )
    return [Point(*row) for row in rows]


def devices(store: Connection) -> list[Device]:
    """Give every device there ever was."""
    rows = store.execute(
        "SELECT id, edge, card, available, changed, cause FROM device ORDER BY edge, id"
    )
    return [
        Device(name, edge, cards.decode(card), bool(available), changed, cause)
        for name, edge, card, available, changed, cause in rows
    ]


def edges(store: Connection) -> list[Edge]:
    """Give every edge there ever was."""
    rows = store.execute("SELECT id, online, changed, presence FROM edge ORDER BY id")
    return [
        Edge(name, bool(on), changed, _presences.decode(body)) for name, on, changed, body in rows
    ]
