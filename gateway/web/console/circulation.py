"""The page of the kiosks: loans, returns and what staff must look at."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.circulation import readers as loan_readers
from gateway.web.api.system import device_body
from gateway.web.api.window import calendar_of
from gateway.web.cache import Cache
from gateway.web.console.page import Frame


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache

    @router.get("/kiosks")
    async def kiosks(request: Request) -> Response:
        return frame.page(request, "kiosks", **await _kiosks(cache))


async def _kiosks(cache: Cache) -> dict[str, Any]:
    parts = cache.parts
    calendar = calendar_of(parts.site)
    now = parts.now()
    begin, end = calendar.begin(calendar.day_of(now)), now + 1
    inventory = await cache.inventory()
    picture = parts.live.picture
    devices = {name: device_body(row, picture) for name, row in inventory.devices.items()}
    return {
        "kiosks": [(edge, kiosk) for edge in parts.site.edges for kiosk in edge.kiosks],
        "devices": devices,
        "loans": await parts.archive.ask(loan_readers.loans, begin, end, 200),
        "counts": await parts.archive.ask(loan_readers.loan_counts, begin, end),
        "tasks": await parts.archive.ask(loan_readers.staff_tasks),
    }
