"""The console: its pages, its forms and its live values, as one router."""

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from gateway.web import live_socket
from gateway.web.cache import Cache
from gateway.web.console import (
    alarms,
    circulation,
    climate,
    deliveries,
    forms,
    system,
    visits,
)
from gateway.web.console.page import Frame
from gateway.web.problems import Problem

SUBJECTS = (climate, alarms, visits, circulation, deliveries, system, forms)


class Console:
    """The pages of one gateway."""

    def __init__(self, cache: Cache) -> None:
        self._frame = Frame(cache)

    def routes(self) -> APIRouter:
        router = APIRouter()
        for subject in SUBJECTS:
            subject.add(router, self._frame)
        live_socket.add(router, self._frame.cache)
        return router

    def mount_static(self, app: Starlette) -> None:
        self._frame.mount_static(app)

    def problem(self, request: Request, problem: Problem) -> Response:
        return self._frame.problem(request, problem)
