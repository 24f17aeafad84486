"""What travels between edge and gateway: batches, acks, commands, presence and device cards."""

from typing import Literal

from msgspec import Struct, field

from contracts.instants import Instant
from contracts.quantities import Quantity
from contracts.records import Record


class Batch(Struct, frozen=True):
    """A contiguous piece of one journal: `records[i]` has sequence number `first + i`."""

    stream: str
    first: int
    records: list[Record]


class Ack(Struct, frozen=True):
    """The gateway has these sequence numbers of the stream on its disk."""

    stream: str
    committed: tuple[tuple[int, int], ...]


class Command(Struct, frozen=True):
    """A request to do something, once, before it expires.

    `action` is one that the device's card offers: `write` (with `point` and `value`, in the
    point's unit), or an order such as `deliver` (with `arguments`). `lease` is in seconds: when it
    runs out and no later command renewed it, the edge puts the safe value back; 0 means no lease,
    and only actions that leave nothing behind may go without one.
    """

    id: str
    device: str
    action: str
    issued: Instant
    expires: Instant
    by: str
    point: str = ""
    value: float | None = None
    lease: float = 0.0
    arguments: dict[str, str] = field(default_factory=dict)


class Presence(Struct, frozen=True):
    """Retained: whether the edge is connected, and how far its journal has come.

    The broker publishes the offline form as the edge's last will. `next` is the sequence number
    that the next record will get, `oldest` the lowest that is still unacknowledged.
    """

    edge: str
    online: bool
    at: Instant = 0
    stream: str = ""
    next: int = 0
    oldest: int = 0
    version: str = ""
    fill: float = 0.0
    """Share of the journal's budget in use, 0 to 1."""


class CardPoint(Struct, frozen=True):
    """One point a device offers."""

    name: str
    quantity: Quantity
    unit: str
    period: float
    """Seconds between two readings."""
    writable: bool = False
    low: float | None = None
    """Lowest value that may be written."""
    high: float | None = None


class Card(Struct, frozen=True):
    """Retained: what a device is and offers, so that a gateway can draw one it never heard of."""

    device: str
    edge: str
    model: str
    family: Literal["climate", "plant", "gate", "kiosk", "robot", "other"]
    space: str = ""
    name: dict[str, str] = field(default_factory=dict)
    """By language: `en`, `zh`."""
    points: tuple[CardPoint, ...] = ()
    actions: tuple[str, ...] = ()
