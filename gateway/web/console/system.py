"""The page of the system itself: edges, devices, gaps."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.ingest import readers as ingest_readers
from gateway.web.api.system import device_body, edges_now, health_now
from gateway.web.console.page import Frame


def add(router: APIRouter, frame: Frame) -> None:
    cache = frame.cache

    @router.get("/system")
    async def system(request: Request) -> Response:
        picture = cache.parts.live.picture
        inventory = await cache.inventory()
        return frame.page(
            request,
            "system",
            edges=await edges_now(cache),
            health=await health_now(cache),
            gaps=await cache.parts.archive.ask(ingest_readers.gaps, 100),
            happenings=await cache.parts.archive.ask(ingest_readers.edge_events),
            devices=[device_body(row, picture) for row in inventory.devices.values()],
        )
