"""The page of the system itself: edges, devices, gaps."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from gateway.ingest import readers as ingest_readers
from gateway.web.api.system import device_body, edges_now, health_now
from gateway.web.console.page import Frame


def add(router: APIRouter, frame: Frame) -> None:
    board = frame.board

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
            devices=[device_body(row, picture) for row in roster.devices.values()],
        )
