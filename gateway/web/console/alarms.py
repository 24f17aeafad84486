"""Pages: alarms, gates, kiosks, robots, and the system itself."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from config.site import Site
from contracts.instants import MINUTE, SECOND
from gateway.alarms import readers as alarm_readers
from gateway.circulation import readers as loan_readers
from gateway.climate.conditions import Roster
from gateway.commands import readers as command_readers
from gateway.deliveries import readers as delivery_readers
from gateway.ingest import readers as ingest_readers
from gateway.web.api import views
from gateway.web.api.building import gate_days
from gateway.web.api.router import edges_now, health_now, robots_now
from gateway.web.cache import Board
from gateway.web.console import svg, wording
from gateway.web.console.locale import Speech
from gateway.web.console.page import Frame
from gateway.web.problems import Problem

STATES = ("open", "unacknowledged", "acknowledged", "returned-unacknowledged", "normal", "all")
PREVIOUS_DAYS = 7
KEPT = 5 * SECOND
KEPT_PAST = 5 * MINUTE
"""Days that are over change only when late data comes."""


def add(router: APIRouter, frame: Frame) -> None:
    """Add the routes."""
    board = frame.board

    @router.get("/alarms")
    async def alarms(request: Request) -> Response:
        return frame.page(request, "alarms", **await alarms_context(board, request))

    @router.get("/gates")
    async def gates(request: Request) -> Response:
        return frame.page(request, "gates", **await _gates(board, request))

    @router.get("/kiosks")
    async def kiosks(request: Request) -> Response:
        return frame.page(request, "kiosks", **await _kiosks(board))

    @router.get("/robots")
    async def robots(request: Request) -> Response:
        return frame.page(request, "robots", **await robots_context(board))

    @router.get("/system")
    async def system(request: Request) -> Response:
        picture = board.parts.live.picture
        roster = await board.roster()
        return frame.page(
            request,
            "system",
            edges=await edges_now(board),
            health=await health_now(board),
            gaps=await board.parts.archive.ask(ingest_readers.gaps, 100),
            devices=[views.device(row, picture) for row in roster.devices.values()],
        )


async def alarms_context(board: Board, request: Request) -> dict[str, Any]:
    """Gather what the list of alarms shows."""
    query = request.query_params
    state = query.get("state", "open")
    wanted = alarm_readers.Wanted(
        state if state in STATES else "open",
        query.get("kind", ""),
        query.get("space", ""),
        query.get("priority", ""),
        200,
    )
    roster = await board.roster()
    rows = await board.parts.archive.ask(alarm_readers.alarms, wanted)
    return {
        "alarms": rows,
        "wanted": wanted,
        "states": STATES,
        "name_of": lambda row, speech: alarm_name(board.parts.site, roster, row, speech),
        "guidance": lambda row, speech: guidance(board.parts.site, row, speech),
        "problem": "",
        "problem_of": 0,
    }


def alarm_name(site: Site, roster: Roster, row: alarm_readers.Alarm, speech: Speech) -> str:
    """Say what the source of an alarm is called, in its space."""
    device = roster.devices.get(row.source.split("/")[0])
    if row.kind in ("edge-silence", "journal-fill", "clock"):
        edge = next((one for one in site.edges if one.id == row.source), None)
        return speech.name(edge.name, edge.id) if edge else row.source
    name = speech.title(device.card.name, device.id) if device else row.source
    space = next((one for one in site.spaces if one.id == row.space), None)
    if space is None or (device is not None and device.card.name):
        return name
    return f"{speech.name(space.name, space.id)} · {name}"


def guidance(site: Site, row: alarm_readers.Alarm, speech: Speech) -> str:
    """Say what to do: the site's own words for this limit, else the general ones."""
    for space in site.spaces:
        for limit in space.limits:
            if (
                space.id == row.space
                and limit.quantity.value == row.params.get("quantity")
                and limit.guidance is not None
            ):
                return speech.name(limit.guidance, "")
    return wording.said(wording.GUIDANCE, row.kind, speech.catalogue.gettext)


async def _gates(board: Board, request: Request) -> dict[str, Any]:
    calendar = views.calendar_of(board.parts.site)
    today = calendar.day_of(board.parts.now())
    try:
        day = date.fromisoformat(request.query_params.get("day", "") or today.isoformat())
    except ValueError as error:
        raise Problem(422, "bad-day", "that is no day", "write it as 2026-11-21") from error
    day = min(max(day, date(1980, 1, 1)), today)
    gates = board.parts.site.gates
    rows = await gate_days(board, gates, [day], KEPT)
    before = [day - timedelta(days=n) for n in range(1, PREVIOUS_DAYS + 1)]
    totals = await gate_days(board, gates, before, KEPT_PAST)
    return {
        "day": day,
        "is_today": day == today,
        "rows": list(zip(gates, rows, strict=True)),
        "previous": [(one, [row for row in totals if row.day == one]) for one in before],
        "tallest": max((hour.passed or 0 for row in rows for hour in row.entries.hours), default=0),
        "yesterday": day - timedelta(days=1),
        "tomorrow": day + timedelta(days=1),
    }


async def _kiosks(board: Board) -> dict[str, Any]:
    parts = board.parts
    calendar = views.calendar_of(parts.site)
    now = parts.now()
    begin, end = calendar.begin(calendar.day_of(now)), now + 1
    roster = await board.roster()
    picture = parts.live.picture
    devices = {name: views.device(row, picture) for name, row in roster.devices.items()}
    return {
        "kiosks": [(edge, kiosk) for edge in parts.site.edges for kiosk in edge.kiosks],
        "devices": devices,
        "loans": await parts.archive.ask(loan_readers.loans, begin, end, 200),
        "counts": await parts.archive.ask(loan_readers.loan_counts, begin, end),
        "tasks": await parts.archive.ask(loan_readers.staff_tasks),
    }


async def robots_context(board: Board) -> dict[str, Any]:
    """Gather what the page of the robots shows."""
    parts = board.parts
    roster = await board.roster()
    return {
        "robots": await robots_now(board),
        "named": {device.id: device.name for device in views.robots_of(parts.site)},
        "actions": {name: row.card.actions for name, row in roster.devices.items()},
        "deliveries": await parts.archive.ask(delivery_readers.deliveries, 30),
        "plan": svg.plan(parts.site.fleet),
        "stations": {one.id: one for one in parts.site.fleet.stations},
        "orders": [
            row
            for row in await parts.archive.ask(command_readers.commands, "", "", 30)
            if row.action != "write"
        ][:8],
        "problem": "",
    }
