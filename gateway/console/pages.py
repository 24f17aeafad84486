"""The console: its pages, its forms and its live values, as one router."""

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from gateway.api.board import Board
from gateway.api.problems import Problem
from gateway.console import actions, climate, ledgers, live
from gateway.console.frame import Frame


class Console:
    """The pages of one gateway."""

    def __init__(self, board: Board) -> None:
        self._frame = Frame(board)

    def routes(self) -> APIRouter:
        """Make the routes."""
        router = APIRouter()
        climate.add(router, self._frame)
        ledgers.add(router, self._frame)
        actions.add(router, self._frame)
        live.add(router, self._frame.board)
        return router

    def mount_static(self, app: Starlette) -> None:
        """Serve the files that pages load."""
        self._frame.mount_static(app)

    def problem(self, request: Request, problem: Problem) -> Response:
        """Write the page for an error."""
        return self._frame.problem(request, problem)
