"""A TCP server on this machine whose connections are named tasks of one group."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from simulators.errors import SimulatorError

Converse = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def listen(
    name: str,
    address: tuple[str, int],
    converse: Converse,
    ready: Callable[[int], None] | None = None,
    limit: int = 2**16,
) -> None:
    """Serve until cancelled; `ready` is told the port. Raises SimulatorError when it is taken.

    An error in one conversation ends them all.
    """
    # Bound before anything is awaited: a cancelled `asyncio.start_server` would leave it open.
    with _bound(name, address) as listening:
        async with asyncio.TaskGroup() as group:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                peer = writer.get_extra_info("peername")
                group.create_task(_talk(converse, reader, writer), name=f"{name} serves {peer}")

            server = await asyncio.start_server(
                connected, sock=listening, limit=limit, start_serving=False
            )
            try:
                await server.start_serving()
                if ready is not None:
                    ready(listening.getsockname()[1])
                await server.serve_forever()
            finally:
                server.close()


def _bound(name: str, address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    try:
        return socket.create_server(address, family=family)
    except OSError as error:
        raise SimulatorError(
            f"{name}: cannot serve {address[0]} port {address[1]}: {error}; end what uses it, or"
            " choose another port"
        ) from error


async def _talk(
    converse: Converse, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        await converse(reader, writer)
    finally:
        writer.close()
