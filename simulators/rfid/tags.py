"""ISO 15693 tags in books and cards, and what libraries write on them.

Two data models: ISO 28560-2 with its ISO/IEC 15962 objects, which Chinese libraries use
(WH/T 44-2012), and the fixed block of ISO 28560-3.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

BLOCK = 4
BLOCKS = 28
"""Memory of a common library chip: 28 blocks of 4 bytes."""
OBJECTS_DSFID = 0x06
FIXED_DSFID = 0x3E


class Usage(IntEnum):
    """Type of usage: the high nibble in ISO 28560-2, the low nibble of byte 0 in ISO 28560-3."""

    CIRCULATING = 1
    REFERENCE = 2
    PATRON_CARD = 8


@dataclass(slots=True)
class Tag:
    """One chip. Bytes of `memory` are in the tag's own order."""

    uid: str
    dsfid: int
    afi: int
    memory: bytearray
    locked_blocks: set[int] = field(default_factory=set)
    afi_locked: bool = False

    def block(self, number: int) -> bytes:
        return bytes(self.memory[number * BLOCK : (number + 1) * BLOCK])


def tag(serial: int, dsfid: int, afi: int, content: bytes) -> Tag:
    """Make a chip with a serial number of its own; too much content raises ValueError."""
    if len(content) > BLOCK * BLOCKS:
        raise ValueError(f"{len(content)} bytes do not fit into {BLOCK * BLOCKS}")
    # E0: ISO 15693; 04: NXP. The next byte tells the chip family.
    uid = f"E00401{serial & 0xFF_FFFF_FFFF:010X}"
    return Tag(uid, dsfid, afi, bytearray(content.ljust(BLOCK * BLOCKS, b"\0")))


def crc16(data: bytes) -> int:
    """Give CRC-16/CCITT-FALSE: polynomial 1021, initial FFFF, not reflected."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
    return crc & 0xFFFF


def fixed_block(usage: Usage, identifier: str, owner: str, parts: int = 1, part: int = 1) -> bytes:
    """Give the 34 bytes of ISO 28560-3 (32 when the owner leaves the last two empty).

    `owner` is an ISIL; its first dash is not stored.
    """
    country, _, library = owner.partition("-")
    head = bytes([0x10 | usage, parts, part]) + identifier.encode().ljust(16, b"\0")
    tail = country.encode() + library.encode().ljust(11, b"\0")
    if len(head) != 19 or len(tail) != 13:
        raise ValueError(f"{identifier!r} or {owner!r} is too long for ISO 28560-3")
    return head + crc16(head + tail).to_bytes(2, "little") + tail


def objects(
    usage: Usage, identifier: str, owner: str = "", media: str = "", title: str = ""
) -> bytes:
    """Give the data sets of ISO 28560-2: identifier, what else there is, then the rest.

    `media` is an ONIX code of two letters. The identifier fills whole blocks, so that it could be
    locked.
    """
    rest = {
        3: (0, pack_isil(owner)) if owner else None,
        5: (0, bytes([usage << 4])),
        7: (6, media.encode("latin-1")) if media else None,
        17: (7, title.encode()) if title else None,
    }
    present = {number: one for number, one in rest.items() if one is not None}
    # The order of the real Finnish tag of the reference: 5, 7, 3.
    order = sorted(present, key=lambda number: (number == 3, number))
    parts = [_aligned_identifier(identifier), data_set(2, 0, content_map(present))]
    parts += [data_set(number, *present[number]) for number in order]
    return b"".join(parts) + b"\0"


def data_set(number: int, compaction: int, data: bytes, pad: int | None = None) -> bytes:
    """Give one ISO/IEC 15962 data set; `pad` bytes of offset follow it when given."""
    first = (0x80 if pad is not None else 0) | compaction << 4 | min(number, 15)
    extended = bytes([number - 15]) if number >= 15 else b""
    offset = bytes([pad]) if pad is not None else b""
    return bytes([first]) + extended + offset + bytes([len(data)]) + data + b"\x80" * (pad or 0)


def _aligned_identifier(identifier: str) -> bytes:
    compaction, data = compact(identifier)
    bare = data_set(1, compaction, data)
    if len(bare) % BLOCK == 0:
        return bare
    return data_set(1, compaction, data, -(len(bare) + 1) % BLOCK)


def compact(text: str) -> tuple[int, bytes]:
    """Choose how a text is stored: as a number, as digits, as Latin-1 octets, or as UTF-8."""
    if text.isascii() and text.isdecimal():
        if text[0] != "0" and 2 <= len(text) <= 19:
            number = int(text)
            return 1, number.to_bytes((number.bit_length() + 7) // 8, "big")
        return 2, bytes.fromhex(text + "F" * (len(text) % 2))
    try:
        return 6, text.encode("latin-1")
    except UnicodeEncodeError:
        return 7, text.encode()


def content_map(present: Sequence[int] | dict[int, tuple[int, bytes]]) -> bytes:
    """Give the bitmap of the objects there are, from object 3 at the most significant bit."""
    bits = 0
    length = (max(present) - 3) // 8 + 1
    for number in present:
        bits |= 1 << (length * 8 - 1 - (number - 3))
    return bits.to_bytes(length, "big")


_UPPER = {"-": 0} | {chr(64 + n): n for n in range(1, 27)}
_LOWER = {"-": 0} | {chr(96 + n): n for n in range(1, 27)}
_NUMERIC = {str(n): n for n in range(10)} | {"-": 10, ":": 11}
_SETS = {"upper": (_UPPER, 5), "lower": (_LOWER, 5), "numeric": (_NUMERIC, 4)}
_LATCH = {
    ("upper", "lower"): 28,
    ("upper", "numeric"): 30,
    ("lower", "upper"): 28,
    ("lower", "numeric"): 30,
    ("numeric", "upper"): 12,
    ("numeric", "lower"): 14,
}
"""Shift, for one character only, is the next code."""


def pack_isil(owner: str) -> bytes:
    """Pack an ISIL with the shift code of ISO 28560-2; it begins among the upper-case letters."""
    bits = ""
    current = "upper"
    for place, character in enumerate(owner):
        alphabet, width = _SETS[current]
        if character in alphabet:
            bits += f"{alphabet[character]:0{width}b}"
            continue
        wanted = next((name for name, (known, _) in _SETS.items() if character in known), None)
        if wanted is None:
            raise ValueError(f"{character!r} in {owner!r} cannot stand in an ISIL")
        alone = owner[place + 1 : place + 2] not in _SETS[wanted][0]
        bits += f"{_LATCH[current, wanted] + alone:0{width}b}"
        other, other_width = _SETS[wanted]
        bits += f"{other[character]:0{other_width}b}"
        if not alone:
            current = wanted
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")
