"""SIP2 as the library system reads and writes it (3M Standard Interchange Protocol 2.00, rev 2.12).

A message is a two-digit command, fixed fields without ids, then fields of a two-letter id and a
value that ends with `|`, in any order, then `AY` digit `AZ` checksum when errors are detected.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class ChecksumError(ValueError):
    """The bytes do not add up: ask for them again (96)."""


class MalformedError(ValueError):
    """A known command that does not have the form that the standard gives it."""


class UnknownCommandError(ValueError):
    """A command that this library system does not know, and so ignores."""


class Layout(NamedTuple):
    """The fixed part of a request, in order, and the fields that must be there."""

    fixed: tuple[tuple[str, int], ...]
    required: tuple[str, ...]


_DATE = ("date", 18)
_DUE = ("no_block_due", 18)
LAYOUTS: Mapping[str, Layout] = {
    "09": Layout((("no_block", 1), _DATE, ("returned", 18)), ("AP", "AO", "AB", "AC")),
    "11": Layout((("renewal", 1), ("no_block", 1), _DATE, _DUE), ("AO", "AA", "AB", "AC")),
    "17": Layout((_DATE,), ("AO", "AB")),
    "23": Layout((("language", 3), _DATE), ("AO", "AA", "AC", "AD")),
    "29": Layout((("third_party", 1), ("no_block", 1), _DATE, _DUE), ("AO", "AA")),
    "35": Layout((_DATE,), ("AO", "AA")),
    "37": Layout(
        (_DATE, ("fee_type", 2), ("payment_type", 2), ("currency", 3)), ("BV", "AO", "AA")
    ),
    "63": Layout((("language", 3), _DATE, ("summary", 10)), ("AO", "AA")),
    "93": Layout((("uid_algorithm", 1), ("pwd_algorithm", 1)), ("CN", "CO")),
    "97": Layout((), ()),
    "99": Layout((("status", 1), ("width", 3), ("version", 4)), ()),
}
DATES = frozenset({"date", "no_block_due", "returned"})
FLAGS = frozenset({"no_block", "renewal", "third_party"})
LONGEST_FIELD = 255

_TRAILER = re.compile(rb"(?:AY([0-9]))?AZ([0-9A-F]{4})$")
_STAMP = re.compile(r"\d{8}(?: {4}| {3}[A-Z])\d{6}")


@dataclass(frozen=True, slots=True)
class Request:
    """What a kiosk said. `sequence` and `checksum` are empty without error detection."""

    code: str
    fixed: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    sequence: str = ""
    checksum: str = ""

    def get(self, name: str) -> str:
        """Give a field, empty when it is not there."""
        return self.fields.get(name, "")

    @property
    def no_block(self) -> bool:
        """Say whether this happened already and must not be refused."""
        return self.fixed.get("no_block") == "Y"

    @property
    def cancel(self) -> bool:
        """Say whether this undoes the opposite transaction (field BI)."""
        return self.get("BI") == "Y"


class Answer(NamedTuple):
    """What the library system says, without error detection."""

    code: str
    fixed: str
    fields: tuple[tuple[str, str], ...] = ()


def checksum(through_az: bytes) -> str:
    """Give the two's complement of the 16-bit sum of the bytes as sent, up to and with `AZ`."""
    return f"{-sum(through_az) & 0xFFFF:04X}"


def stamp(moment: datetime) -> str:
    """Write a local time as the 18 characters of the standard."""
    return moment.strftime("%Y%m%d    %H%M%S")


def parse(raw: bytes, encoding: str) -> Request:
    """Read one message without its terminator; raise one of the three errors above."""
    trailer = _TRAILER.search(raw)
    sequence = claimed = ""
    body = raw
    if trailer:
        body = raw[: trailer.start()]
        sequence, claimed = (trailer[1] or b"").decode(), trailer[2].decode()
        computed = checksum(raw[:-4])
        if computed != claimed:
            raise ChecksumError(f"checksum {claimed} should be {computed}")
    text = body.decode(encoding, errors="replace")
    code = text[:2]
    layout = LAYOUTS.get(code)
    if layout is None:
        raise UnknownCommandError(f"command {code!r} is not known here")
    fixed, rest = _fixed(code, layout, text[2:])
    fields = _fields(code, rest)
    for name in layout.required:
        if name not in fields:
            raise MalformedError(f"{code}: field {name} is required, empty if need be")
    return Request(code, fixed, fields, sequence, claimed)


def _fixed(code: str, layout: Layout, text: str) -> tuple[dict[str, str], str]:
    found: dict[str, str] = {}
    for name, length in layout.fixed:
        value, text = text[:length], text[length:]
        if len(value) < length:
            raise MalformedError(f"{code}: ends inside its fixed part, at {name}")
        if name in DATES and not _STAMP.fullmatch(value):
            raise MalformedError(f"{code}: {name} {value!r} is not YYYYMMDDZZZZHHMMSS")
        if name in FLAGS and value not in ("Y", "N"):
            raise MalformedError(f"{code}: {name} {value!r} is neither Y nor N")
        found[name] = value
    if found.get("summary", "").count("Y") > 1:
        raise MalformedError(f"{code}: summary asks for more than one list")
    return found, text


def _fields(code: str, text: str) -> dict[str, str]:
    if not text:
        return {}
    if not text.endswith("|"):
        raise MalformedError(f"{code}: the last field does not end with |")
    found: dict[str, str] = {}
    for part in text[:-1].split("|"):
        if len(part) < 2 or not part[:2].isalnum():
            raise MalformedError(f"{code}: {part!r} has no field id")
        if len(part) - 2 > LONGEST_FIELD:
            raise MalformedError(f"{code}: field {part[:2]} is longer than {LONGEST_FIELD}")
        found.setdefault(part[:2], part[2:])
    return found


def compose(answer: Answer, encoding: str, request: Request | None) -> bytes:
    """Write an answer without its terminator, with error detection when the request had it."""
    parts = [answer.code, answer.fixed]
    parts += [f"{name}{clean(value)}|" for name, value in answer.fields]
    body = "".join(parts).encode(encoding, errors="replace")
    if request is None or not request.checksum:
        return body
    return seal(body, request.sequence)


def seal(body: bytes, sequence: str) -> bytes:
    """Add `AY` (when there is a sequence digit) and `AZ` with the checksum."""
    head = body + (f"AY{sequence}AZ" if sequence else "AZ").encode()
    return head + checksum(head).encode()


def clean(value: str) -> str:
    """Take out what may not stand in a field: the delimiter and control characters."""
    return "".join(" " if c == "|" or ord(c) < 0x20 else c for c in value)[:LONGEST_FIELD]


def status_flags(positions: Iterable[int]) -> str:
    """Write a patron status: `Y` at these of the 14 positions, blank elsewhere."""
    marked = set(positions)
    return "".join("Y" if place in marked else " " for place in range(14))
