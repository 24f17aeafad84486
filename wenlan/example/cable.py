"""The network cable between one process and the broker, which can be pulled and plugged in."""

import asyncio
import socket
from contextlib import suppress

CHUNK = 2**16


class Cable:
    """Carries bytes from a port of its own to the broker's, both on loopback, while plugged in."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._near_end = socket.create_server(("127.0.0.1", 0))
        self._carrying: set[asyncio.Task[None]] = set()
        self._plugged = True

    @property
    def port(self) -> int:
        """Where the process is told that its broker is."""
        return int(self._near_end.getsockname()[1])

    def pull(self) -> None:
        """End every connection; new ones end at once, until the cable is plugged in again."""
        self._plugged = False
        for task in self._carrying:
            task.cancel()

    def plug(self) -> None:
        """Let connections through again."""
        self._plugged = True

    async def run(self) -> None:
        """Carry until cancelled."""
        async with asyncio.TaskGroup() as group:

            def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = group.create_task(self._carry(reader, writer), name="cable")
                self._carrying.add(task)
                task.add_done_callback(self._carrying.discard)

            server = await asyncio.start_server(connected, sock=self._near_end)
            try:
                await server.serve_forever()
            finally:
                server.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._plugged:
                with suppress(OSError):
                    await self._join(reader, writer)
        finally:
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._broker_port)
        ways = (
            asyncio.create_task(_copy(reader, far_writer), name="cable out"),
            asyncio.create_task(_copy(far_reader, writer), name="cable in"),
        )
        try:
            # Whoever hangs up first ends both ways, as the loss of a connection does.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
