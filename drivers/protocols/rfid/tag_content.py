"""What library tags say, however it is written (ISO 28560-1)."""

from enum import IntEnum
from typing import NamedTuple

from drivers.protocols.rfid.iso15693 import TagError


class Usage(IntEnum):
    """Type of usage."""

    ACQUISITION = 0
    CIRCULATING = 1
    NOT_CIRCULATING = 2
    LOCAL_3 = 3
    LOCAL_4 = 4
    FUTURE = 5
    UNSPECIFIED = 6
    DISCARDED = 7
    PATRON_CARD = 8
    EQUIPMENT = 9


class TagContent(NamedTuple):
    """What a library tag says."""

    item: str
    """Primary item id: a book's barcode, or a card's number."""
    usage: int = Usage.CIRCULATING
    owner: str = ""
    """ISIL, such as `CN-PEKU`."""
    parts: int = 1
    part: int = 1

    @property
    def is_card(self) -> bool:
        """Say whether it is a patron's card."""
        return self.usage == Usage.PATRON_CARD


def checked_item(item: str) -> str:
    """Give an item id that other systems can carry; raise TagError."""
    item = item.strip(" ")
    if not item or not item.isprintable() or "|" in item:
        raise TagError("the item id is empty or holds characters that no item id has")
    return item
