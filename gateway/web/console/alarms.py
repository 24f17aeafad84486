"""The page of the alarms."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from config.site import Site
from gateway.alarms import readers as alarm_readers
from gateway.climate.conditions import Inventory
from gateway.web.cache import Cache
from gateway.web.console import wording
from gateway.web.console.locale import Locale
from gateway.web.console.page import Frame

STATES = ("open", "unacknowledged", "acknowledged", "returned-unacknowledged", "normal", "all")


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache

    @router.get("/alarms")
    async def alarms(request: Request) -> Response:
        return frame.page(request, "alarms", **await alarms_context(cache, request))


async def alarms_context(cache: Cache, request: Request) -> dict[str, Any]:
    query = request.query_params
    state = query.get("state", "open")
    wanted = alarm_readers.Wanted(
        state if state in STATES else "open",
        query.get("kind", ""),
        query.get("space", ""),
        query.get("priority", ""),
        200,
    )
    inventory = await cache.inventory()
    rows = await cache.parts.archive.ask(alarm_readers.alarms, wanted)
    return {
        "alarms": rows,
        "wanted": wanted,
        "states": STATES,
        "name_of": lambda row, locale: alarm_name(cache.parts.site, inventory, row, locale),
        "guidance": lambda row, locale: guidance(cache.parts.site, row, locale),
        "problem": "",
        "problem_of": 0,
    }


def alarm_name(site: Site, inventory: Inventory, row: alarm_readers.Alarm, locale: Locale) -> str:
    """Say what the source of an alarm is called, in its space."""
    device = inventory.devices.get(row.source.split("/")[0])
    if row.kind in ("edge-silence", "journal-fill", "journal", "clock"):
        edge = next((one for one in site.edges if one.id == row.source), None)
        return locale.name(edge.name, edge.id) if edge else row.source
    name = locale.title(device.card.name, device.id) if device else row.source
    space = next((one for one in site.spaces if one.id == row.space), None)
    if space is None or (device is not None and device.card.name):
        return name
    return f"{locale.name(space.name, space.id)} · {name}"


def guidance(site: Site, row: alarm_readers.Alarm, locale: Locale) -> str:
    """Say what to do: the site's own words for this limit, else the general ones."""
    for space in site.spaces:
        for limit in space.limits:
            if (
                space.id == row.space
                and limit.quantity.value == row.params.get("quantity")
                and limit.guidance is not None
            ):
                return locale.name(limit.guidance, "")
    return wording.said(wording.GUIDANCE, row.kind, locale.catalogue.gettext)
