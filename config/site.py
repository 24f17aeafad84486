"""A site: its spaces, what is promised for them, and the edges that drive its devices."""

from collections import Counter
from collections.abc import Iterator
from datetime import time, timedelta
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from config.base import Id, Length, Model, Name, PointPath
from config.broker import BrokerUrl
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
    low: float | None = None
    high: float | None = None
    unit: str | None = None
    deadband: float = Field(default=0.0, ge=0)
    delay: Length = timedelta(0)
    priority: Priority = Priority.MEDIUM
    standard: str = ""
    guidance: Name | None = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        own = NATURES[self.quantity].unit
        if self.unit is not None and self.unit != own:
            raise ValueError(f"unit {self.unit!r} does not fit {self.quantity}; it is in {own!r}")
        if self.low is None and self.high is None:
            raise ValueError("a limit needs low, high or both")
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
        twice = [q for q, n in Counter(one.quantity for one in self.limits).items() if n > 1]
        if twice:
            raise ValueError(f"space {self.id}: {twice[0]} has two limits; keep one")
        return self


class Gate(Model):
    """A door with a counter. A visit is a person entering (ISO 2789): `entries` is what counts."""

    id: Id
    name: Name
    space: Id
    entries: PointPath
    exits: PointPath | None = None
    rollover: int = Field(
        default=2**32, ge=2, description="the counter goes from this minus one to zero"
    )
    fastest: float = Field(
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
    x: float
    y: float
    name: Name | None = None


class Fleet(Model):
    """Where robots may go: VDA 5050 nodes and the two-way ways between them."""

    map: str = "ground"
    stations: tuple[Station, ...] = ()
    ways: tuple[tuple[Id, Id], ...] = ()

    @model_validator(mode="after")
    def _joined(self) -> Self:
        known = {station.id for station in self.stations}
        for way in self.ways:
            for end in way:
                if end not in known:
                    raise ValueError(f"way {list(way)}: no station {end!r}; add it to stations")
        return self


class Journal(Model):
    """How much an edge keeps while nobody takes it."""

    keep: Length = timedelta(hours=72)
    largest: int = Field(default=2 * 2**30, ge=2**20, description="bytes on disk")


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


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone; write for example Asia/Shanghai")
    return name


class Site(Model):
    """A building."""

    site: Id
    name: Name
    timezone: Annotated[str, AfterValidator(_zone)]
    day_begins: time = time(0, 0)
    broker: BrokerUrl
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
    def _distinct(self) -> Self:
        links = [link.id for edge in self.edges for link in edge.links]
        kiosks = [kiosk.id for edge in self.edges for kiosk in edge.kiosks]
        for what, ids in (
            ("space", [space.id for space in self.spaces]),
            ("edge", [edge.id for edge in self.edges]),
            ("link", links),
            # A kiosk journals and is drawn under its own id, next to devices.
            ("device", [device.id for _, device in self.devices()] + kiosks),
            ("gate", [gate.id for gate in self.gates]),
            ("station", [station.id for station in self.fleet.stations]),
        ):
            twice = [one for one, count in Counter(ids).items() if count > 1]
            if twice:
                raise ValueError(f"{what} id {twice[0]!r} is used twice; rename one")
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        spaces = {space.id for space in self.spaces}
        devices = {device.id: device for _, device in self.devices()}
        for _, device in self.devices():
            if device.space is not None and device.space not in spaces:
                raise ValueError(f"device {device.id}: no space {device.space!r}; add it to spaces")
        for gate in self.gates:
            if gate.space not in spaces:
                raise ValueError(f"gate {gate.id}: no space {gate.space!r}; add it to spaces")
            for path in filter(None, (gate.entries, gate.exits)):
                if path.split("/")[0] not in devices:
                    raise ValueError(f"gate {gate.id}: no device {path.split('/')[0]!r}")
        for edge in self.edges:
            own = {device.id: device for device in edge.devices()}
            for kiosk in edge.kiosks:
                if kiosk.space not in spaces:
                    raise ValueError(f"kiosk {kiosk.id}: no space {kiosk.space!r}")
                if not isinstance(own.get(kiosk.reader), TagReaderDevice):
                    raise ValueError(f"kiosk {kiosk.id}: {kiosk.reader!r} is no reader of its edge")
                if not isinstance(own.get(kiosk.library), LibrarySystem):
                    raise ValueError(
                        f"kiosk {kiosk.id}: {kiosk.library!r} is no library system of its edge"
                    )
        return self


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
