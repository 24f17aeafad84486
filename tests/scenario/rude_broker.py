"""A broker written by hand that behaves badly in one way, and counts what it hears."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum

CONNACK = bytes.fromhex("20 02 00 00")
PINGRESP = bytes.fromhex("d0 00")
TALK = bytes.fromhex("30 05 00 03") + b"t/1"
"""A PUBLISH on t/1 without payload."""


class Way(StrEnum):
    """What it does wrong; everything else it does right."""

    NONE = "none"
    MUTE = "never answers CONNECT"
    NO_SUBACK = "never answers SUBSCRIBE"
    NO_PUBACK = "never answers PUBLISH"
    DEAF = "answers nothing after SUBSCRIBE"
    TALKATIVE = "talks after SUBSCRIBE and reads nothing"
    STUCK = "reads nothing after SUBSCRIBE"
    HANGS_ON = "never closes after DISCONNECT"
    GARBAGE = "sends nonsense after SUBSCRIBE"
    TORN = "sends a torn SUBACK"
    REFUSES = "refuses the subscription to u"
    STRANGER = "refuses the client"
    SLAMS = "closes at once"


class Rude:
    """One server; `heard` has the types of packets that came, `seen` the bytes of CONNECT."""

    def __init__(self, way: Way, port: int) -> None:
        self.way = way
        self.port = port
        self.heard: list[int] = []
        self.connects = 0
        self.received = b""
        self.cut_off = asyncio.Event()
        """Set when a client's connection has ended."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connects += 1
        try:
            if self.way is not Way.SLAMS:
                await self._talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.cut_off.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind, body = await self._packet(reader)
            self.heard.append(kind)
            if kind == 1:
                if self.way is Way.MUTE:
                    continue
                writer.write(b"\x20\x02\x00\x05" if self.way is Way.STRANGER else CONNACK)
            elif kind == 8:
                await self._subscribed(body, reader, writer)
            elif kind == 12 and self.way not in (Way.DEAF, Way.MUTE):
                writer.write(PINGRESP)
            elif kind == 3:
                self.received += body
            elif kind == 14 and self.way is not Way.HANGS_ON:
                self.cut_off.set()
                return

    async def _subscribed(
        self, body: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        codes = {Way.REFUSES: b"\x00\x80", Way.TORN: b""}.get(self.way, b"\x00\x00")
        match self.way:
            case Way.NO_SUBACK:
                return
            case Way.TORN:
                writer.write(b"\x90\x01\x00")
            case _:
                writer.write(bytes([0x90, 2 + len(codes)]) + body[:2] + codes)
        if self.way is Way.GARBAGE:
            writer.write(b"\xf7\x03abc")
        while self.way in (Way.STUCK, Way.TALKATIVE):
            if self.way is Way.TALKATIVE:
                writer.write(TALK)
                await writer.drain()
            await asyncio.sleep(0.1)
            if reader.at_eof():
                self.cut_off.set()
                return

    async def _packet(self, reader: asyncio.StreamReader) -> tuple[int, bytes]:
        head = (await reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return head >> 4, await reader.readexactly(length)


@contextlib.asynccontextmanager
async def rude(way: Way, port: int = 0) -> AsyncIterator[Rude]:
    talks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talks.add(task)
        await broker.serve(reader, writer)

    server = await asyncio.start_server(serve, "127.0.0.1", port, limit=4096)
    broker = Rude(way, server.sockets[0].getsockname()[1])
    try:
        yield broker
    finally:
        server.close()
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """Give a port that never answers a SYN: nobody accepts, and the queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
