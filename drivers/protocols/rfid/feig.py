"""FEIG OBID ISO host protocol: frames for readers of the CPR, MR and LR families.

Source: FEIG ELECTRONIC, system manual H20800-16e-ID-B. Block data and UIDs travel most significant
byte first, so each block is turned round here into the tag's own order.
"""

from collections.abc import Sequence
from typing import NamedTuple

from drivers.protocols.rfid.iso15693 import SystemInformation, TagError, uid_bytes, uid_text

ANY_READER = 0xFF
ISO_HOST = 0xB0
LONGEST_DATA = 128
"""Bytes of tag memory in one read or write."""
ISO15693 = 0x03
_ADDRESSED = 0x01

OK = 0x00
NO_TRANSPONDER = 0x01
MORE_DATA = 0x94
ISO15693_ERROR = 0x95

STATUSES = {
    0x01: "no tag answers",
    0x02: "false data",
    0x03: "write error",
    0x04: "address error",
    0x05: "wrong type of tag",
    0x10: "EEPROM failure",
    0x11: "parameter out of range",
    0x80: "unknown command",
    0x81: "length error",
    0x82: "not available; switch the reader's scan mode off",
    0x83: "radio error",
    0x93: "buffer overflow",
    0x94: "more data",
    0x95: "the tag refuses",
}
TAG_ERRORS = {
    0x01: "command not supported",
    0x02: "command not recognised",
    0x10: "no such block",
    0x11: "block already locked",
    0x12: "block locked, content unchanged",
    0x13: "not programmed",
    0x14: "not locked",
}
PASSING = frozenset({0x01, 0x02, 0x03, 0x83, 0x93})
"""Statuses that another try may cure: a tag at the edge of the field."""


class Reply(NamedTuple):
    """A reader's answer, its frame taken off."""

    status: int
    data: bytes


class Seen(NamedTuple):
    """One tag of an inventory."""

    uid: str
    dsfid: int


def _table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC = _table()


def crc16(data: bytes) -> int:
    """Polynomial 0x8408 (reflected), start 0xFFFF, nothing added at the end."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def frame(command: int, data: bytes = b"", address: int = ANY_READER) -> bytes:
    """Write a request: length, address, command, data, CRC."""
    if len(data) > 250:
        raise ValueError(f"{len(data)} bytes do not fit into a frame; the limit is 250")
    head = bytes([len(data) + 5, address, command]) + data
    return head + crc16(head).to_bytes(2, "little")


def find_reply(buffer: bytes, command: int, address: int = ANY_READER) -> Reply | None:
    """Find the answer to a command, whatever noise stands before it; None while there is none."""
    for start in range(len(buffer) - 5):
        for length, head in _lengths(buffer, start):
            whole = buffer[start : start + length]
            if length < head + 4 or len(whole) < length or whole[head + 1] != command:
                continue
            if address not in (ANY_READER, whole[head]):
                continue
            if crc16(whole[:-2]) == int.from_bytes(whole[-2:], "little"):
                return Reply(whole[head + 2], whole[head + 3 : -2])
    return None


def _lengths(buffer: bytes, start: int) -> list[tuple[int, int]]:
    """Give how long a frame here would be, and where its address would stand."""
    if buffer[start] == 0x02:  # a long frame: no short one has only two bytes
        return [(int.from_bytes(buffer[start + 1 : start + 3], "big"), 3)]
    return [(buffer[start], 1)]


def explain(reply: Reply) -> str:
    """Say in words what a status means."""
    text = STATUSES.get(reply.status, f"status {reply.status:#04x}")
    if reply.status == ISO15693_ERROR and reply.data:
        text += f": {TAG_ERRORS.get(reply.data[0], f'error {reply.data[0]:#04x}')}"
    return text


def inventory(address: int = ANY_READER, *, more: bool = False) -> bytes:
    """Ask for the tags in the field; `more` for those that did not fit into the last answer."""
    return frame(ISO_HOST, bytes([0x01, 0x80 if more else 0x00]), address)


def parse_inventory(data: bytes) -> list[Seen]:
    """Read the tags of an inventory; raise TagError."""
    if not data:
        raise TagError("an inventory without a count")
    tags, place = [], 1
    for number in range(data[0]):
        if place >= len(data):
            raise TagError(f"an inventory of {data[0]} tags ends after {number}")
        if data[place] != ISO15693:
            raise TagError(
                f"a tag of type {data[place]:#04x} lies on the pad, which is not ISO 15693;"
                " take it away, or set the reader to ISO 15693 only"
            )
        entry = data[place + 1 : place + 10]
        if len(entry) < 9:
            raise TagError(f"an inventory of {data[0]} tags ends within number {number + 1}")
        tags.append(Seen(uid_text(entry[1:]), entry[0]))
        place += 10
    if place != len(data):
        raise TagError(f"an inventory of {data[0]} tags has {len(data) - place} bytes too many")
    return tags


def _addressed(command: int, uid: str, data: bytes, address: int) -> bytes:
    return frame(ISO_HOST, bytes([command, _ADDRESSED]) + uid_bytes(uid) + data, address)


def system_information(uid: str, address: int = ANY_READER) -> bytes:
    """Ask a tag for DSFID, AFI and the size of its memory."""
    return _addressed(0x2B, uid, b"", address)


def parse_system_information(data: bytes) -> SystemInformation:
    """Read DSFID, UID, AFI, number of the last block, block size less one, IC reference."""
    if len(data) != 13:
        raise TagError(f"system information has {len(data)} bytes instead of 13")
    return SystemInformation(
        uid_text(data[1:9]), data[0], data[9], data[10] + 1, (data[11] & 0x1F) + 1, data[12]
    )


def read_blocks(uid: str, first: int, count: int, address: int = ANY_READER) -> bytes:
    return _addressed(0x23, uid, bytes([first, count]), address)


def parse_blocks(data: bytes, count: int) -> bytes:
    """Read blocks into the tag's own byte order; raise TagError unless there are `count`."""
    if len(data) < 2:
        raise TagError("an answer to reading blocks has no count")
    size = data[1]
    if data[0] != count or not size or len(data) != 2 + count * (1 + size):
        raise TagError(f"{len(data)} bytes are not {count} blocks of {size} bytes")
    blocks = (data[2 + n * (1 + size) :][1 : 1 + size] for n in range(count))
    return b"".join(block[::-1] for block in blocks)


def write_blocks(uid: str, first: int, blocks: Sequence[bytes], address: int = ANY_READER) -> bytes:
    """Ask to write blocks, given in the tag's own byte order."""
    size = len(blocks[0])
    data = b"".join(block[::-1] for block in blocks)
    return _addressed(0x24, uid, bytes([first, len(blocks), size]) + data, address)


def write_afi(uid: str, afi: int, address: int = ANY_READER) -> bytes:
    """Ask to write the application family identifier."""
    return _addressed(0x27, uid, bytes([afi]), address)


def write_dsfid(uid: str, dsfid: int, address: int = ANY_READER) -> bytes:
    """Ask to write the data storage format identifier."""
    return _addressed(0x29, uid, bytes([dsfid]), address)
