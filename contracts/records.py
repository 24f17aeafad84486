"""Facts that an edge journals.

Every record says when it became true (`at`) and is never changed afterwards. On the wire a sample
is a JSON array, every other record a JSON object whose `kind` names its type. Unknown fields are
ignored and unknown words are kept, so that an older gateway can read a newer edge. Every text and
list has a bound in its type, so that a record cannot be too large for its batch.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from msgspec import Meta, Struct

from contracts.bounds import LAST_NUMBER, At, Id, Line, Name, Number, Path, Span, Text, Word
from contracts.quantities import Quality

Value: TypeAlias = Annotated[int, Meta(ge=-LAST_NUMBER, le=LAST_NUMBER)] | float | None
Odd: TypeAlias = tuple[float | None, str]
"""A value that is not good, and its quality."""


class Sample(Struct, frozen=True, array_like=True):
    """A block of a device, read at one instant.

    `values[i]` is that of the layout's column i, a whole number of its last decimal or (with a
    point or an exponent in it) the value itself; null was not measured, unless `odd` says more.
    `odd` names the places whose quality is not good.
    """

    device: Id
    block: Name
    layout: Name
    """The digest of the layout, which the device's card holds."""
    at: At
    values: Annotated[tuple[Value, ...], Meta(max_length=256)]
    odd: Annotated[
        tuple[tuple[Annotated[int, Meta(ge=0, le=255)], Word], ...], Meta(max_length=256)
    ] = ()


class Reading(Struct, frozen=True, tag_field="kind", tag="reading"):
    """One value of one point. `point` is `device/name`; the unit is on the device's card."""

    point: Path
    at: At
    value: float | None
    quality: Word = Quality.GOOD


class DeviceChanged(Struct, frozen=True, tag_field="kind", tag="device"):
    """A device went away or came back; said once each time."""

    device: Id
    at: At
    available: bool
    cause: Text = ""


class LoanAction(StrEnum):
    """What a reader asked the kiosk for."""

    CHECKOUT = "checkout"
    CHECKIN = "checkin"


class LoanStep(StrEnum):
    """How far a loan (or return) has come. Only the last three are ends."""

    INTENT = "intent"
    """Journalled before the library system is asked."""
    GRANTED = "granted"
    """The library system said yes; the tag's security byte is not yet written."""
    CLOSED = "closed"
    """Granted, and the security byte was written and read back."""
    REFUSED = "refused"
    """The library system said no; nothing changed."""
    STAFF = "staff"
    """Somebody must look: the tag would not be written, or the answer never came."""


class LoanChanged(Struct, frozen=True, tag_field="kind", tag="loan"):
    """A loan or return took a step. `loan` is the same for all steps of one item's dealing."""

    loan: Id
    at: At
    kiosk: Id
    action: Word
    step: Word
    item: Id
    patron: Id = ""
    """A keyed hash, never the card number; empty for a return without a card."""
    title: Line = ""
    due: Line = ""
    """The library system's own words (SIP2 field AH is free text)."""
    reason: Text = ""


class DeliveryStep(StrEnum):
    """How far a delivery has come. Only the last three are ends."""

    ASKED = "asked"
    """Journalled before the robot is told."""
    SENT = "sent"
    ACCEPTED = "accepted"
    """The robot's own state echoed the order."""
    LOADED = "loaded"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DeliveryChanged(Struct, frozen=True, tag_field="kind", tag="delivery"):
    """A delivery took a step. `delivery` is also the VDA 5050 orderId."""

    delivery: Id
    at: At
    robot: Id
    step: Word
    item: Id = ""
    origin: Id = ""
    destination: Id = ""
    node: Id = ""
    """The node last passed (VDA 5050 lastNodeId)."""
    reason: Text = ""


class RobotChanged(Struct, frozen=True, tag_field="kind", tag="robot"):
    """What a robot last said of itself, journalled when it matters and at least every 30 s."""

    robot: Id
    at: At
    connection: Line
    """ONLINE, OFFLINE, CONNECTIONBROKEN (VDA 5050), or UNKNOWN when it has been silent."""
    mode: Line = ""
    driving: bool = False
    battery: float | None = None
    node: Id = ""
    x: float | None = None
    y: float | None = None
    order: Id = ""
    errors: Annotated[tuple[Line, ...], Meta(max_length=16)] = ()


