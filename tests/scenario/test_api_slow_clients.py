"""Slow clients on a real socket: each is given up, and costs nobody else."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from gateway.web import header_deadline

ANSWER = b"HTTP/1.1 200 OK"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "http"
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    config = uvicorn.Config(
        app,
        http=header_deadline.ImpatientProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
    )
    server = Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve(sockets=[listener]), name="uvicorn")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await task


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer


async def ended(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


def test_headers_that_trickle_are_cut_off_and_others_are_served(
    play: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_deadline, "HEADER_DEADLINE", 0.4)

    async def story() -> None:
        async with served() as port:
            silent, quiet_writer = await asyncio.open_connection("127.0.0.1", port)
            slow, writer = await asyncio.open_connection("127.0.0.1", port)

            async def trickle() -> None:
                with contextlib.suppress(ConnectionError):
                    for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX-Padding: " + b"x" * 200:
                        writer.write(bytes([byte]))
                        await writer.drain()
                        await asyncio.sleep(0.05)

            trickling = asyncio.create_task(trickle(), name="trickle")
            assert (await ask(port)).startswith(ANSWER)
            async with asyncio.timeout(3):
                assert await ended(slow) == b""
                assert await ended(silent) == b""
            assert (await ask(port)).startswith(ANSWER)
            await trickling
            writer.close()
            quiet_writer.close()

    play(story())


def test_a_second_request_on_the_same_line_has_its_own_deadline(
    play: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(header_deadline, "HEADER_DEADLINE", 0.4)

    async def story() -> None:
        async with served() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for _ in range(3):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert ANSWER in await reader.readuntil(b"here")
                await asyncio.sleep(0.25)
            writer.write(b"GET / HTTP/1.1\r\nHost:")
            async with asyncio.timeout(3):
                assert b"HTTP/1.1" not in await ended(reader)
            writer.close()

    play(story())
