"""What the REST interface answers and takes. Times are RFC 3339 in UTC; units stand beside values.

A value that is UNKNOWN is null; what it was last, and when, stands in `last_value` and `last_at`.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from contracts.quantities import Quality
from gateway.climate.conditions import Condition
from gateway.devices.snapshot import Freshness

Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Comment = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Name = Annotated[str, StringConstraints(max_length=80)]
Share = Annotated[float, Field(ge=0, le=1)]


class NameBody(BaseModel):
    """What people call a thing."""

    en: str
    zh: str


class SiteBody(BaseModel):
    """The building."""

    id: str
    name: NameBody
    timezone: str
    day_begins: str = Field(description="local time, HH:MM, at which a library-day begins")
    now: datetime
    today: date = Field(description="the library-day that `now` belongs to")


class LimitBody(BaseModel):
    """A band that a quantity must stay in; the bounds are inside."""

    quantity: str
    unit: str
    low: float | None
    high: float | None
    deadband: float
    delay: float = Field(description="seconds outside before an alarm is raised")
    priority: str
    standard: str


class GaugeBody(BaseModel):
    """One quantity of a space; of several probes the one nearest to its limits."""

    quantity: str
    unit: str
    condition: Condition
    point: str
    value: float | None = Field(description="null when no probe is live")
    at: datetime | None
    quality: Quality
    last_value: float | None
    live: int = Field(description="probes that are live")
    probes: int
    least: float | None = Field(description="smallest live value of all probes")
    greatest: float | None


class SpaceBody(BaseModel):
    """A room as it is now."""

    id: str
    kind: str
    name: NameBody
    condition: Condition
    gauges: list[GaugeBody]
    limits: list[LimitBody]


class PointBody(BaseModel):
    """One point as it is now."""

    path: str = Field(examples=["probe-v1-a/temperature"])
    device: str
    quantity: str = Field(description="empty until the device's card says")
    unit: str
    space: str
    period: float = Field(description="seconds between two readings; 0 until a card says")
    freshness: Freshness
    quality: Quality
    value: float | None = Field(description="null while UNKNOWN")
    at: datetime | None = Field(description="when `value` was measured; null while UNKNOWN")
    last_value: float | None = Field(description="the last good value, however old")
    last_at: datetime | None
    received: datetime | None


class SeriesBody(BaseModel):
    """Columns of equal length. A null in `y` is a hole: nothing was measured there."""

    point: str
    quantity: str
    unit: str
    since: float = Field(description="seconds since 1970, UTC, as all of `x`")
    until: float
    resolution: float = Field(description="seconds that a row stands for; 0: single readings")
    interval: float = Field(description="seconds between two readings")
    x: list[float]
    y: list[float | None] = Field(description="mean")
    low: list[float | None]
    high: list[float | None]
    n: list[int] = Field(description="good readings behind the row")


class ActionBody(BaseModel):
    """Something that happened to an alarm."""

    at: datetime
    action: str
    who: str
    comment: str


class AlarmBody(BaseModel):
    """One alarm. `kind` retrospective: found in late facts, over before anybody knew."""

    id: int
    kind: str
    source: str
    space: str
    priority: str
    state: Literal["unacknowledged", "acknowledged", "returned-unacknowledged", "normal"]
    raised: datetime
    noticed: datetime
    cleared: datetime | None
    code: str
    params: dict[str, object]
    actions: list[ActionBody]


class Acknowledgement(BaseModel):
    """Who knows of an alarm."""

    who: Who
    comment: Comment = ""


class Remark(BaseModel):
    """Something to write next to an alarm."""

    who: Who
    comment: Comment = Field(min_length=1)


class HourBody(BaseModel):
    """One hour of a gate. A null count is unknown, not zero."""

    begin: datetime
    end: datetime
    entries: int | None
    exits: int | None
    coverage: Share | None = Field(description="share of the hour so far that was counted")


class SpanBody(BaseModel):
    """Crossings that cannot be told by the hour."""

    direction: Literal["entry", "exit"]
    since: datetime
    until: datetime
    count: int | None
    flag: str = Field(description="outage, reset, implausible, rollover")


class GateDayBody(BaseModel):
    """One gate on one library-day. ISO 2789: visits are entries."""

    gate: str
    name: NameBody
    day: date
    begin: datetime
    end: datetime
    entries: int | None = Field(description="null: nothing was counted")
    exits: int | None
    coverage: Share | None
    unplaced: int = Field(description="entries counted across outages: in the day, in no hour")
    hours: list[HourBody]
    spans: list[SpanBody]


class LoanBody(BaseModel):
    """One item's dealing at a kiosk. No reader's name or number is kept."""

    id: str
    kiosk: str
    action: str
    step: str
    item: str
    title: str
    due: str = Field(description="the library system's own words")
    reason: str
    begun: datetime
    changed: datetime


class StepBody(BaseModel):
    """A step of a delivery."""

    at: datetime
    step: str
    node: str
    reason: str


class DeliveryBody(BaseModel):
    """One item on its way."""

    id: str
    robot: str
    step: str
    item: str
    origin: str
    destination: str
    node: str
    reason: str
    begun: datetime
    changed: datetime
    steps: list[StepBody]


class RobotBody(BaseModel):
    """A robot. While `known` is false its place and battery are what it said last."""

    id: str
    known: bool
    connection: str = Field(description="ONLINE, OFFLINE, CONNECTIONBROKEN or UNKNOWN")
    at: datetime | None
    mode: str
    driving: bool
    battery: float | None = Field(description="%")
    node: str
    x: float | None = Field(description="m")
    y: float | None = Field(description="m")
    order: str
    errors: list[str]


class CommandRequest(BaseModel):
    """What a device shall do: `write` a point, or an order such as `deliver`."""

    model_config = {"extra": "forbid"}

    device: Name = Field(min_length=1)
    action: Name = Field(min_length=1, examples=["write", "deliver", "cancel", "release"])
    point: Name = ""
    value: float | None = Field(default=None, allow_inf_nan=False)
    lease: float = Field(
        default=0.0, ge=0, le=7 * 86400, description="seconds after which the safe value comes back"
    )
    arguments: dict[Name, Name] = Field(default_factory=dict, max_length=16)
    who: Who = "api"


class CommandTaken(BaseModel):
    """A command is kept and on its way; ask for its outcome by its id."""

    id: str


class CommandBody(BaseModel):
    """A command and what became of it."""

    id: str
    device: str
    action: str
    point: str
    wanted: float | None
    lease: float = Field(description="seconds")
    arguments: dict[str, str]
    who: str
    issued: datetime
    expires: datetime
    status: str = Field(description="sent, done, refused, failed, reverted or unknown")
    reason: str
    value: float | None = Field(description="what was read back")
    ended: datetime | None


class CardPointBody(BaseModel):
    """A point that a device offers."""

    name: str
    quantity: str
    unit: str
    period: float
    writable: bool
    low: float | None
    high: float | None


class DeviceBody(BaseModel):
    """A device as its card describes it. `available` null: nobody knows, its edge is away."""

    id: str
    edge: str
    model: str
    family: str
    space: str
    name: dict[str, str]
    available: bool | None
    changed: datetime | None
    cause: str
    points: list[CardPointBody]
    actions: list[str]


class JournalBody(BaseModel):
    """One journal of an edge."""

    stream: str
    begun: datetime
    committed: int
    last: int
    missing: int


class EdgeBody(BaseModel):
    """An edge: whether it is connected, and how its journals stand."""

    id: str
    online: bool
    changed: datetime | None
    version: str
    fill: Share = Field(description="share of the journal's budget in use")
    waiting: int | None = Field(description="records not yet acknowledged, when it last said so")
    journals: list[JournalBody]


class GapBody(BaseModel):
    """Records that are not in the store. Cause empty: still awaited."""

    stream: str
    edge: str
    first: int
    last: int
    noticed: datetime
    since: datetime | None
    until: datetime | None
    cause: str


class HealthBody(BaseModel):
    """How the gateway is, in counts."""

    status: Literal["ok"]
    now: datetime
    records: int = Field(description="committed: readings, events and unreadable ones")
    events: int
    unreadable: int
    duplicates: int = Field(description="records that came again and were not stored twice")
    open_gaps: int
    open_alarms: int
    points: int
    live_points: int
    edges_online: int
    tallies: dict[str, int] = Field(description="what was refused, doubled, late …, by name")
    problems: dict[str, int] = Field(description="requests refused since the start, by code")
