"""A tiny SIP2 server with the habits of real ones, switched on one by one.

Written from the standard's tables; it shares nothing with the client.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from config.links import LibrarySystem, Sip2

DATE = "20261121    120000"


def sealed(text: str, sequence: str | None) -> bytes:
    """Put error detection behind a message."""
    raw = text.encode()
    if sequence is None:
        return raw
    raw += f"AY{sequence}AZ".encode()
    return raw + f"{-sum(raw) & 0xFFFF:04X}".encode()


@dataclass
class Quirks:
    """What this server does that it should not."""

    ends_with: bytes = b"\r"
    detects: bool = True
    damages: int = 0
    """How many answers leave with a wrong checksum."""
    swallows: int = 0
    """How many requests are carried out and never answered."""
    repeats_with_zero: bool = True
    knows_97: bool = True
    bytewise: bool = False
    status_first: int = 0
    """How many requests get a 98 instead of their answer."""
    garbles: int = 0
    """How many requests are taken for garbled (96)."""
    online: str = "Y"
    checkout: str = "Y"
    bx: str = "YYYYYYYYYYYYYYYY"
    hangs_up_after: int = 10**9
    """How many requests until the connection closes without an answer."""
    endless: bool = False
    password: str = "secret"
    deaf: bool = False


@dataclass
class QuirkyServer:
    """Holds a few books, carries requests out as often as they come."""

    quirks: Quirks = field(default_factory=Quirks)
    holders: dict[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _last: tuple[str, str | None] = ("941", "0")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readuntil(b"\r"):
                self.heard.append(line.decode())
                if not await self._answer(line.decode().rstrip("\r"), writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, line: str, writer: asyncio.StreamWriter) -> bool:
        """Answer or not; False hangs up."""
        quirks = self.quirks
        text, number = self._reply(line)
        if quirks.hangs_up_after <= 0 or text == "hang up":
            return False
        quirks.hangs_up_after -= 1
        if text:
            await self._say(text, number, writer)
        return True

    def _reply(self, line: str) -> tuple[str, str | None]:
        """Give what to say, and with which number; nothing for silence."""
        quirks = self.quirks
        number = line[-7] if line[-9:-7] == "AY" else None
        if quirks.deaf or (line.startswith("97") and not quirks.knows_97):
            return "", None
        if line.startswith("97"):
            return self._last[0], "0" if quirks.repeats_with_zero else self._last[1]
        if quirks.garbles:
            quirks.garbles -= 1
            return "96", None
        about_books = not line.startswith(("99", "93"))
        if quirks.status_first and about_books:
            quirks.status_first -= 1
            return self._status(), number
        # What the example server does with an unknown command is to hang up.
        known = _CODES.get(line[:2])
        text = known(self, line[:2], _fields(line)) if known else "hang up"
        self._last = text, number
        if quirks.swallows and about_books:
            quirks.swallows -= 1
            return "", None
        return text, number

    async def _say(self, text: str, number: str | None, writer: asyncio.StreamWriter) -> None:
        quirks = self.quirks
        raw = sealed(text, number if quirks.detects else None)
        if text == "96":
            raw = b"96AZFEF6"
        elif quirks.damages and not text.startswith(("98", "94")):
            quirks.damages -= 1
            raw = raw[:-4] + b"0000"
        raw = raw * 2000 if quirks.endless else raw + quirks.ends_with
        pieces = [raw[n : n + 1] for n in range(len(raw))] if quirks.bytewise else [raw]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)

    def _status(self) -> str:
        quirks = self.quirks
        flags = f"{quirks.online}Y{quirks.checkout}YYN"
        return f"98{flags}100003{DATE}2.00AOL|BX{quirks.bx}|"

    def _login(self, _: str, fields: dict[str, str]) -> str:
        return f"94{int(fields.get('CO') == self.quirks.password)}"

    def _state(self, *_: object) -> str:
        return self._status()

    def _checkout(self, _: str, fields: dict[str, str]) -> str:
        card, item = fields["AA"], fields["AB"]
        ok = self.holders.get(item, card) == card and item != "reference"
        renewed = "Y" if item in self.holders else "N"
        if ok:
            self.holders[item] = card
        about = f"AOL|AA{card}|AB{item}|AJA title|AH2026-12-24|AFtext|"
        return f"12{int(ok)}{renewed}NY{DATE}{about}"

    def _checkin(self, _: str, fields: dict[str, str]) -> str:
        item = fields["AB"]
        was = self.holders.pop(item, None)
        return f"10{int(was is not None)}YNN{DATE}AOL|AB{item}|AQshelf|AJA title|"

    def _item(self, _: str, fields: dict[str, str]) -> str:
        status = "04" if fields["AB"] in self.holders else "03"
        return f"18{status}0001{DATE}AB{fields['AB']}|AJA title|"

    def _patron(self, code: str, fields: dict[str, str]) -> str:
        card = fields["AA"]
        known = card.startswith("reader")
        status = " " * 14 if known else "YYYY" + " " * 10
        held = "".join(f"AU{item}|" for item, holder in self.holders.items() if holder == card)
        counts = "0000" * 6 if code == "63" else ""
        valid = f"BL{'Y' if known else 'N'}|CQY|"
        name = {"63": "64", "23": "24"}[code]
        return f"{name}{status}000{DATE}{counts}AOL|AA{card}|AEJane|{valid}{held}"


_CODES: dict[str, Callable[[QuirkyServer, str, dict[str, str]], str]] = {
    "93": QuirkyServer._login,
    "99": QuirkyServer._state,
    "63": QuirkyServer._patron,
    "23": QuirkyServer._patron,
    "11": QuirkyServer._checkout,
    "09": QuirkyServer._checkin,
    "17": QuirkyServer._item,
}


def _fields(line: str) -> dict[str, str]:
    start = {"93": 4, "11": 40, "09": 39, "63": 33, "23": 23, "17": 20}.get(line[:2], len(line))
    return {one[:2]: one[2:] for one in line[start:].split("|") if one}


@asynccontextmanager
async def serving(server: QuirkyServer) -> AsyncIterator[QuirkyServer]:
    """Listen on a free port of this machine."""
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await asyncio.sleep(0.01)


def settings(port: int, **changes: object) -> Sip2:
    """Give a connection to the server, with a short timeout."""
    system = LibrarySystem(
        id="ils",
        model="sip2",
        institution="L",
        location="kiosk-1",
        login="kiosk",
        password="secret",
    )
    given = {"kind": "sip2", "id": "library", "host": "127.0.0.1", "port": port}
    return Sip2.model_validate({**given, "timeout": "150ms", "devices": [system], **changes})
