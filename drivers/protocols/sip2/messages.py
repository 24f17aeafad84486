"""SIP2 messages: layouts, building, tolerant parsing, error detection.

Source: 3M Standard Interchange Protocol 2.00, document revision 2.12 (2006-04-11).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

from contracts.instants import Instant, moment

LONGEST_MESSAGE = 10_240
"""Bytes. The standard knows no limit; fields hold 255 characters, but a list may repeat them."""

DATE = 18


class Sip2Error(ValueError):
    """A message cannot be built or read; says what is wrong with it, never what it says."""


class Part(NamedTuple):
    """A fixed part of a message: no id, no delimiter."""

    name: str
    length: int


def _layout(*parts: tuple[str, int]) -> tuple[Part, ...]:
    return tuple(Part(*part) for part in parts)


_PATRON = _layout(("status", 14), ("language", 3), ("date", DATE))
_LENT = _layout(("ok", 1), ("renewal_ok", 1), ("magnetic", 1), ("desensitize", 1), ("date", DATE))
_DATED = _layout(("date", DATE))

LAYOUTS: Mapping[str, tuple[Part, ...]] = MappingProxyType(
    {
        "01": _layout(("card_retained", 1), ("date", DATE)),
        "09": _layout(("no_block", 1), ("date", DATE), ("return_date", DATE)),
        "10": _layout(("ok", 1), ("resensitize", 1), ("magnetic", 1), ("alert", 1), ("date", DATE)),
        "11": _layout(("renewal", 1), ("no_block", 1), ("date", DATE), ("nb_due", DATE)),
        "12": _LENT,
        "15": _layout(("mode", 1), ("date", DATE)),
        "16": _layout(("ok", 1), ("available", 1), ("date", DATE)),
        "17": _DATED,
        "18": _layout(("circulation", 2), ("security", 2), ("fee_type", 2), ("date", DATE)),
        "19": _DATED,
        "20": _layout(("ok", 1), ("date", DATE)),
        "23": _layout(("language", 3), ("date", DATE)),
        "24": _PATRON,
        "25": _DATED,
        "26": _PATRON,
        "29": _layout(("third_party", 1), ("no_block", 1), ("date", DATE), ("nb_due", DATE)),
        "30": _LENT,
        "35": _DATED,
        "36": _layout(("end", 1), ("date", DATE)),
        "37": _layout(("date", DATE), ("fee_type", 2), ("payment", 2), ("currency", 3)),
        "38": _layout(("accepted", 1), ("date", DATE)),
        "63": _layout(("language", 3), ("date", DATE), ("summary", 10)),
        "64": (
            *_PATRON,
            *_layout(
                ("hold", 4),
                ("overdue", 4),
                ("charged", 4),
                ("fine", 4),
                ("recall", 4),
                ("unavailable", 4),
            ),
        ),
        "65": _DATED,
        "66": _layout(("ok", 1), ("renewed", 4), ("unrenewed", 4), ("date", DATE)),
        "93": _layout(("uid_algorithm", 1), ("password_algorithm", 1)),
        "94": _layout(("ok", 1)),
        "96": (),
        "97": (),
        "98": _layout(
            ("online", 1),
            ("checkin", 1),
            ("checkout", 1),
            ("renewal", 1),
            ("status_update", 1),
            ("offline", 1),
            ("timeout", 3),
            ("retries", 3),
            ("date", DATE),
            ("version", 4),
        ),
        "99": _layout(("status", 1), ("width", 3), ("version", 4)),
    }
)
"""The fixed parts of each message, in their order."""

ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "01": "24",
        "09": "10",
        "11": "12",
        "15": "16",
        "17": "18",
        "19": "20",
        "23": "24",
        "25": "26",
        "29": "30",
        "35": "36",
        "37": "38",
        "63": "64",
        "65": "66",
        "93": "94",
        "99": "98",
    }
)
"""Which answer belongs to which request."""

SUPPORTED = ("23", "11", "09", "01", "99", "97", "93", "63", "35", "37", "17", "19", "25", "15")
"""Positions of field BX in message 98; 29 and 65 follow."""


class Check(Enum):
    """What the error detection of a message says."""

    GOOD = "good"
    WRONG = "wrong"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Request:
    """A message to send, before it has a sequence number."""

    code: str
    fixed: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came. Its fields stay out of its `repr`: they are about people."""

    code: str
    fixed: Mapping[str, str]
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    sequence: str | None
    check: Check

    def first(self, name: str, default: str = "") -> str:
        """Give the first field of that id."""
        return next((value for key, value in self.fields if key == name), default)

    def every(self, name: str) -> list[str]:
        """Give all fields of that id, in the order in which they came."""
        return [value for key, value in self.fields if key == name]


