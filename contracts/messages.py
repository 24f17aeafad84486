"""What travels between edge and gateway: batches, acks, commands, presence and device cards.

Fields with a default came after 0.1; a message without them means what it meant then.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta, Raw, Struct, field

from contracts.bounds import At, Id, Line, Name, Number, Span, Text, Unit, Word
from contracts.layouts import Layout
from contracts.records import Between

MOST_RECORDS = 20_000
MOST_RANGES = 65
"""Ranges that an ack names."""
MOST_WAS = 32
"""Numbers that a record may have had before."""

Was: TypeAlias = tuple[
    Annotated[int, Meta(ge=0, le=MOST_RECORDS)], Annotated[int, Meta(ge=0, le=999)], Number
]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]


class Batch(Struct, frozen=True, omit_defaults=True):
    """A contiguous piece of one life of one journal: `records[i]` has number `first + i`.

    A *life* is one start of the edge; its rows are those of one stream from `since` on, up to
    the next life's. All records of a batch were stamped in one clock segment.
    """

    stream: Id
    first: Number
    records: Annotated[tuple[Raw, ...], Meta(max_length=MOST_RECORDS)]
    """As the journal keeps them; `contracts.codec` reads them one by one."""
    life: Id = ""
    """Of these rows; empty from 0.1, whose streams have one life."""
    since: Number = 0
    """The first number of that life in this stream."""
    session: Id = ""
    """The life of the sender, who may be sending the rows of an earlier one."""
    k: Number = 0
    """Counts the batches of the session, from 1."""
    oldest: Number = 0
    """The lowest number of this stream that the journal still holds; 0: not said."""
    clock: Id = ""
    """The clock segment in which the records were stamped …"""
    now: Id = ""
    """… and the one in which `sent` was; empty: the same."""
    sent: At = 0
    """When the batch was handed over, in microseconds of the segment `now`."""
    heard: tuple[At, Span] | None = None
    """The newest `sent` of the gateway that the session heard, and how long ago (monotonic)."""
    origins: Annotated[tuple[tuple[Id, Id], ...], Meta(max_length=1000)] = ()
    """Streams and lives that `was` speaks of."""
    was: Annotated[tuple[Was, ...], Meta(max_length=100_000)] = ()
    """What records were before: index of the record, index of the origin, number there."""


class Ack(Struct, frozen=True):
    """The gateway has these numbers of a life on its disk; it speaks of no other life.

    0.1 names all ranges, later gateways at most `MOST_RANGES`: the first, and those nearest to
    what arrived.
    """

    stream: Id
    committed: Annotated[tuple[Between, ...], Meta(max_length=100_000)]
    life: Id = ""
    session: Id = ""
    """The session and the number of the batch that is answered."""
    k: Number = 0
    refused: Number = 0
    """From this number on the life does not own what it sent; 0: nothing is refused."""
    sent: At = 0
    """By the gateway's reference time."""


class Command(Struct, frozen=True):
    """A request to do something, once, before it expires.

    `action` is one that the device's card offers: `write` (with `point` and `value`, in the
    point's unit), or an order such as `deliver` (with `arguments`). `lease` is in seconds: when it
    runs out and no later command renewed it, the edge puts the safe value back; 0 means no lease,
    and only actions that leave nothing behind may go without one.
    """

    id: Id
    device: Id
    action: Word
    issued: At
    expires: At
    """By the gateway's time, as `sent` is: the edge has `expires - sent` left when it arrives."""
    by: Line
    point: Name = ""
    value: float | None = None
    lease: float = 0.0
    arguments: Annotated[dict[Word, Line], Meta(max_length=32)] = field(default_factory=dict)
    session: Id = ""
    """The session that it is meant for; another one leaves it alone. Empty: any (0.1)."""
    sent: At = 0


class StreamState(Struct, frozen=True):
    """One stream that an edge still has something of."""

    stream: Id
    next: Number
    """The number that its next record will get."""
    oldest: Number
    """The lowest number that is unacknowledged; `next` when none is."""
    use: Word = "own"
    """`own`, `volatile` (in memory, while the disk is sick) or `draining` (a journal that was
    left)."""


class Presence(Struct, frozen=True):
    """Retained: whether the edge is connected, and how its journal is.

    The broker publishes the offline form as the edge's last will. `stream`, `next` and `oldest`
    are those of the edge's own journal.
    """

    edge: Id
    online: bool
    at: At = 0
    stream: Id = ""
    next: Number = 0
    oldest: Number = 0
    version: Word = ""
    fill: Share = 0.0
    """Share of the journal's budget in use."""
    session: Id = ""
    streams: Annotated[tuple[StreamState, ...], Meta(max_length=64)] = ()
    journal: Word = "ok"
    """`ok`, `full` or `failing`."""
    disk: Share = 0.0
    """Share of the disk in use on which the journal lies."""
    steps: Number = 0
    """Steps of the wall clock that this session saw."""
    reason: Text = ""
    """What is wrong with the journal, for people."""


class CardPoint(Struct, frozen=True):
    """One point a device offers."""

    name: Name
    quantity: Word
    unit: Unit
    period: float
    """Seconds between two readings."""
    writable: bool = False
    low: float | None = None
    """Lowest value that may be written."""
    high: float | None = None


class Card(Struct, frozen=True):
    """Retained: what a device is and offers, so that a gateway can draw one it never heard of."""

    device: Id
    edge: Id
    model: Line
    family: Word
    space: Id = ""
    name: Annotated[dict[Word, Line], Meta(max_length=8)] = field(default_factory=dict)
    """By language: `en`, `zh`."""
    points: Annotated[tuple[CardPoint, ...], Meta(max_length=1000)] = ()
    actions: Annotated[tuple[Word, ...], Meta(max_length=64)] = ()
    layouts: Annotated[tuple[Layout, ...], Meta(max_length=16)] = ()
    """Those of its samples: today's, and every other that a record names which is still held."""
