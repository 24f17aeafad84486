"""What a journal keeps of a record: its bytes, when it became true, and what it was before."""

import struct
import zlib
from typing import NamedTuple

import msgspec

from contracts.bounds import LAST_INSTANT, shortened
from contracts.codec import ContractError, decode_record, encode_record
from contracts.instants import Instant
from contracts.messages import MOST_WAS
from contracts.records import InputRefused, Reading, Record, RecordsGivenUp, Sample

OVERHEAD = 200
"""Bytes that a row takes in memory beside its body."""
WAS = 32
"""Bytes that one number which a record had before takes in a batch, at most."""
_head = struct.Struct(">qqqq")


class Block(NamedTuple):
    """A record's like: samples of one block of a device, or readings of one point (0.1)."""

    device: str
    block: str
    layout: str


class Was(NamedTuple):
    """A number that a record had before."""

    stream: str
    life: str
    number: int


class Row(NamedTuple):
    """A record ready to be written."""

    at: Instant
    segment: str
    """The clock segment in which it was stamped."""
    block: Block | None
    """None: an event."""
    urgent: bool
    """It is never thinned."""
    body: bytes
    was: tuple[Was, ...] = ()

    @property
    def weight(self) -> int:
        """Bytes that it takes in a batch, at most."""
        return len(self.body) + 1 + WAS * len(self.was)

    @property
    def thinnable(self) -> bool:
        """Whether it may be given up when there is no room left."""
        return not self.urgent and self.block is not None


class Lost(NamedTuple):
    """Records for which there was no room in memory: they get numbers, and a notice."""

    total: int
    since: Instant
    until: Instant


class Stamp(NamedTuple):
    """An instant, and the clock segment it belongs to."""

    at: Instant
    segment: str


class Limits(NamedTuple):
    """How much may be read at once; one record is always given."""

    records: int
    size: int


class Piece(NamedTuple):
    """Consecutive records of one life and one clock segment: `rows[i]` has number `first + i`."""

    stream: str
    life: str
    since: int
    first: int
    rows: tuple[Row, ...]

    @property
    def last(self) -> int:
        """The number of the last one."""
        return self.first + len(self.rows) - 1


def row_of(record: Record, segment: str, *, urgent: bool) -> Row:
    """Make the row of a record, whose texts are cut to their bounds.

    A record that breaks another bound is a mistake of whoever made it: what is journalled in its
    place says so.
    """
    try:
        body = _encoded(record)
    except (ContractError, msgspec.MsgspecError, ValueError, OverflowError) as error:
        at = min(max(record.at, 0), LAST_INSTANT)
        refused = InputRefused(at, "journal", f"{type(record).__name__}: {error}")
        return _event(refused, segment)
    if isinstance(record, Sample):
        block = Block(record.device, record.block, record.layout)
        return Row(record.at, segment, block, urgent, body)
    if isinstance(record, Reading):
        return Row(record.at, segment, Block(record.point, "", ""), urgent, body)
    return Row(record.at, segment, None, urgent=True, body=body)


def _encoded(record: Record) -> bytes:
    try:
        return encode_record(record)
    except ContractError:
        return encode_record(shortened(record))


def _event(record: Record, segment: str) -> Row:
    return Row(record.at, segment, None, urgent=True, body=encode_record(shortened(record)))


def given_up(lost: Lost, first: int, stream: str, life: str, stamp: Stamp, reason: str) -> Row:
    """Declare the hole that begins with number `first`."""
    last = first + lost.total - 1
    notice = RecordsGivenUp(stamp.at, stream, life, first, last, lost.since, lost.until, reason)
    return row_of(notice, stamp.segment, urgent=True)


def moved(row: Row, stream: str, life: str, number: int) -> Row | None:
    """Give a row as it stands under its next number; None when it has been moved too often."""
    if len(row.was) >= MOST_WAS:
        return None
    return row._replace(was=(*row.was, Was(stream, life, number)))


def sound(body: bytes) -> bool:
    """Say whether a record can be sent: it is one, or at least JSON of its own."""
    try:
        decode_record(body)
    except ContractError:
        try:
            msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
    return True


def checksum(numbers: tuple[int, int, int, int], was: bytes | None, body: bytes) -> int:
    """Give the checksum of a row as a signed number of 32 bits (which SQLite keeps in four bytes).

    `numbers`: key, segment, block, at.
    """
    found = zlib.crc32(body, zlib.crc32(was or b"", zlib.crc32(_head.pack(*numbers))))
    return found - 2**32 if found >= 2**31 else found


def text_checksum(*parts: object) -> int:
    """Give the checksum of a row of one of the small tables."""
    return zlib.crc32(
        b"\0".join(part if isinstance(part, bytes) else str(part).encode() for part in parts)
    )
