"""The page of the robots and their deliveries."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.commands import readers as command_readers
from gateway.deliveries import readers as delivery_readers
from gateway.web.api.deliveries import robots_now, robots_of
from gateway.web.cache import Cache
from gateway.web.console import svg
from gateway.web.console.page import Frame


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache

    @router.get("/robots")
    async def robots(request: Request) -> Response:
        return frame.page(request, "robots", **await robots_context(cache))


async def robots_context(cache: Cache) -> dict[str, Any]:
    parts = cache.parts
    inventory = await cache.inventory()
    return {
        "robots": await robots_now(cache),
        "named": {device.id: device.name for device in robots_of(parts.site)},
        "actions": {name: row.card.actions for name, row in inventory.devices.items()},
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
