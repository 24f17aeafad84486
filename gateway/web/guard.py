"""What every request must pass, whoever sends it: its host, its origin, its size, its time.

Plain ASGI, so that streams and WebSockets pass through unbuffered.
"""

import asyncio
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.web.problems import Problem

LARGEST_BODY = 256 * 1024
"""Bytes; nothing that people or programs ask of a gateway is longer."""
DEADLINE = 20.0
"""Seconds from the headers to the last byte of the answer."""
BODY_DEADLINE = 10.0
"""Seconds in which a request's body must have arrived."""
AT_ONCE = 64
"""Requests in work; more are told to come again. WebSockets are not among them."""
SOCKETS = 500
"""WebSockets at once."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
TRIED_TOO_EARLY = 1013
POLICY_VIOLATION = 1008

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def too_large() -> Problem:
    """Say that a body is too long."""
    return Problem(
        413,
        "too-large",
        f"the body is longer than {LARGEST_BODY} bytes",
        "send less at a time",
        {"Connection": "close"},
    )


class SecurityHeaders:
    """Tells the browser, with every answer, how little it may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and add to its answer."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, adding if scope["type"] == "http" else send)


class Doors:
    """Refuses foreign host names (DNS rebinding) and other sites' pages (CSRF)."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self._app = app
        self._hosts = {*LOOPBACK, *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise Problem; close a WebSocket that may not come in."""
        if scope["type"] in ("http", "websocket"):
            problem = self._problem(scope)
            if problem is not None and scope["type"] == "websocket":
                await receive()
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
                return
            if problem is not None:
                raise problem
        await self._app(scope, receive, send)

    def _problem(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if name_of(host) not in self._hosts:
            return Problem(
                400, "foreign-host", "this gateway does not go by that name",
                "use the address the gateway was started with, or add the name to its hosts",
            )  # fmt: skip
        changing = scope["type"] == "websocket" or scope["method"] not in SAFE_METHODS
        if changing and not same_origin(headers, host):
            return Problem(
                403, "foreign-origin", "the request comes from a page of another site",
                "open the gateway's own page and try again there",
            )  # fmt: skip
        return None


def name_of(host: str) -> str:
    """Take the port off a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def same_origin(headers: Headers, host: str) -> bool:
    """Say whether a request comes from our own page, or from no page at all.

    On plain-HTTP addresses browsers leave out Sec-Fetch-Site, so Origin is the one that counts;
    programs that are no browser send neither.
    """
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == host.lower()


class Pace:
    """Gives every request a deadline and a place; a slow or greedy client costs nobody else."""

    def __init__(
        self,
        app: ASGIApp,
        deadline: float = DEADLINE,
        body_deadline: float = BODY_DEADLINE,
        at_once: int = AT_ONCE,
    ) -> None:
        self._app = app
        self._deadline = deadline
        self._body_deadline = body_deadline
        self._free = at_once
        self._sockets = SOCKETS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise Problem."""
        if scope["type"] != "http":
            await self._socket(scope, receive, send)
            return
        if self._free <= 0:
            raise Problem(
                503, "busy", "too many requests at once", "try again in a few seconds",
                {"Retry-After": "2"},
            )  # fmt: skip
        if Headers(scope=scope).get("content-length", "0").rjust(12, "0") > f"{LARGEST_BODY:012}":
            raise too_large()
        self._free -= 1
        try:
            async with asyncio.timeout(self._deadline):
                await self._app(scope, self._hurried(receive), send)
        except TimeoutError as error:
            raise Problem(
                503, "deadline", f"not answered within {self._deadline:g} s",
                "ask for less at a time, or try again later", {"Retry-After": "5"},
            ) from error  # fmt: skip
        finally:
            self._free += 1

    def _hurried(self, receive: Receive) -> Receive:
        until = asyncio.timeout(self._body_deadline).when()
        whole = False
        size = 0

        async def receiving() -> Message:
            nonlocal whole, size
            if whole:  # what is waited for now is the client's leaving
                return await receive()
            try:
                async with asyncio.timeout_at(until):
                    message = await receive()
            except TimeoutError as error:
                raise Problem(
                    408, "slow-body", f"no whole body within {self._body_deadline:g} s",
                    "send the body at once", {"Connection": "close"},
                ) from error  # fmt: skip
            size += len(message.get("body", b""))
            if size > LARGEST_BODY:
                raise too_large()
            whole = not message.get("more_body", False)
            return message

        return receiving

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        if self._sockets <= 0:
            await receive()
            await send({"type": "websocket.close", "code": TRIED_TOO_EARLY})
            return
        self._sockets -= 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._sockets += 1
