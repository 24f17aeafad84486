"""Pages: the climate wall, and one space."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from config.site import Space
from contracts.instants import HOUR, MINUTE, SECOND, Instant
from gateway.climate import series
from gateway.climate.conditions import CLIMATE, Gauge, Inventory, condition_of, unheard
from gateway.commands import readers as command_readers
from gateway.devices import readers as device_readers
from gateway.devices.snapshot import Freshness, Picture
from gateway.web.api.system import device_body
from gateway.web.cache import Cache
from gateway.web.console import svg
from gateway.web.console.alarms import alarm_name
from gateway.web.console.page import Frame
from gateway.web.console.today import Today
from gateway.web.problems import Problem, unknown

SPANS = {
    "1h": HOUR,
    "1d": 24 * HOUR,
    "1w": 7 * 24 * HOUR,
    "1mo": 31 * 24 * HOUR,
    "1y": 366 * 24 * HOUR,
}
TREND_SPANS = (2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR)
TREND_BUCKETS = 80
TREND_KEPT = 20 * SECOND
TABLE_ROWS = 240
CHART_ROWS = 400


class Trends:
    """Small curves of the last hours, read anew only every now and then."""

    def __init__(self, cache: Cache) -> None:
        self._board = cache
        self._kept: dict[str, tuple[int, svg.Curve]] = {}
        self._span = (-1, TREND_SPANS[0])

    async def span(self, paths: list[str]) -> int:
        """Choose how far back trends go: a day, or less in a building that is younger."""
        now = self._board.parts.now()
        age = now // TREND_KEPT
        if self._span[0] != age:
            longest = TREND_SPANS[-1]
            first = await self._board.parts.archive.ask(series.first_reading, paths, now - longest)
            back = now - first if first is not None else 0
            fitting = (span for span in TREND_SPANS if span >= back)
            self._span = (age, next(fitting, longest))
        return self._span[1]

    async def of(self, gauge: Gauge, span: int) -> svg.Curve | None:
        """Draw the trend of a gauge; None when its point was never heard of."""
        now = self._board.parts.now()
        age = now // TREND_KEPT
        kept = self._kept.get(gauge.path)
        if kept is not None and kept[0] == age:
            return kept[1]
        begin = now - span
        found = await self._board.parts.archive.ask(
            series.of_point, gauge.path, begin, now, TREND_BUCKETS
        )
        if found is None:
            return None
        drawn = svg.spark(found, (begin, now), (gauge.low, gauge.high))
        self._kept[gauge.path] = (age, drawn)
        return drawn


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache
    trends = Trends(cache)
    today = Today(cache)

    @router.get("/")
    async def wall(request: Request) -> Response:
        tiles = await cache.tiles(cache.parts.live.picture)
        inventory = await cache.inventory()
        gauges = [gauge for tile in tiles.values() for gauge in tile.gauges if gauge.path]
        span = await trends.span([gauge.path for gauge in gauges])
        drawn = {gauge.path: await trends.of(gauge, span) for gauge in gauges}
        counts: dict[str, int] = {}
        for tile in tiles.values():
            counts[tile.condition] = counts.get(tile.condition, 0) + 1
        return frame.page(
            request,
            "wall",
            tiles=tiles,
            trends=drawn,
            span=span,
            counts=counts,
            day=await today.now(),
            name_of=lambda row, locale: alarm_name(cache.parts.site, inventory, row, locale),
        )

    @router.get("/spaces/{name}")
    async def space(request: Request, name: str) -> Response:
        one = find(cache, name)
        return frame.page(request, "space", **await space_context(cache, one, request))


def find(cache: Cache, name: str) -> Space:
    """Find a space; raise Problem."""
    for one in cache.parts.site.spaces:
        if one.id == name:
            return one
    raise unknown("space", name, "/")


def window_of(request: Request, now: Instant, otherwise: str) -> tuple[Instant, Instant, str]:
    """Read the window that a page's address asks for: `span`, or `from` and `to` in seconds."""
    query = request.query_params
    if query.get("from") and query.get("to"):
        try:
            begin, end = (int(float(query[name]) * SECOND) for name in ("from", "to"))
        except (ValueError, OverflowError):
            begin = end = 0
        if not 0 <= begin < end <= begin + 20 * SPANS["1y"]:
            raise Problem(
                422, "bad-window", "from and to are no window of time", "give seconds since 1970"
            )
        return begin, end, ""
    span = query.get("span", "")
    if span not in SPANS:
        span = otherwise
    return now - SPANS[span], now, span


async def space_context(cache: Cache, one: Space, request: Request) -> dict[str, Any]:
    """Gather what the page of a space shows."""
    parts = cache.parts
    picture = parts.live.picture
    inventory = await cache.inventory()
    probes = [row.path for row in inventory.probes(one.id)]
    now = parts.now()
    first = await parts.archive.ask(series.first_reading, probes, now - SPANS["1d"])
    young = first is not None and first > now - SPANS["1h"]
    begin, end, span = window_of(request, now, "1h" if young else "1d")
    tile = (await cache.tiles(picture))[one.id]
    limits = {limit.quantity.value: limit for limit in one.limits}
    as_table = request.query_params.get("view") == "table"
    charts = []
    for quantity in CLIMATE:
        paths = [row.path for row in inventory.probes(one.id) if row.quantity == quantity]
        if paths:
            rows = TABLE_ROWS if as_table else CHART_ROWS
            found = {
                path: await parts.archive.ask(series.of_point, path, begin, end, rows)
                for path in paths
            }
            limit = limits.get(quantity)
            charts.append(_chart(quantity, found, limit, (begin, end)))
    devices = [row for row in inventory.devices.values() if row.card.space == one.id]
    devices.sort(key=lambda row: row.card.family != "climate")
    orders = {
        row.id: await parts.archive.ask(command_readers.commands, row.id, "", 5)
        for row in devices
        if any(point.writable for point in row.card.points)
    }
    return {
        "space": one,
        "tile": tile,
        "limits": limits,
        "charts": charts,
        "begin": begin,
        "end": end,
        "span": span,
        "spans": SPANS,
        "as_table": as_table,
        "inventory": inventory,
        "devices": [_device(row, inventory, picture, limits) for row in devices],
        "orders": orders,
        "step": end - begin,
        "problem": "",
    }


def _chart(
    quantity: str, found: dict[str, series.Series | None], limit: Any, window: tuple[int, int]
) -> dict[str, Any]:
    low = limit.low if limit else None
    high = limit.high if limit else None
    first = next((one for one in found.values() if one is not None), None)
    fallback = svg.spark(first, window, (low, high), (960, 220)) if first else None
    return {
        "quantity": quantity,
        "series": {path: one for path, one in found.items() if one is not None},
        "low": low,
        "high": high,
        "fallback": fallback,
    }


def _device(
    row: device_readers.Device, inventory: Inventory, picture: Picture, limits: dict[str, Any]
) -> dict[str, Any]:
    points = []
    for offered in row.card.points:
        path = f"{row.id}/{offered.name}"
        now = picture.points.get(path) or unheard(path)
        live = now.freshness is Freshness.LIVE and now.value is not None
        judged = live and row.card.family == "climate" and path in inventory.points
        limit = limits.get(offered.quantity) if judged else None
        condition = condition_of(now.value or 0.0, limit) if live else "unknown"
        points.append({"card": offered, "now": now, "live": live, "condition": condition})
    return {"row": row, "view": device_body(row, picture), "points": points}