def checksum(head: bytes) -> bytes:
    """Give the four digits that follow `head`, which ends with `AZ`.

    The two's complement of the 16-bit sum of the bytes as they are sent.
    """
    return b"%04X" % (-sum(head) & 0xFFFF)


def date(at: Instant, zone: ZoneInfo | None = None) -> str:
    """Write an instant as 18 characters, `YYYYMMDDZZZZHHMMSS`.

    Local to `zone`, which four blanks in place of ZZZZ say; without one in UTC (`   Z`).
    """
    if zone is None:
        return f"{moment(at):%Y%m%d   Z%H%M%S}"
    return f"{moment(at).astimezone(zone):%Y%m%d    %H%M%S}"


def _clean(name: str, value: str, delimiter: str = "|") -> str:
    if delimiter in value or any(ord(letter) < 0x20 for letter in value):
        raise Sip2Error(
            f"field {name} holds a delimiter or a control character; correct its source"
        )
    return value


def build(request: Request, sequence: int | None, encoding: str) -> bytes:
    """Write a request without its terminator; with AY and AZ when `sequence` is given (0 to 9).

    Raises Sip2Error for a value that the protocol cannot carry.
    """
    parts = LAYOUTS[request.code]
    for part, value in zip(parts, request.fixed, strict=True):
        if len(value) != part.length or not value.isascii():
            raise Sip2Error(f"{request.code}: {part.name} must have {part.length} characters")
    text = "".join(_clean(request.code, value) for value in request.fixed)
    for name, value in request.fields:
        text += f"{name}{_clean(name, value)}|"
    raw = request.code.encode("ascii") + text.encode(encoding, errors="replace")
    if len(raw) > LONGEST_MESSAGE:
        raise Sip2Error(f"{request.code}: {len(raw)} bytes; the limit is {LONGEST_MESSAGE}")
    return raw if sequence is None else seal(raw + b"AY%d" % sequence)


def seal(raw: bytes) -> bytes:
    """Put `AZ` and the checksum behind a message."""
    return raw + b"AZ" + checksum(raw + b"AZ")


ASK_AGAIN = seal(b"97")
"""Request to send the last answer again; it has no sequence number (A3)."""

# Behind the last field: AY and a digit, AZ and four digits. Only a message that shows the AY, or
# whose AZ stands where a field begins, is held to have error detection: a title may end in "AZ".
_TRAILER = re.compile(
    rb"(?:AY(?P<seq>[0-9]{1,2})(?P<az>AZ(?P<sum>[^|]{0,8}))?|(?:(?<=\|)|(?<=^9[67]))AZ(?P<bare>[^|]{0,8}))"
    rb"\|?\s*\Z"
)


def parse(raw: bytes, encoding: str) -> Message:
    """Read a message without its terminator; raise Sip2Error with what is wrong.

    Tolerates unknown, repeated and missing fields, blank fixed parts, a missing last delimiter,
    and any error detection: whether that is acceptable is the session's business.
    """
    if len(raw) > LONGEST_MESSAGE:
        raise Sip2Error(f"{len(raw)} bytes; the limit is {LONGEST_MESSAGE}")
    trailer = _TRAILER.search(raw)
    body = raw if trailer is None else raw[: trailer.start()]
    # Some encodings (GBK) use the byte of the delimiter inside a character: decode, then split.
    text = body.decode(encoding, errors="replace")
    code = text[:2]
    if len(code) < 2 or not (code.isascii() and code.isdigit()):
        raise Sip2Error(f"begins with {code!r}, not with the two digits of a message")
    fixed: dict[str, str] = {}
    place = 2
    for part in LAYOUTS.get(code, ()):  # an unknown message is not an error, only not for us
        fixed[part.name] = text[place : place + part.length]
        place += part.length
        if len(text) < place:
            raise Sip2Error(f"{code}: ends within its fixed part {part.name}")
    fields = tuple((one[:2], one[2:]) for one in text[place:].split("|") if len(one) >= 2)
    sequence = trailer["seq"].decode("ascii") if trailer and trailer["seq"] else None
    return Message(code, MappingProxyType(fixed), fields, sequence, _check(raw, trailer))


def _check(raw: bytes, trailer: "re.Match[bytes] | None") -> Check:
    if trailer is None or (trailer["az"] is None and trailer["bare"] is None):
        return Check.ABSENT
    name = "sum" if trailer["az"] is not None else "bare"
    given = trailer[name].strip()
    head = raw[: trailer.start(name)]
    return Check.GOOD if given.upper() == checksum(head) else Check.WRONG


def supports(status: Message, code: str) -> bool:
    """Say whether a 98 declares that it knows a request; one without BX declares all."""
    declared = status.first("BX")
    place = SUPPORTED.index(code)
    return len(declared) <= place or declared[place] != "N"


def present(fields: Iterable[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    """Leave out the optional fields that are not used: those with None."""
    return tuple((name, value) for name, value in fields if value is not None)
