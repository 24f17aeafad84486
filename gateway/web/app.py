"""The gateway's web application: REST, pages and live values, behind one boundary for errors."""

import logging
from collections.abc import Callable, Iterable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.commands.requests import RequestError
from gateway.storage.read_pool import ArchiveError
from gateway.web.api import router
from gateway.web.cache import Cache
from gateway.web.console.console import Console
from gateway.web.guard import LARGEST_BODY, Doors, Pace, SecurityHeaders
from gateway.web.problems import Problem, ProblemBody, from_request
from gateway.web.services import Parts

log = logging.getLogger(__name__)

API = "/api/v1"
BROKEN = Problem(
    500,
    "fault",
    "the gateway has a fault; it is written in its log",
    "try again; tell whoever looks after the gateway if it stays",
)
DESCRIPTION = """\
A library building as data: climate, gates, kiosks and robots.

Times are RFC 3339 in UTC, units stand beside values. A value that is UNKNOWN is null; what it was
last stands in `last_value`. Errors are `application/problem+json` and say what, where and what to
do. Requests from pages of other sites are refused.
"""


def build_app(parts: Parts, hosts: Iterable[str] = ()) -> FastAPI:
    """Build the application; `hosts` are names besides loopback by which it may be called."""
    cache = Cache(parts)
    console = Console(cache)
    app = FastAPI(
        title="Wenlan",
        version="1",
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.include_router(router.routes(cache), prefix=API)
    app.include_router(console.routes(), include_in_schema=False)
    console.mount_static(app)
    for kind in (HTTPException, RequestValidationError, RequestError, ArchiveError):
        app.add_exception_handler(kind, _raise)
    # The last one added is the outermost.
    app.add_middleware(Pace)
    app.add_middleware(Doors, hosts=hosts)
    app.add_middleware(Boundary, cache=cache, show=console.problem)
    app.add_middleware(SecurityHeaders)
    _describe_problems(app)
    return app


async def _raise(_: Request, error: Exception) -> Response:
    raise error


class Boundary:
    """Turns whatever goes wrong with a request into one clear answer, and counts it."""

    def __init__(
        self, app: ASGIApp, cache: Cache, show: Callable[[Request, Problem], Response]
    ) -> None:
        self._app = app
        self._board = cache
        self._show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer for it when that fails."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # one broken page must not stop the gateway
            problem = _problem_of(error)
            self._board.counts.note(problem)
            if problem is BROKEN:
                log.exception("%s %s has a fault", scope.get("method", ""), scope["path"])
            if begun or scope["type"] != "http":
                if problem is BROKEN or scope["type"] == "http":
                    raise  # half an answer cannot be taken back: the server closes the connection
                return
            request = Request(scope, receive)
            await self._answer(request, problem)(scope, receive, send)

    def _answer(self, request: Request, problem: Problem) -> Response:
        path = request.url.path
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not path.startswith("/api/"):
            return self._show(request, problem)
        return problem.response(path)


def _problem_of(error: Exception) -> Problem:
    problem = BROKEN
    if isinstance(error.__cause__, Problem):  # FastAPI wraps what goes wrong with a body
        error = error.__cause__
    match error:
        case Problem():
            problem = error
        case RequestError():
            problem = from_request(error.code, str(error))
        case ArchiveError():
            again = {"Retry-After": "2"}
            problem = Problem(
                503, "store-unavailable", str(error), "try again in a few seconds", again
            )
        case RequestValidationError():
            problem = Problem(
                422, "bad-request", _wrongs(error), f"see {API}/openapi.json for what is expected"
            )
        case ClientDisconnect():
            problem = Problem(400, "client-left", "the request was not whole", "send it again")
        case HTTPException():
            code, action = HTTP_PROBLEMS.get(error.status_code, ("refused", "change the request"))
            headers = dict(error.headers or {})
            problem = Problem(error.status_code, code, str(error.detail), action, headers)
    return problem


HTTP_PROBLEMS = {
    404: ("no-such-page", f"begin at / or see {API}/openapi.json"),
    405: ("method-not-allowed", f"see {API}/openapi.json for the methods of this path"),
    413: ("too-large", f"send at most {LARGEST_BODY} bytes"),
    400: ("bad-request", "send a whole, well-formed request"),
}


def _wrongs(error: RequestValidationError) -> str:
    told = [
        f"{'/'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()[:8]
    ]
    return "; ".join(told)


def _describe_problems(app: FastAPI) -> None:
    """Name the error's schema in the OpenAPI document once, in place of FastAPI's own."""
    plain = app.openapi

    def described() -> dict[str, object]:
        if app.openapi_schema is None:
            document = plain()
            schemas = document["components"]["schemas"]
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["ProblemBody"] = ProblemBody.model_json_schema()
            for path in document["paths"].values():
                for operation in path.values():
                    _own_problem(operation["responses"])
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]  # FastAPI's documented way


def _own_problem(responses: dict[str, dict[str, object]]) -> None:
    told = responses.get("422")
    if told is not None:
        schema = {"$ref": "#/components/schemas/ProblemBody"}
        responses["422"] = {
            "description": "Unprocessable Content",
            "content": {"application/problem+json": {"schema": schema}},
        }
