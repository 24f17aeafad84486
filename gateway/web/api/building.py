"""REST: the building as it is and was: spaces, points, series, visits."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response

from config.site import Gate
from contracts.instants import HOUR, SECOND, Instant, instant
from gateway.climate import series
from gateway.footfall import visit_days
from gateway.web.api import site as models
from gateway.web.api import views
from gateway.web.cache import Board
from gateway.web.problems import Problem, documented, unknown

DAY = timedelta(days=1)
MOST_BUCKETS = 5000
MOST_DAYS = 31
LONGEST = 20 * 366 * 24 * HOUR
"""Microseconds; longer windows are a mistake in the request."""


def window(
    since: datetime | None, until: datetime | None, now: Instant, span: int
) -> tuple[Instant, Instant]:
    """Read a window of time; by default the `span` before now. Raise Problem."""
    for given in (since, until):
        if given is not None and given.tzinfo is None:
            raise Problem(422, "no-zone", "a time has no zone", "write it as 2026-11-21T09:00:00Z")
    end = now if until is None else instant(until)
    begin = end - span if since is None else instant(since)
    if not 0 < end - begin <= LONGEST or begin < 0:
        raise Problem(
            422,
            "bad-window",
            "the window ends before it begins, or is longer than twenty years",
            "give since before until",
        )
    return begin, end


def find_gate(board: Board, name: str) -> Gate:
    """Find a gate; raise Problem."""
    for gate in board.parts.site.gates:
        if gate.id == name:
            return gate
    raise unknown("gate", name, "/api/v1/visits")


async def gate_days(
    board: Board, gates: tuple[Gate, ...], days: list[date], kept: int = 0
) -> list[visit_days.GateDay]:
    """Give the library-days of gates, each at most `kept` microseconds old."""
    return [await board.gate_day(gate, day, kept) for gate in gates for day in days]


def routes(board: Board) -> APIRouter:
    """Make the routes."""
    api = APIRouter(tags=["building"])
    parts = board.parts

    @api.get("/site")
    async def site() -> models.SiteBody:
        """Give the building, its zone and its clock."""
        return views.site(parts.site, parts.now())

    @api.get("/spaces")
    async def spaces() -> list[models.SpaceBody]:
        """Give every space as it is now."""
        tiles = await board.tiles(parts.live.picture)
        return [views.space(one, tiles[one.id]) for one in parts.site.spaces]

    @api.get("/spaces/{space}", responses=documented(404))
    async def space(space: str) -> models.SpaceBody:
        """Give one space as it is now."""
        tiles = await board.tiles(parts.live.picture)
        for one in parts.site.spaces:
            if one.id == space:
                return views.space(one, tiles[one.id])
        raise unknown("space", space, "/api/v1/spaces")

    @api.get("/points")
    async def points(space: str = "", device: str = "") -> list[models.PointBody]:
        """Give every point as it is now."""
        picture = parts.live.picture
        return [
            views.point(row, picture)
            for row in (await board.roster()).points.values()
            if (not space or row.space == space) and (not device or row.device == device)
        ]

    _series_routes(api, board)
    _visit_routes(api, board)
    return api


def _series_routes(api: APIRouter, board: Board) -> None:
    @api.get("/points/{device}/{name}", responses=documented(404))
    async def point(device: str, name: str) -> models.PointBody:
        """Give one point as it is now."""
        row = (await board.roster()).points.get(f"{device}/{name}")
        if row is None:
            raise unknown("point", f"{device}/{name}", "/api/v1/points")
        return views.point(row, board.parts.live.picture)

    @api.get("/points/{device}/{name}/series", responses=documented(404, 422))
    async def point_series(
        device: str,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        buckets: Annotated[int, Query(ge=1, le=MOST_BUCKETS)] = 1000,
    ) -> models.SeriesBody:
        """Give the good values of a point over a window (by default the last day), thinned."""
        path = f"{device}/{name}"
        begin, end = window(since, until, board.parts.now(), 24 * HOUR)
        row = (await board.roster()).points.get(path)
        found = await board.parts.archive.ask(series.of_point, path, begin, end, buckets)
        if row is None or found is None:
            raise unknown("point", path, "/api/v1/points")
        return models.SeriesBody(
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


def _visit_routes(api: APIRouter, board: Board) -> None:
    @api.get(
        "/visits",
        responses={
            304: {"description": "Nothing has changed since that ETag"},
            **documented(404, 422),
        },
        response_model=list[models.GateDayBody],
    )
    async def visits(
        response: Response,
        gate: str = "",
        day: date | None = None,
        days: Annotated[int, Query(ge=1, le=MOST_DAYS)] = 1,
        if_none_match: Annotated[str, Header()] = "",
    ) -> object:
        """Give visits by gate, library-day and hour: `days` days that end with `day` (today)."""
        calendar = views.calendar_of(board.parts.site)
        last = day or calendar.day_of(board.parts.now())
        if not date(1980, 1, 1) <= last <= date(9990, 1, 1):
            raise Problem(422, "bad-day", f"{last} is no day of this library", "give another day")
        gates = (find_gate(board, gate),) if gate else board.parts.site.gates
        wanted = [last - n * DAY for n in reversed(range(days))]
        rows = await gate_days(board, gates, wanted)
        bodies = [views.gate_day(find_gate(board, row.gate), row, calendar) for row in rows]
        text = "".join(body.model_dump_json() for body in bodies)
        tag = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if tag in if_none_match:
            return Response(status_code=304, headers=headers)
        response.headers.update(headers)
        return bodies