class OutcomeStatus(StrEnum):
    """How a command ended."""

    DONE = "done"
    """Written and read back equal."""
    REFUSED = "refused"
    """Not tried: unknown, expired, out of limits, interlocked; or the device said no."""
    FAILED = "failed"
    """Tried, and the device did not answer or reads back something else."""
    REVERTED = "reverted"
    """The lease ran out and the safe value was put back."""


class CommandOutcome(Struct, frozen=True, tag_field="kind", tag="outcome"):
    """How a command ended. There is exactly one DONE, REFUSED or FAILED per command id."""

    command: Id
    at: At
    device: Id
    action: Word
    status: Word
    value: float | None = None
    """The value read back, where there is one."""
    reason: Text = ""


Between: TypeAlias = tuple[Number, Number]
"""A closed range of sequence numbers."""


class JournalThinned(Struct, frozen=True, tag_field="kind", tag="thinned"):
    """These numbers of the batch's own stream will never come. Written by 0.1 only."""

    at: At
    ranges: Annotated[tuple[Between, ...], Meta(max_length=20_000)]
    since: At
    until: At
    reason: Text = ""


class RecordsGivenUp(Struct, frozen=True, tag_field="kind", tag="given-up"):
    """Of these numbers nothing more will come but what survived them, under numbers of its own.

    What comes under them all the same is taken, and makes the hole smaller.
    """

    at: At
    stream: Id
    life: Id
    first: Number
    last: Number
    since: At
    until: At
    """Between when and when what was given up became true, as far as it is known."""
    reason: Text = ""


class StreamClosed(Struct, frozen=True, tag_field="kind", tag="closing"):
    """The edge left a journal: of its last life, and those before, only `held` will still come."""

    at: At
    stream: Id
    life: Id
    """The newest life of that stream …"""
    begun: Number
    """… and its first number."""
    held: Annotated[tuple[Between, ...], Meta(max_length=1000)] = ()
    reason: Text = ""
    last: Number = 0
    """The newest number that the life is known to have given; 0: not said."""


class VolatileEnded(Struct, frozen=True, tag_field="kind", tag="volatile-ended"):
    """The disk is well again: a stream that was kept in memory ended with number `last`."""

    at: At
    stream: Id
    life: Id
    last: Number
    reason: Text = ""


class EdgeStarted(Struct, frozen=True, tag_field="kind", tag="started"):
    """The edge process began; readings between the one before and this one may be missing."""

    at: At
    edge: Id
    version: Word
    life: Id = ""
    clock: Id = ""
    """The clock segment that begins with it."""
    boot: Id = ""
    """The kernel's boot id: with the same one, the monotonic clock went on."""
    ahead: Span = 0
    """Wall clock less monotonic clock."""


class ClockStepped(Struct, frozen=True, tag_field="kind", tag="clock-stepped"):
    """The wall clock and the monotonic clock parted; a new clock segment begins with this record.

    `at` is by the new wall clock.
    """

    edge: Id
    at: At
    by: Span
    """How far the wall clock jumped, forward when positive."""
    clock: Id
    boot: Id = ""
    ahead: Span = 0


class PartFell(Struct, frozen=True, tag_field="kind", tag="part"):
    """A part of the edge failed and is started again, or stands again."""

    edge: Id
    at: At
    part: Id
    stands: bool
    reason: Text = ""
    count: Number = 1
    """Failures in a row."""


class InputRefused(Struct, frozen=True, tag_field="kind", tag="refused-input"):
    """Something the edge was sent made no sense; counted, and reported at most once a minute."""

    at: At
    source: Id
    reason: Text
    count: Number = 1


Event = (
    DeviceChanged
    | LoanChanged
    | DeliveryChanged
    | RobotChanged
    | CommandOutcome
    | JournalThinned
    | RecordsGivenUp
    | StreamClosed
    | VolatileEnded
    | EdgeStarted
    | ClockStepped
    | PartFell
    | InputRefused
)
Record = Sample | Reading | Event
