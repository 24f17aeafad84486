"""Reads a library tag in whichever of the two ways it is written.

DSFID 0x06 announces ISO 28560-2, 0x3E announces ISO 28560-3. Many tags announce nothing, so both
are tried: -3 first, because its CRC proves itself.
"""

from drivers.protocols.rfid import iso28560_2, iso28560_3
from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.tag_content import TagContent


def decode(memory: bytes, dsfid: int) -> TagContent:
    """Read a tag; raise TagError that says why neither way fits."""
    ways = [iso28560_3.decode, iso28560_2.decode]
    if dsfid == iso28560_2.DSFID:
        ways.reverse()
    reasons = []
    for way in ways:
        try:
            return way(memory)
        except TagError as error:
            reasons.append(str(error))
    raise TagError("; ".join(reasons))
