"""ISO 15693 vicinity tags: what every chip says of itself.

Source: ISO/IEC 15693-3, 10.3.12 (get system information).
"""

from typing import NamedTuple


class TagError(ValueError):
    """What a tag holds, or what is said of it, makes no sense; says what is wrong."""


class SystemInformation(NamedTuple):
    """What a chip says of itself. None: it does not say."""

    uid: str
    """16 hex digits, upper case, most significant byte first."""
    dsfid: int | None
    afi: int | None
    blocks: int | None
    block_size: int | None
    """Bytes."""
    ic: int | None = None


def uid_text(raw: bytes) -> str:
    """Write a UID given most significant byte first; raise TagError unless it is one."""
    if len(raw) != 8 or raw[0] != 0xE0:
        raise TagError(f"{raw.hex().upper()} is no UID of ISO 15693 (8 bytes, the first E0)")
    return raw.hex().upper()


def uid_bytes(uid: str) -> bytes:
    """Give the 8 bytes of a UID, most significant first; raise TagError unless it is one."""
    try:
        raw = bytes.fromhex(uid)
    except ValueError as error:
        raise TagError(f"{uid!r} is no UID of ISO 15693: {error}") from error
    uid_text(raw)
    return raw


def parse_system_information(air: bytes) -> SystemInformation:
    """Read the answer to 2B as it comes through the air, behind its flags byte, without CRC.

    Information flags, UID (least significant byte first), then what the flags announce.
    """
    if len(air) < 9:
        raise TagError(f"system information has {len(air)} bytes; at least 9 are needed")
    flags, uid, rest = air[0], uid_text(air[8:0:-1]), air[9:]
    sizes = {0x01: 1, 0x02: 1, 0x04: 2, 0x08: 1}
    found: dict[int, bytes | None] = {}
    for flag, size in sizes.items():
        if not flags & flag:
            found[flag] = None
            continue
        if len(rest) < size:
            raise TagError(f"system information of {uid} ends before what its flags announce")
        found[flag], rest = rest[:size], rest[size:]
    dsfid, afi, memory, ic = (found[flag] for flag in sizes)
    return SystemInformation(
        uid,
        dsfid[0] if dsfid else None,
        afi[0] if afi else None,
        memory[0] + 1 if memory else None,
        (memory[1] & 0x1F) + 1 if memory else None,
        ic[0] if ic else None,
    )
