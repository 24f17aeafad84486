"""A site: its spaces, what is promised for them, and the edges that drive its devices."""

import re
from collections.abc import Iterator
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from config.base import (
    Id,
    Length,
    Line,
    Model,
    Name,
    Number,
    Place,
    PointPath,
    Positive,
    Whole,
    Wrong,
    Zone,
    refuse,
)
from config.broker import Broker
from config.hosts import HostName
from config.links import (
    Device,
    LibrarySystem,
    Link,
    ModbusDevice,
    Robot,
    Sip2,
    TagReaderDevice,
    Vda5050,
)
from config.registers import beyond
from contracts.quantities import NATURES, Quantity


class Priority(StrEnum):
    """How soon somebody must act (ISA-18.2 names)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Limit(Model):
    """A band that a quantity must stay in, and when leaving it rings.

    The bounds themselves are inside the band. An alarm is raised when the value has been outside
    for `delay`, and clears when it is back inside by `deadband`.
    """

    quantity: Quantity
    low: Number | None = None
    high: Number | None = None
    unit: str | None = None
    deadband: Number = Field(default=0.0, ge=0)
    delay: Length = timedelta(0)
    priority: Priority = Priority.MEDIUM
    standard: Line | Literal[""] = ""
    guidance: Name | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        own = NATURES[self.quantity].unit
        if self.unit is not None and self.unit != own:
            what = f"unit {self.unit!r} does not fit {self.quantity}; write {own!r}"
            refuse([Wrong(("unit",), what)])
        if self.low is None and self.high is None:
            raise ValueError("a limit needs low, high or both")
        refuse(
            Wrong((side,), fault)
            for side, bound in (("low", self.low), ("high", self.high))
            if bound is not None and (fault := beyond(self.quantity, bound))
        )
        if self.low is not None and self.high is not None:
            if self.low >= self.high:
                raise ValueError(f"low {self.low} must be below high {self.high}")
            if 2 * self.deadband >= self.high - self.low:
                raise ValueError(
                    f"deadband {self.deadband} leaves nothing between {self.low} and {self.high};"
                    " make it less than half of the band"
                )
        return self


class SpaceKind(StrEnum):
    """What a space is for."""

    VAULT = "vault"
    STORE = "store"
    READING = "reading"
    LOBBY = "lobby"
    PLANT = "plant"


class Space(Model):
    """A room."""

    id: Id
    kind: SpaceKind
    name: Name
    limits: tuple[Limit, ...] = ()

    @model_validator(mode="after")
    def _one_limit_each(self) -> Self:
        quantities = [limit.quantity for limit in self.limits]
        refuse(
            Wrong(
                ("limits", i, "quantity"), f"space {self.id}: {quantity} has two limits; keep one"
            )
            for i, quantity in enumerate(quantities)
            if quantity in quantities[:i]
        )
        return self


class Gate(Model):
    """A door with a counter. A visit is a person entering (ISO 2789): `entries` is what counts."""

    id: Id
    name: Name
    space: Id
    entries: PointPath
    exits: PointPath | None = None
    rollover: Whole = Field(
        default=2**32, ge=2, description="the counter goes from this minus one to zero"
    )
    fastest: Number = Field(
        default=2.0, gt=0, description="persons per second; more is a fault, not a crowd"
    )


class Kiosk(Model):
    """A self-check place: a reader pad and the library system, joined by one edge."""

    id: Id
    name: Name
    space: Id
    reader: Id
    library: Id


class Station(Model):
    """A place where a robot can stop, in metres on the map."""

    id: Id
    x: Number
    y: Number
    name: Name | None = None


class Fleet(Model):
    """Where robots may go: VDA 5050 nodes and the two-way ways between them."""

    map: Line = "ground"
    stations: tuple[Station, ...] = ()
    ways: tuple[tuple[Id, Id], ...] = ()

    @model_validator(mode="after")
    def _joined(self) -> Self:
        known = {station.id for station in self.stations}
        refuse(
            Wrong(("ways", i), f"way {list(way)} leads nowhere: both ends are one; name two")
            for i, way in enumerate(self.ways)
            if way[0] == way[1]
        )
        refuse(
            Wrong(("ways", i, j), f"way {list(way)}: no station {end!r}; add it to stations")
            for i, way in enumerate(self.ways)
            for j, end in enumerate(way)
            if end not in known
        )
        return self


class Journal(Model):
    """How much an edge keeps while nobody takes it."""

    keep: Positive = timedelta(hours=72)
    largest: Whole = Field(default=2 * 2**30, ge=2**20, description="bytes on disk")


class Edge(Model):
    """One process that drives devices."""

    id: Id
    name: Name | None = None
    links: tuple[Link, ...] = Field(min_length=1)
    kiosks: tuple[Kiosk, ...] = ()
    journal: Journal = Journal()

    def devices(self) -> Iterator[Device]:
        """Give every device of every link."""
        for link in self.links:
            yield from link.devices


def _day_time(value: Any) -> Any:
    if isinstance(value, time):
        return value
    if not isinstance(value, str) or not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise ValueError(f"{value!r} is not a time of day; write it as '04:00', with the quotes")
    return time.fromisoformat(value)


DayTime = Annotated[time, BeforeValidator(_day_time)]


class Site(Model):
    """A building."""

    site: Id
    name: Name
    timezone: Zone
    day_begins: DayTime = time(0, 0)
    broker: Broker
    hosts: tuple[HostName, ...] = Field(
        default=(), description="names, besides loopback, by which the console may be called"
    )
    spaces: tuple[Space, ...] = Field(min_length=1)
    gates: tuple[Gate, ...] = ()
    fleet: Fleet = Fleet()
    edges: tuple[Edge, ...] = Field(min_length=1)

    @property
    def zone(self) -> ZoneInfo:
        """The site's time zone."""
        return ZoneInfo(self.timezone)

    def devices(self) -> Iterator[tuple[Edge, Device]]:
        """Give every device with its edge."""
        for edge in self.edges:
            for device in edge.devices():
                yield edge, device

    def edge(self, name: str) -> Edge:
        """Find an edge; raise KeyError that names those there are."""
        for edge in self.edges:
            if edge.id == name:
                return edge
        raise KeyError(f"no edge {name!r}; there are {[edge.id for edge in self.edges]}")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        refuse(
            (
                *self._doubled(),
                *self._unknown_spaces(),
                *self._unknown_counters(),
                *self._unjoined_kiosks(),
            )
        )
        return self

    def _doubled(self) -> Iterator[Wrong]:
        """Find ids that are used twice: the second one's place."""
        things: list[tuple[str, Place, str]] = [
            *(("space", ("spaces", i), space.id) for i, space in enumerate(self.spaces)),
            *(("gate", ("gates", i), gate.id) for i, gate in enumerate(self.gates)),
            *(
                ("station", ("fleet", "stations", i), station.id)
                for i, station in enumerate(self.fleet.stations)
            ),
        ]
        for number, edge in enumerate(self.edges):
            place: Place = ("edges", number)
            things.append(("edge", place, edge.id))
            for i, link in enumerate(edge.links):
                things.append(("link", (*place, "links", i), link.id))
                things += [
                    ("device", (*place, "links", i, "devices", j), device.id)
                    for j, device in enumerate(link.devices)
                ]
            # A kiosk journals and is drawn under its own id, next to devices.
            things += [
                ("device", (*place, "kiosks", i), kiosk.id) for i, kiosk in enumerate(edge.kiosks)
            ]
        seen: set[tuple[str, str]] = set()
        for what, place, name in things:
            if (what, name) in seen:
                yield Wrong((*place, "id"), f"{what} id {name!r} is used twice; rename one")
            seen.add((what, name))

    def _unknown_spaces(self) -> Iterator[Wrong]:
        known = {space.id for space in self.spaces}
        named: list[tuple[str, Place, str | None]] = [
            (f"gate {gate.id}", ("gates", i), gate.space) for i, gate in enumerate(self.gates)
        ]
        for number, edge in enumerate(self.edges):
            named += [
                (f"kiosk {kiosk.id}", ("edges", number, "kiosks", i), kiosk.space)
                for i, kiosk in enumerate(edge.kiosks)
            ]
            for i, link in enumerate(edge.links):
                named += [
                    (
                        f"device {device.id}",
                        ("edges", number, "links", i, "devices", j),
                        device.space,
                    )
                    for j, device in enumerate(link.devices)
                ]
        for who, place, space in named:
            if space is not None and space not in known:
                yield Wrong((*place, "space"), f"{who}: no space {space!r}; add it to spaces")

    def _unknown_counters(self) -> Iterator[Wrong]:
        devices = {device.id: device for _, device in self.devices()}
        for i, gate in enumerate(self.gates):
            if gate.entries == gate.exits:
                what = f"gate {gate.id}: entries and exits are the same point; name two"
                yield Wrong(("gates", i, "exits"), what)
            for side, path in (("entries", gate.entries), ("exits", gate.exits)):
                name = path.split("/")[0] if path else ""
                if path and not isinstance(devices.get(name), ModbusDevice):
                    what = f"gate {gate.id}: no device {name!r} that counts; add it to a link"
                    yield Wrong(("gates", i, side), what)

    def _unjoined_kiosks(self) -> Iterator[Wrong]:
        for number, edge in enumerate(self.edges):
            own = {device.id: device for device in edge.devices()}
            for i, kiosk in enumerate(edge.kiosks):
                place = ("edges", number, "kiosks", i)
                if not isinstance(own.get(kiosk.reader), TagReaderDevice):
                    what = f"{kiosk.reader!r} is no tag reader of edge {edge.id}; name one"
                    yield Wrong((*place, "reader"), f"kiosk {kiosk.id}: {what}")
                if not isinstance(own.get(kiosk.library), LibrarySystem):
                    what = f"{kiosk.library!r} is no library system of edge {edge.id}; name one"
                    yield Wrong((*place, "library"), f"kiosk {kiosk.id}: {what}")


__all__ = [
    "Edge",
    "Fleet",
    "Gate",
    "Kiosk",
    "LibrarySystem",
    "Limit",
    "ModbusDevice",
    "Priority",
    "Robot",
    "Sip2",
    "Site",
    "Space",
    "SpaceKind",
    "Station",
    "Vda5050",
]
