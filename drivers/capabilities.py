"""What a device can do, in small pieces: a driver has those it can, and callers ask.

A register device polls and writes; a reader pad reads tags; a library system holds a dialogue; a
vehicle takes orders and reports when it likes. Nothing here knows a wire or a protocol.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from contracts.instants import Instant
from contracts.layouts import Layout
from contracts.records import Sample
from drivers.protocols import vda5050


class WriteLimits(NamedTuple):
    """Closed limits of a writable point, and what to put back when nobody renews it."""

    low: float
    high: float
    safe: float | None


@runtime_checkable
class Pollable(Protocol):
    """Gives samples when asked."""

    device: str
    period: float
    """Seconds between two polls."""
    layouts: Sequence[Layout]
    """Those of its samples."""

    async def poll(self) -> Sequence[Sample]:
        """Read every point that is due. Raises DriverError."""
        ...


@runtime_checkable
class Writable(Protocol):
    """Takes values for some of its points."""

    device: str
    writable: Mapping[str, WriteLimits]

    async def write(self, point: str, value: float) -> float:
        """Write, read back, and give what was read back. Raises DriverError."""
        ...


class Tag(NamedTuple):
    """A tag on the pad."""

    uid: str
    """16 hex digits, upper case, most significant byte first (E0…)."""
    dsfid: int


@runtime_checkable
class TagReader(Protocol):
    """Reads and writes ISO 15693 tags."""

    @property
    def device(self) -> str:
        """The reader's id."""
        ...

    async def inventory(self) -> Sequence[Tag]:
        """List the tags in the field, each once."""
        ...

    async def read(self, uid: str) -> bytes:
        """Give the tag's memory in the tag's own byte order."""
        ...

    async def read_afi(self, uid: str) -> int:
        """Give the application family identifier."""
        ...

    async def write_afi(self, uid: str, afi: int) -> None:
        """Write the AFI and read it back; BadReplyError when it reads back otherwise."""
        ...


class Patron(NamedTuple):
    """What the library system says of a card."""

    valid: bool
    name: str
    message: str


class CirculationAnswer(NamedTuple):
    """What the library system said to a checkout or checkin."""

    ok: bool
    title: str
    due: str
    message: str
    security: bool | None
    """True: write the security byte as asked; False: leave it alone; None: not said."""
    alert: bool = False
    """For a return: put it on the staff shelf."""


class Whereabouts(StrEnum):
    """Where an item is, as far as the library system tells."""

    FREE = "free"
    LENT = "lent"
    """To somebody; not proven to be the card that was asked about."""
    LENT_TO_CARD = "lent-to-card"
    UNKNOWN = "unknown"


@runtime_checkable
class Circulation(Protocol):
    """Borrows and takes back.

    Each method raises NotSentError when the request never left, so that nothing can have happened,
    and LinkDownError when the answer never came, so that nobody knows.
    """

    @property
    def device(self) -> str:
        """The library system's id."""
        ...

    async def check(self) -> None:
        """Reach the system; raises NotSentError when it is not there."""
        ...

    async def whereabouts(self, item: str, card: str = "") -> Whereabouts:
        """Ask where an item is, and whether `card` has it; changes nothing."""
        ...

    async def patron(self, card: str, pin: str = "") -> Patron:
        """Ask whether a card may borrow."""
        ...

    async def checkout(self, card: str, item: str, at: Instant) -> CirculationAnswer:
        """Ask for a loan."""
        ...

    async def checkin(self, item: str, at: Instant) -> CirculationAnswer:
        """Give an item back."""
        ...

    async def undo_checkout(self, card: str, item: str, at: Instant) -> CirculationAnswer:
        """Take a loan back whose tag could not be written (SIP2: 09 with BI=Y)."""
        ...


@runtime_checkable
class Vehicle(Protocol):
    """Takes orders and reports by itself."""

    device: str

    async def send(self, order: vda5050.Order) -> None:
        """Publish an order; nothing is proven until the state echoes it."""
        ...

    async def act(self, actions: vda5050.InstantActions) -> None:
        """Publish instant actions."""
        ...

    def messages(self) -> AsyncIterator[vda5050.State | vda5050.Connection | vda5050.Unreadable]:
        """Give what the vehicle says, for ever, reconnecting by itself."""
        ...
