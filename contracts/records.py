"""Facts that an edge journals: one line of its diary each.

Every record says when it became true (`at`) and is never changed afterwards. On the wire it is a
JSON object whose `kind` names its type; unknown fields are ignored, so that an older gateway can
read a newer edge.
"""

from enum import StrEnum

from msgspec import Struct

from contracts.instants import Instant
from contracts.quantities import Quality


class Reading(Struct, frozen=True, tag_field="kind", tag="reading"):
    """One value of one point. `point` is `device/name`; the unit is on the device's card."""

    point: str
    at: Instant
    value: float | None
    quality: Quality = Quality.GOOD


class DeviceChanged(Struct, frozen=True, tag_field="kind", tag="device"):
    """A device went away or came back; said once each time."""

    device: str
    at: Instant
    available: bool
    cause: str = ""


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

    loan: str
    at: Instant
    kiosk: str
    action: LoanAction
    step: LoanStep
    item: str
    patron: str = ""
    """A keyed hash, never the card number; empty for a return without a card."""
    title: str = ""
    due: str = ""
    """The library system's own words (SIP2 field AH is free text)."""
    reason: str = ""


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

    delivery: str
    at: Instant
    robot: str
    step: DeliveryStep
    item: str = ""
    origin: str = ""
    destination: str = ""
    node: str = ""
    """The node last passed (VDA 5050 lastNodeId)."""
    reason: str = ""


class RobotChanged(Struct, frozen=True, tag_field="kind", tag="robot"):
    """What a robot last said of itself, journalled when it matters and at least every 30 s."""

    robot: str
    at: Instant
    connection: str
    """ONLINE, OFFLINE, CONNECTIONBROKEN (VDA 5050), or UNKNOWN when it has been silent."""
    mode: str = ""
    driving: bool = False
    battery: float | None = None
    node: str = ""
    x: float | None = None
    y: float | None = None
    order: str = ""
    errors: tuple[str, ...] = ()


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

    command: str
    at: Instant
    device: str
    action: str
    status: OutcomeStatus
    value: float | None = None
    """The value read back, where there is one."""
    reason: str = ""


class JournalThinned(Struct, frozen=True, tag_field="kind", tag="thinned"):
    """The journal was full: these sequence numbers were given up and will never come."""

    at: Instant
    ranges: tuple[tuple[int, int], ...]
    since: Instant
    until: Instant
    reason: str = ""


class EdgeStarted(Struct, frozen=True, tag_field="kind", tag="started"):
    """The edge process began; readings between the one before and this one may be missing."""

    at: Instant
    edge: str
    version: str


class InputRefused(Struct, frozen=True, tag_field="kind", tag="refused-input"):
    """Something the edge was sent made no sense; counted, and reported at most once a minute."""

    at: Instant
    source: str
    reason: str
    count: int = 1


Event = (
    DeviceChanged
    | LoanChanged
    | DeliveryChanged
    | RobotChanged
    | CommandOutcome
    | JournalThinned
    | EdgeStarted
    | InputRefused
)
Record = Reading | Event
