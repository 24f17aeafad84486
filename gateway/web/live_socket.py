"""Live values: one WebSocket for each page, with small JSON of what has changed.

The first message is the whole picture; each further one has only the entries that differ. A
message without news still comes every few seconds, so that a page can tell silence from a dead
wire.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from contracts.instants import Instant
from gateway.climate.conditions import Tile, unheard
from gateway.devices.snapshot import Freshness, Picture
from gateway.storage.read_pool import ArchiveError
from gateway.web.cache import Cache

HEARTBEAT = 4.0
"""Seconds after which something is sent though nothing has changed."""
PAUSE = 0.5
"""Seconds between two messages; what changes in between is sent once."""
PATIENCE = 10.0
"""Seconds that a page may take to accept a message."""

Shown = Mapping[str, Mapping[str, Any]]


def add(router: APIRouter, cache: Cache) -> None:
    @router.websocket("/live")
    async def live(socket: WebSocket, space: str = "") -> None:
        await socket.accept()
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(_tell(cache, socket, space), name="live values")
            await _until_left(socket)
            telling.cancel()


async def _until_left(socket: WebSocket) -> None:
    """Wait until the page is gone; what it says meanwhile means nothing."""
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, KeyError):
        return


async def _tell(cache: Cache, socket: WebSocket, space: str) -> None:
    sent: dict[str, dict[str, Any]] = {}
    version = -1
    while True:
        picture = cache.parts.live.picture
        news: dict[str, dict[str, Any]] = {}
        try:
            if picture.version != version:
                version = picture.version
                news = difference(sent, await _shown(cache, picture, space))
            async with asyncio.timeout(PATIENCE):
                await socket.send_json({"now": cache.parts.now() // 1000, **news})
        except (TimeoutError, WebSocketDisconnect, RuntimeError, ArchiveError):
            return  # the page notices the silence and comes again
        await asyncio.sleep(PAUSE)
        try:
            async with asyncio.timeout(HEARTBEAT):
                await cache.parts.live.newer(version)
        except TimeoutError:
            continue


async def _shown(cache: Cache, picture: Picture, space: str) -> Shown:
    tiles = await cache.tiles(picture)
    inventory = await cache.inventory()
    wanted = [row.path for row in inventory.points.values() if space and row.space == space]
    return {
        "spaces": {name: _tile(one) for name, one in tiles.items() if space in ("", name)},
        "points": {path: _point(picture, path) for path in wanted},
        "edges": dict(picture.edges),
        "alarms": {"open": picture.open_alarms},
    }


def difference(sent: dict[str, dict[str, Any]], shown: Shown) -> dict[str, dict[str, Any]]:
    """Give what is shown now and was not sent yet, and note it as sent. Gone entries are null."""
    news: dict[str, dict[str, Any]] = {}
    for section, entries in shown.items():
        before = sent.setdefault(section, {})
        changed: dict[str, Any] = {
            name: entry
            for name, entry in entries.items()
            if name not in before or before[name] != entry
        }
        changed |= {name: None for name in before if name not in entries}
        if changed:
            news[section] = changed
        sent[section] = dict(entries)
    return news


def _tile(tile: Tile) -> dict[str, Any]:
    return {
        "c": tile.condition,
        "g": {
            gauge.quantity: {
                "c": gauge.condition,
                "v": gauge.value,
                "last": gauge.last_value,
                "at": _millis(gauge.at),
                "q": gauge.quality,
                "live": gauge.live,
                "n": gauge.probes,
                "lo": gauge.least,
                "hi": gauge.greatest,
            }
            for gauge in tile.gauges
        },
    }


def _point(picture: Picture, path: str) -> dict[str, Any]:
    now = picture.points.get(path) or unheard(path)
    live = now.freshness is Freshness.LIVE
    return {
        "v": now.value if live else None,
        "last": now.value,
        "at": _millis(now.at),
        "q": now.quality,
    }


def _millis(at: Instant) -> int:
    return at // 1000
