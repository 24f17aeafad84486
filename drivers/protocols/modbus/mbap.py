"""Modbus on TCP: what comes on a connection, sorted frame by frame.

Source: MODBUS Messaging on TCP/IP Implementation Guide V1.0b (3.1.3, the MBAP header; 4.4.1.3, a
reply that nobody waits for is discarded).
"""

import struct
from enum import Enum, auto
from typing import NamedTuple

from drivers.protocols.modbus.pdu import COUNTED, Mismatch, Request, judge

MBAP = struct.Struct(">HHHB")
"""Transaction, protocol (0), length of what follows it, unit."""
SHORTEST, LONGEST = 2, 254
"""Of the length field: the unit and at least a function, at most the unit and 253 bytes."""
LAST = 0xFFFF
"""The highest transaction; 0 is never asked, because some servers send it for any request."""
NOBODY = -1
"""The transaction of what is not asked."""


class Found(Enum):
    """What the bytes received so far are."""

    PART = auto()
    """Nothing whole that is ours yet."""
    REPLY = auto()
    """The reply is complete and has the form that was asked for."""


class Asking(NamedTuple):
    """A request as it is sent on TCP, all but its transaction, which leads the frame."""

    request: Request
    tail: bytes
    """What follows the transaction in its frame."""
    head: bytes
    """What follows it in a sound reply, up to the count of bytes; empty for a reply that echoes."""

    @property
    def size(self) -> int:
        """Bytes of the whole frame of a sound reply."""
        return MBAP.size + 1 + self.request.reply


def asking(request: Request) -> Asking:
    """Put a request into the frame of TCP."""
    head = b""
    if request.function in COUNTED:
        head = _head(request, request.reply) + bytes([request.reply - 1])
    return Asking(request, _head(request, len(request.data)) + request.data, head)


def _head(request: Request, size: int) -> bytes:
    """Give the header from the protocol on, and the function."""
    return struct.pack(">HHBB", 0, size + 2, request.unit, request.function)


def examine(received: bytes, transaction: int, request: Request) -> Found | Mismatch:
    """Judge what came back for a request, frame by frame.

    A whole frame with another transaction id is passed over; id 0 is never ours and never passed
    over.
    """
    start = passed(received, transaction)
    if isinstance(start, Mismatch):
        return start
    return _judged(received, start, transaction, request)


def passed(received: bytes, transaction: int) -> int | Mismatch:
    """Say how many bytes are whole frames of other transactions, before one that is not."""
    start, end = 0, len(received)
    while end - start >= MBAP.size:
        found, protocol, length, _ = MBAP.unpack_from(received, start)
        if protocol or not SHORTEST <= length <= LONGEST:
            return Mismatch(f"no Modbus header: {received[start : start + MBAP.size].hex(' ')}")
        if found == 0:
            return Mismatch("a reply with transaction 0, which was never asked")
        after = start + MBAP.size - 1 + length
        if found == transaction or after > end:
            break
        start = after
    return start


def _judged(received: bytes, start: int, transaction: int, request: Request) -> Found | Mismatch:
    """Judge the frame at `start`, whose header is sound when it is whole."""
    if len(received) - start < MBAP.size:
        return Found.PART
    found, _, length, unit = MBAP.unpack_from(received, start)
    if found != transaction:
        return Found.PART
    if unit != request.unit:
        return Mismatch(f"unit {unit} answered; if it always does, give the device that unit")
    end = start + MBAP.size - 1 + length
    if len(received) < end:
        return Found.PART
    return judge(received[start + MBAP.size : end], request) or Found.REPLY


class Incoming:
    """What comes on one connection, in whatever pieces."""

    __slots__ = ("_head", "_request", "_rest", "_size", "_transaction", "spoiled")

    def __init__(self) -> None:
        self.spoiled = False
        """Something came that no server of Modbus sends: what follows cannot be told apart."""
        self._rest = b""
        self._request: Request | None = None
        self._transaction = NOBODY
        self._head = b""
        self._size = 0

    def expect(self, transaction: int, asked: Asking) -> bytes:
        """Look for the reply to this request from now on; give its frame."""
        number = transaction.to_bytes(2, "big")
        self._transaction, self._request = transaction, asked.request
        self._head = number + asked.head if asked.head and not self._rest else b""
        self._size = asked.size
        return number + asked.tail

    def take(self, piece: bytes) -> bytes | Mismatch | None:
        """Take what came; give the reply (function code and data), or why there will be none.

        What nobody waits for is passed over.
        """
        if self._head and len(piece) == self._size and piece.startswith(self._head):
            # What nearly always comes: the whole reply and nothing else.
            self._request, self._head = None, b""
            return piece[MBAP.size :]
        self._head = b""
        received = self._rest + piece if self._rest else piece
        request = self._request
        if request is None:
            self._pass_over(received)
            return None
        start = passed(received, self._transaction)
        if isinstance(start, Mismatch):
            return self._spoil(start)
        found = _judged(received, start, self._transaction, request)
        if found is Found.PART:
            self._rest = received[start:]
            return None
        if found is not Found.REPLY:
            return self._spoil(found)
        self._request, self._rest = None, b""
        begin = start + MBAP.size
        end = begin + (2 if received[begin] != request.function else 1 + request.reply)
        if end < len(received):
            self._pass_over(received[end:])
        return received[begin:end]

    def _pass_over(self, received: bytes) -> None:
        start = passed(received, NOBODY)
        if isinstance(start, Mismatch):
            self._spoil(start)
        else:
            self._rest = received[start:]

    def _spoil(self, why: Mismatch) -> Mismatch:
        self.spoiled, self._request, self._rest = True, None, b""
        return why
