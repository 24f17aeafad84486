"""REST: devices, edges, gaps and the gateway's own health."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from contracts.instants import moment
from contracts.messages import Presence
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Freshness, Picture
from gateway.ingest import readers as ingest_readers
from gateway.web.api.window import Limit, Share, when
from gateway.web.cache import Cache
from gateway.web.problems import documented

UNHEARD = "unheard"
"""Why a device that never said anything is not available."""


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
    journal: str = Field(description="ok; full or failing: what is read is kept in memory only")
    reason: str = Field(description="what is wrong with the journal")
    disk: Share = Field(description="share of the disk in use on which the journal lies")
    clock_steps: int = Field(description="steps of the edge's wall clock since it started")
    journals: list[JournalBody]


class GapBody(BaseModel):
    """Records that are not in the store. Cause empty: still awaited."""

    stream: str
    edge: str
    first: int = Field(description="0 when only the time is known")
    last: int = Field(description="0 when nobody knows how many there were")
    noticed: datetime
    since: datetime | None
    until: datetime | None
    cause: str
    reason: str = Field(description="the edge's own words")


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


def device_body(row: device_readers.Device, picture: Picture) -> DeviceBody:
    """Describe a device; while its edge is away nobody knows whether it is there."""
    known = picture.edges.get(row.edge, False) and row.cause != UNHEARD
    points = [
        CardPointBody(
            name=one.name,
            quantity=one.quantity,
            unit=one.unit,
            period=one.period,
            writable=one.writable,
            low=one.low,
            high=one.high,
        )
        for one in row.card.points
    ]
    return DeviceBody(
        id=row.id,
        edge=row.edge,
        model=row.card.model,
        family=row.card.family,
        space=row.card.space,
        name=row.card.name,
        available=row.available if known else None,
        changed=when(row.changed),
        cause=row.cause,
        points=points,
        actions=list(row.card.actions),
    )


def edge_body(
    row: device_readers.Edge, journals: Sequence[ingest_readers.Journal], *, online: bool
) -> EdgeBody:
    """Describe an edge and its journals."""
    told = row.presence
    return EdgeBody(
        id=row.id,
        online=online,
        changed=when(row.changed),
        version=told.version,
        fill=min(1.0, max(0.0, told.fill)),
        waiting=_waiting(told),
        journal=told.journal,
        reason=told.reason,
        disk=told.disk,
        clock_steps=told.steps,
        journals=[
            JournalBody(
                stream=one.stream,
                begun=moment(one.begun),
                committed=one.committed,
                last=one.last,
                missing=one.missing,
            )
            for one in journals
            if one.edge == row.id
        ],
    )


def _waiting(told: Presence) -> int | None:
    if told.streams:
        return sum(max(0, one.next - one.oldest) for one in told.streams)
    return max(0, told.next - told.oldest) if told.next else None


def gap_body(row: ingest_readers.Gap) -> GapBody:
    """Describe a hole in what was received."""
    times = {"noticed": moment(row.noticed), "since": when(row.since), "until": when(row.until)}
    return GapBody.model_validate(row._asdict() | times)


async def edges_now(cache: Cache) -> list[EdgeBody]:
    archive, picture = cache.parts.archive, cache.parts.live.picture
    rows = {row.id: row for row in await archive.ask(device_readers.edges)}
    for one in cache.parts.site.edges:
        unheard = Presence(one.id, online=False)
        rows.setdefault(
            one.id, device_readers.Edge(one.id, online=False, changed=0, presence=unheard)
        )
    journals = await archive.ask(ingest_readers.journals)
    return [
        edge_body(row, journals, online=picture.edges.get(row.id, False))
        for _, row in sorted(rows.items())
    ]


async def health_now(cache: Cache) -> HealthBody:
    """Count what the gateway has and what it refused."""
    parts = cache.parts
    totals = await parts.archive.ask(ingest_readers.totals)
    tallies = await parts.archive.ask(ingest_readers.tallies)
    picture = parts.live.picture
    live = sum(one.freshness is Freshness.LIVE for one in picture.points.values())
    return HealthBody(
        status="ok",
        now=moment(parts.now()),
        records=totals.records,
        events=totals.events,
        unreadable=totals.unreadable,
        duplicates=tallies.get("duplicate", 0),
        open_gaps=totals.open_gaps,
        open_alarms=picture.open_alarms,
        points=len(picture.points),
        live_points=live,
        edges_online=sum(picture.edges.values()),
        tallies=tallies,
        problems=dict(sorted(cache.counts.by_code.items())),
    )


def add(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/devices", tags=["house"])
    async def devices() -> list[DeviceBody]:
        """Give every device as its card describes it."""
        picture = parts.live.picture
        return [device_body(row, picture) for row in (await cache.inventory()).devices.values()]

    @api.get("/edges", tags=["house"])
    async def edges() -> list[EdgeBody]:
        """Give every edge and its journals."""
        return await edges_now(cache)

    @api.get("/gaps", tags=["house"], responses=documented(422))
    async def gaps(limit: Limit = 500) -> list[GapBody]:
        """Give the records that are not in the store, and why."""
        return [gap_body(row) for row in await parts.archive.ask(ingest_readers.gaps, limit)]

    @api.get("/health", tags=["house"], responses=documented(503))
    async def health() -> HealthBody:
        """Count what the gateway has and what it refused; 503 when its store cannot be read."""
        return await health_now(cache)
