"""The library system on TCP: frames, connections, and ways of misbehaving."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from config.links import Sip2
from contracts.instants import Instant, moment
from simulators.faults import NONE, Note, Troubles
from simulators.library_system.collection import Collection
from simulators.library_system.dialogue import Counter, Dialogue, HangUpError
from simulators.listening import listen

log = logging.getLogger(__name__)

LARGEST_MESSAGE = 16_384
"""Bytes without a terminator after which a connection is ended."""
HALF_OPEN = "half-open"
WRONG_CHECKSUM = b"AZ0000"


def _terminator(link: Sip2) -> bytes:
    return b"\r\n" if link.terminator == "CRLF" else b"\r"


@dataclass(slots=True)
class Sip2Server:
    """Serves the site's library system. A request takes `latency` seconds to answer."""

    link: Sip2
    collection: Collection
    ledger: Note
    now: Callable[[], Instant]
    zone: ZoneInfo
    faults: Troubles = NONE
    latency: float = 0.02
    port: int = 0
    """Where it listens, once `listening` is set."""
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def device(self) -> str:
        """The library system's id in the site file, which is also the name for faults."""
        return self.link.devices[0].id

    async def run(self, port: int | None = None) -> None:
        """Serve until cancelled, on the link's port unless another is given."""
        own = self.link.devices[0]
        counter = Counter(
            self.collection,
            own.institution,
            own.login,
            own.password,
            own.terminal_password,
            self.link.encoding,
        )
        await listen(
            f"link {self.link.id}",
            (self.link.host, self.link.port if port is None else port),
            lambda reader, writer: self._converse(Dialogue(counter), reader, writer),
            self._ready,
            LARGEST_MESSAGE,
        )

    def _ready(self, port: int) -> None:
        self.port = port
        self.listening.set()

    async def _converse(
        self, dialogue: Dialogue, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        terminator = _terminator(self.link)
        try:
            while True:
                line = await reader.readuntil(terminator)
                if self._fault() == HALF_OPEN:
                    await _swallow(reader)
                    return
                await self._answer(dialogue, line.removesuffix(terminator), writer)
        except HangUpError as reason:
            log.info("%s ends a connection: %s", self.device, reason)
        except asyncio.LimitOverrunError:
            log.info("%s ends a connection: no end of message in sight", self.device)
        except (asyncio.IncompleteReadError, OSError):
            pass  # the kiosk has gone

    async def _answer(self, dialogue: Dialogue, line: bytes, writer: asyncio.StreamWriter) -> None:
        fault = self.faults.on(self.device)
        what = fault.what if fault else ""
        value = fault.value if fault else None
        if what == "silent":
            return
        answer = dialogue.answer(
            line, moment(self.now()).astimezone(self.zone), online=what != "offline"
        )
        self._note_changes()
        for strange in dialogue.take_strange():
            log.warning("%s: %s", self.device, strange)
            self.ledger("strange", device=self.device, what=strange)
        if answer is None:
            return
        await asyncio.sleep((value or 3.0) if what == "late" else self.latency)
        message = spoilt(answer, what) + _terminator(self.link)
        if what == "cut":
            writer.write(message[: len(message) // 2])
            await writer.drain()
            raise HangUpError("a fault was asked for")
        if what == "trickle":
            for byte in message:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(value or 0.01)
            return
        writer.write(message)
        await writer.drain()

    def _fault(self) -> str:
        fault = self.faults.on(self.device)
        return fault.what if fault else ""

    def _note_changes(self) -> None:
        for change in self.collection.take_changes():
            self.ledger(
                "loan", action=change.change, item=change.item, patron=change.patron, ok=change.ok
            )


async def _swallow(reader: asyncio.StreamReader) -> None:
    """Read until the kiosk hangs up, and answer nothing ever again."""
    while await reader.read(4096):
        pass


def spoilt(answer: bytes, what: str) -> bytes:
    """Give the answer as a faulty system would send it."""
    if what == "wrong-checksum" and answer[-6:-4] == b"AZ":
        return answer[:-6] + (WRONG_CHECKSUM if answer[-6:] != WRONG_CHECKSUM else b"AZ0001")
    if what == "garbage":
        return bytes((byte ^ 0x5A) | 0x20 for byte in answer)
    return answer
