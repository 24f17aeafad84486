"""Opens a TCP or TLS connection without a thread: cancelled at any moment, it leaves nothing."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

Endpoint: TypeAlias = tuple[socket.AddressFamily, Any]
"""A family, and an address as `connect` wants it."""

Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Endpoint]]]


async def look_up(host: str, port: int) -> Sequence[Endpoint]:
    """Give the addresses of a host; raise OSError when its name is unknown."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return [(family, (host, port))]
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError(f"{host[:80]!r} is no host's name") from error
    return [(family, address) for family, _, _, _, address in found]


async def open_socket(host: str, port: int, within: float, resolve: Resolve) -> socket.socket:
    """Connect to the first address of a host that answers; raise OSError for the last that did not.

    Each address gets an equal share of what is left of `within` seconds.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + within
    async with asyncio.timeout(within):
        endpoints = await resolve(host, port)
    failure: OSError = OSError(f"{host} has no address")
    for number, (family, address) in enumerate(endpoints):
        share = max(until - loop.time(), 0.0) / (len(endpoints) - number)
        try:
            async with asyncio.timeout(share):
                return await _connect(family, address)
        except TimeoutError:
            failure = TimeoutError(f"no answer within {within:g} s")
        except OSError as error:
            failure = error
    raise failure


async def _connect(family: socket.AddressFamily, address: Any) -> socket.socket:
    wire = socket.socket(family, socket.SOCK_STREAM)
    try:
        wire.setblocking(False)  # noqa: FBT003 - its only way
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(wire, address)
    except BaseException:
        wire.close()
        raise
    return wire


async def encrypt(wire: socket.socket, context: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    """Shake hands on an open connection; raise OSError, and close it, when that fails."""
    try:
        secure = context.wrap_socket(wire, server_hostname=host, do_handshake_on_connect=False)
    except BaseException:
        wire.close()
        raise
    try:
        while True:
            try:
                secure.do_handshake()
            except ssl.SSLWantReadError:
                await _ready(secure.fileno(), writing=False)
            except ssl.SSLWantWriteError:
                await _ready(secure.fileno(), writing=True)
            else:
                return secure
    except BaseException:
        secure.close()
        raise


async def _ready(number: int, *, writing: bool) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    add, remove = (
        (loop.add_writer, loop.remove_writer) if writing else (loop.add_reader, loop.remove_reader)
    )
    add(number, _mark, ready)
    try:
        await ready
    finally:
        remove(number)


def _mark(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
