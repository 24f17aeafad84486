"""REST: spaces, points and their series."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from config.site import Space
from contracts.instants import HOUR, SECOND
from contracts.quantities import NATURES
from gateway.climate import series
from gateway.climate.conditions import Condition, Tile, unheard
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Freshness, Picture
from gateway.web.api.site import NameBody
from gateway.web.api.window import when, window
from gateway.web.cache import Cache
from gateway.web.problems import documented, unknown

MOST_BUCKETS = 5000


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
    quality: str
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
    quality: str
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


def space_body(one: Space, tile: Tile) -> SpaceBody:
    """Describe a room as it is now."""
    gauges = [
        GaugeBody(
            quantity=gauge.quantity,
            unit=gauge.unit,
            condition=gauge.condition,
            point=gauge.path,
            value=gauge.value,
            at=when(gauge.at),
            quality=gauge.quality,
            last_value=gauge.last_value,
            live=gauge.live,
            probes=gauge.probes,
            least=gauge.least,
            greatest=gauge.greatest,
        )
        for gauge in tile.gauges
    ]
    limits = [
        LimitBody(
            quantity=limit.quantity.value,
            unit=NATURES[limit.quantity].unit,
            low=limit.low,
            high=limit.high,
            deadband=limit.deadband,
            delay=limit.delay.total_seconds(),
            priority=limit.priority.value,
            standard=limit.standard,
        )
        for limit in one.limits
    ]
    return SpaceBody(
        id=one.id,
        kind=one.kind.value,
        name=NameBody(en=one.name.en, zh=one.name.zh),
        condition=tile.condition,
        gauges=gauges,
        limits=limits,
    )


def point_body(row: device_readers.Point, picture: Picture) -> PointBody:
    """Describe a point as it is now; its last value is no value while it is UNKNOWN."""
    now = picture.points.get(row.path) or unheard(row.path)
    live = now.freshness is Freshness.LIVE
    return PointBody(
        path=row.path,
        device=row.device,
        quantity=row.quantity,
        unit=row.unit,
        space=row.space,
        period=row.period / SECOND,
        freshness=now.freshness,
        quality=now.quality,
        value=now.value if live else None,
        at=when(now.at) if live else None,
        last_value=now.value,
        last_at=when(now.at),
        received=when(now.received),
    )


def add(api: APIRouter, cache: Cache) -> None:
    _add_spaces(api, cache)
    _add_points(api, cache)


def _add_spaces(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/spaces", tags=["building"])
    async def spaces() -> list[SpaceBody]:
        """Give every space as it is now."""
        tiles = await cache.tiles(parts.live.picture)
        return [space_body(one, tiles[one.id]) for one in parts.site.spaces]

    @api.get("/spaces/{space}", tags=["building"], responses=documented(404))
    async def space(space: str) -> SpaceBody:
        """Give one space as it is now."""
        tiles = await cache.tiles(parts.live.picture)
        for one in parts.site.spaces:
            if one.id == space:
                return space_body(one, tiles[one.id])
        raise unknown("space", space, "/api/v1/spaces")


def _add_points(api: APIRouter, cache: Cache) -> None:
    parts = cache.parts

    @api.get("/points", tags=["building"])
    async def points(space: str = "", device: str = "") -> list[PointBody]:
        """Give every point as it is now."""
        picture = parts.live.picture
        return [
            point_body(row, picture)
            for row in (await cache.inventory()).points.values()
            if (not space or row.space == space) and (not device or row.device == device)
        ]

    @api.get("/points/{device}/{name}", tags=["building"], responses=documented(404))
    async def point(device: str, name: str) -> PointBody:
        """Give one point as it is now."""
        row = (await cache.inventory()).points.get(f"{device}/{name}")
        if row is None:
            raise unknown("point", f"{device}/{name}", "/api/v1/points")
        return point_body(row, cache.parts.live.picture)

    @api.get("/points/{device}/{name}/series", tags=["building"], responses=documented(404, 422))
    async def point_series(
        device: str,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        buckets: Annotated[int, Query(ge=1, le=MOST_BUCKETS)] = 1000,
    ) -> SeriesBody:
        """Give the good values of a point over a window (by default the last day), thinned."""
        path = f"{device}/{name}"
        begin, end = window(since, until, cache.parts.now(), 24 * HOUR)
        row = (await cache.inventory()).points.get(path)
        found = await cache.parts.archive.ask(series.of_point, path, begin, end, buckets)
        if row is None or found is None:
            raise unknown("point", path, "/api/v1/points")
        return SeriesBody(
            point=path,
            quantity=row.quantity,
            unit=row.unit,
            since=begin / SECOND,
            until=end / SECOND,
            resolution=found.resolution / SECOND,
            interval=found.interval / SECOND,
            x=[at / SECOND for at in found.at],
            y=found.mean,
            low=found.low,
            high=found.high,
            n=found.readings,
        )
