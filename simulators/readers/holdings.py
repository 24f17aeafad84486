"""The books and cards themselves: one chip for each."""

from dataclasses import dataclass, field

from simulators.library_system.collection import Collection, Item
from simulators.rfid.tags import (
    FIXED_DSFID,
    OBJECTS_DSFID,
    Tag,
    Usage,
    fixed_block,
    objects,
    tag,
)

CARDS_FROM = 1_000_000
ISIL = "CN-330100-1-ZJLIB"
"""Country, area (GB/T 2260), type of library, own code: Chinese practice."""
SHORT_ISIL = "CN-ZJLIB"
"""For the fixed block of ISO 28560-3, which has room for eleven letters."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Chips by barcode and by card number."""

    books: dict[str, Tag]
    cards: dict[str, Tag]
    in_hand: set[str] = field(default_factory=set)
    """UIDs of the books that somebody has at a kiosk."""


def tag_everything(collection: Collection, secured: int, released: int) -> Holdings:
    """Put a chip into every book and card; what is on loan is released."""
    books = {
        item.barcode: _book(serial, item, released if item.barcode in collection.loans else secured)
        for serial, item in enumerate(collection.items.values(), 1)
    }
    cards = {
        card: _card(CARDS_FROM + serial, card) for serial, card in enumerate(collection.patrons, 1)
    }
    return Holdings(books, cards)


def _book(serial: int, item: Item, afi: int) -> Tag:
    usage = Usage.REFERENCE if item.home == "reference" else Usage.CIRCULATING
    if serial % 10 == 0:  # came from a library abroad, with the Nordic model
        return tag(serial, FIXED_DSFID, afi, fixed_block(usage, item.barcode, SHORT_ISIL))
    title = item.title[:12] if serial % 3 == 0 else ""
    media = "BA" if serial % 2 else ""
    content = objects(usage, item.barcode, ISIL, media, title)
    return tag(serial, OBJECTS_DSFID, afi, content)


def _card(serial: int, card: str) -> Tag:
    if serial % 4 == 0:
        return tag(serial, FIXED_DSFID, 0, fixed_block(Usage.PATRON_CARD, card, SHORT_ISIL))
    return tag(serial, OBJECTS_DSFID, 0, objects(Usage.PATRON_CARD, card, ISIL))
