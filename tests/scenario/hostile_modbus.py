"""A Modbus TCP server that behaves as it is told, request by request."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from config.links import ModbusTcp
from config.registers import Table
from drivers.links.tcp import ModbusTcpLink
from runtime.host import system_host

TIMEOUT = 0.2


class Asked:
    """One request as the server saw it."""

    def __init__(self, frame: bytes) -> None:
        self.transaction, _, _, self.unit, self.function = struct.unpack(">HHHBB", frame[:8])
        self.data = frame[8:]

    def frame(
        self,
        pdu: bytes,
        *,
        transaction: int | None = None,
        unit: int | None = None,
        protocol: int = 0,
        length: int | None = None,
    ) -> bytes:
        return (
            struct.pack(
                ">HHHB",
                self.transaction if transaction is None else transaction,
                protocol,
                len(pdu) + 1 if length is None else length,
                self.unit if unit is None else unit,
            )
            + pdu
        )

    def pdu(self, *words: int) -> bytes:
        return struct.pack(f">BB{len(words)}H", self.function, 2 * len(words), *words)

    def good(self, *words: int) -> bytes:
        return self.frame(self.pdu(*words))


Behave = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class Hostile:
    """A server that behaves as it is told, request by request."""

    def __init__(self, behave: Behave) -> None:
        self.behave = behave
        self.connections = 0
        self.requests: list[Asked] = []
        self.port = 0
        self._open: set[asyncio.StreamWriter] = set()
        self._ended = asyncio.Event()
        self._ended.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        self._ended.clear()
        try:
            while True:
                head = await reader.readexactly(7)
                body = await reader.readexactly(struct.unpack(">H", head[4:6])[0] - 1)
                asked = Asked(head + body)
                self.requests.append(asked)
                await self.behave(asked, writer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()
            if not self._open:
                self._ended.set()

    def cut(self) -> None:
        for writer in self._open:
            writer.close()

    async def wait_cut(self) -> None:
        await self._ended.wait()


def config_of(port: int, **extra: Any) -> ModbusTcp:
    return ModbusTcp.model_validate(
        {
            "kind": "modbus-tcp",
            "id": "bus",
            "host": "127.0.0.1",
            "port": port,
            "timeout": f"{int(1000 * TIMEOUT)}ms",
            "devices": [{"id": "probe", "model": "xy-md02"}],
            **extra,
        }
    )


@asynccontextmanager
async def hostile(behave: Behave, **extra: Any) -> AsyncIterator[tuple[Hostile, ModbusTcpLink]]:
    it = Hostile(behave)
    server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    link = ModbusTcpLink(config_of(it.port, **extra), system_host())
    try:
        yield it, link
    finally:
        await link.aclose()
        server.close()
        it.cut()
        await it.wait_cut()
        await asyncio.sleep(0.01)


async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
    writer.write(asked.good(218, 546))


async def read(link: ModbusTcpLink, unit: int = 1) -> list[int]:
    return list(await link.read(unit, Table.INPUT, 1, 2))


def once(first: Behave) -> Behave:
    """Misbehave on the first request only."""
    done = False

    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal done
        if done:
            await answer(asked, writer)
        else:
            done = True
            await first(asked, writer)

    return behave


def sending(make: Callable[[Asked], bytes]) -> Behave:
    async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(make(asked))

    return behave
