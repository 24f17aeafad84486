"""The fixed-length layout of library tags: ISO 28560-3, the Danish data model (DS/INF 163).

A basic block of 34 bytes, cut to 32 on the smallest chips.
"""

from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.tag_content import TagContent, checked_item

DSFID = 0x3E
LENGTH = 34
_VERSION = 1
_ID = slice(3, 19)
_CRC = slice(19, 21)
_OWNER = slice(21, 34)


def crc16(data: bytes) -> int:
    """Polynomial 0x1021, start 0xFFFF, not reflected, nothing added at the end."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def _block_crc(block: bytes) -> bytes:
    return crc16(block[:19] + block[21:LENGTH]).to_bytes(2, "little")


def encode(content: TagContent, length: int = LENGTH) -> bytes:
    """Write the basic block of `length` bytes, 32 or 34; raise TagError for what does not fit."""
    item = checked_item(content.item).encode()
    owner = content.owner.replace("-", "", 1).encode("ascii", errors="replace")
    if len(item) > 16:
        raise TagError(f"item id {content.item!r} has {len(item)} bytes; 16 fit")
    if len(owner) > length - 21:
        raise TagError(f"owner {content.owner!r} has {len(owner)} letters; {length - 21} fit")
    if not 0 <= content.usage <= 15:
        raise TagError(f"usage {content.usage} is not one of 0 to 15")
    if not 0 <= content.part <= content.parts <= 255:
        raise TagError(f"part {content.part} of {content.parts} cannot be written")
    head = bytes([_VERSION << 4 | content.usage, content.parts, content.part])
    block = head + item.ljust(16, b"\0") + b"\0\0" + owner.ljust(13, b"\0")
    return (block[:19] + _block_crc(block) + block[21:])[:length]


def decode(memory: bytes) -> TagContent:
    """Read the basic block; raise TagError when its CRC does not fit.

    Also as other makes write it: each four bytes turned round, parts and ordinal swapped, the
    nibbles of the first byte swapped.
    """
    if len(memory) < 32:
        raise TagError(f"28560-3: {len(memory)} bytes; a basic block has at least 32")
    turned = b"".join(memory[at : at + 4][::-1] for at in range(0, len(memory), 4))
    for candidate in (memory[:LENGTH], memory[:32], turned[:LENGTH], turned[:32]):
        block = candidate.ljust(LENGTH, b"\0")
        if block[_CRC] == _block_crc(block):
            return _read(block)
    raise TagError("28560-3: the CRC does not fit")


def _read(block: bytes) -> TagContent:
    high, low = block[0] >> 4, block[0] & 0x0F
    if _VERSION not in (high, low):
        raise TagError(f"28560-3: content parameter {block[0]:#04x} is not version 1")
    usage = low if high == _VERSION else high
    parts, part = max(block[1], 1), max(block[2], 1)
    if part > parts:
        parts, part = part, parts
    try:
        item = block[_ID].rstrip(b"\0").decode()
        letters = block[_OWNER].rstrip(b"\0").decode()
    except UnicodeDecodeError as error:
        raise TagError(f"28560-3: {error}") from error
    owner = f"{letters[:2]}-{letters[2:]}" if letters else ""
    return TagContent(checked_item(item), usage, owner, parts, part)
