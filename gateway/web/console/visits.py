"""The page of the gates: visits by gate, library-day and hour."""

from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from contracts.instants import MINUTE, SECOND
from gateway.web.api.visits import gate_days
from gateway.web.api.window import calendar_of
from gateway.web.cache import Cache
from gateway.web.console.page import Frame
from gateway.web.problems import Problem

PREVIOUS_DAYS = 7
KEPT = 5 * SECOND
KEPT_PAST = 5 * MINUTE
"""Days that are over change only when late data comes."""


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache

    @router.get("/gates")
    async def gates(request: Request) -> Response:
        return frame.page(request, "gates", **await _gates(cache, request))


async def _gates(cache: Cache, request: Request) -> dict[str, Any]:
    calendar = calendar_of(cache.parts.site)
    today = calendar.day_of(cache.parts.now())
    try:
        day = date.fromisoformat(request.query_params.get("day", "") or today.isoformat())
    except ValueError as error:
        raise Problem(422, "bad-day", "that is no day", "write it as 2026-11-21") from error
    day = min(max(day, date(1980, 1, 1)), today)
    gates = cache.parts.site.gates
    rows = await gate_days(cache, gates, [day], KEPT)
    before = [day - timedelta(days=n) for n in range(1, PREVIOUS_DAYS + 1)]
    totals = await gate_days(cache, gates, before, KEPT_PAST)
    return {
        "day": day,
        "is_today": day == today,
        "rows": list(zip(gates, rows, strict=True)),
        "previous": [(one, [row for row in totals if row.day == one]) for one in before],
        "tallest": max((hour.passed or 0 for row in rows for hour in row.entries.hours), default=0),
        "yesterday": day - timedelta(days=1),
        "tomorrow": day + timedelta(days=1),
    }
