"""What aiomqtt 2.5 does not see to: to be cancelled for certain, and to leave nothing behind.

Here because edges, drivers, gateway and simulators all speak MQTT and share no other ground.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import aiomqtt

T = TypeVar("T")


def heed_cancellation() -> None:
    """Be cancelled after all: call it after each await of aiomqtt in a loop that must end.

    In Python 3.11 `asyncio.wait_for`, which aiomqtt uses, forgets a cancellation that comes
    together with the result.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def heeding(call: Awaitable[T]) -> T:
    """Wait for aiomqtt, and be cancelled even if the answer came at the same moment."""
    result = await call
    heed_cancellation()
    return result


@asynccontextmanager
async def connection(client: aiomqtt.Client) -> AsyncIterator[None]:
    """Connect, and leave neither socket nor task behind in the end."""
    connecting = asyncio.create_task(client.__aenter__(), name="mqtt connecting")
    try:
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A thread is connecting and cannot be stopped; what it opens must be closed.
            await asyncio.wait((connecting,))
            raise
        try:
            yield
        finally:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
    finally:
        client._client._sock_close()  # noqa: SLF001 - nobody answered on it; no public way
        ticking = client._misc_task  # noqa: SLF001
        if ticking is not None:
            ticking.cancel()
            await asyncio.wait((ticking,))
        for future in (connecting, client._connected, client._disconnected):  # noqa: SLF001
            if future.done() and not future.cancelled():
                future.exception()
