"""A connection that does not finish its headers in time is closed.

uvicorn has no deadline for a request that is still arriving, so a client that trickles one header
byte a minute would hold its connection for ever. An ASGI application never sees such a client;
this stands where it can be seen. Use: `uvicorn.Config(…, http=ImpatientProtocol)`.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_DEADLINE = 10.0
"""Seconds from the first byte (or from connecting) to the end of the headers."""


class ImpatientProtocol(HttpToolsProtocol):
    """uvicorn's own protocol with a deadline for headers."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin to wait for the rest of a further request."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Stop waiting; what follows has its deadline in the application."""
        self._stop()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEADER_DEADLINE, self._give_up)

    def _stop(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _give_up(self) -> None:
        self._waiting = None
        transport: Any = self.transport
        if not transport.is_closing():
            transport.abort()
