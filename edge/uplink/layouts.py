"""Which layouts the cards of an edge must name: today's, and those of records still held."""

import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Struct

from contracts.layouts import Layout
from contracts.messages import Card
from contracts.records import Record
from edge.journal.port import Change, Memory, Ticket

log = logging.getLogger(__name__)

KIND = "layout"
MOST = 16
"""Layouts that a card names."""


class KeptLayout(Struct, frozen=True):
    """A layout that samples of a device may name."""

    device: str
    layout: Layout


class Shelf(Protocol):
    """What this needs of a journal (`edge.journal.journal.Journal`)."""

    @property
    def holds_earlier(self) -> bool:
        """Whether a record may be held that an earlier life wrote."""
        ...

    def append(self, records: Sequence[Record], remember: Sequence[Change] = ()) -> Ticket:
        """Take what is to be remembered."""
        ...

    def memory(self, kind: str, type_: type[KeptLayout]) -> Memory[KeptLayout]:
        """Give what is remembered of a kind."""
        ...


class Layouts:
    """Remembers today's layouts when it is made, which must be before the first sample."""

    def __init__(self, journal: Shelf, cards: Sequence[Card]) -> None:
        self._journal = journal
        self._cards = cards
        self._memory = journal.memory(KIND, KeptLayout)
        self._today = {
            f"{card.device}/{layout.digest}": KeptLayout(card.device, layout)
            for card in cards
            for layout in card.layouts
        }
        new = {key: one for key, one in self._today.items() if self._memory.values.get(key) != one}
        if new:
            journal.append([], [self._memory.put(key, one) for key, one in new.items()])

    def cards(self) -> list[Card]:
        """Give the cards as they are to be told now."""
        earlier: dict[str, list[Layout]] = {}
        for key, one in self._memory.values.items():
            if key not in self._today:
                earlier.setdefault(one.device, []).append(one.layout)
        found: list[Card] = []
        for card in self._cards:
            layouts = (*card.layouts, *earlier.pop(card.device, ()))
            if len(layouts) > MOST:
                log.warning(
                    "%s: records with %d layouts are waiting; the first %d go first",
                    card.device,
                    len(layouts),
                    MOST,
                )
            found.append(msgspec.structs.replace(card, layouts=layouts[:MOST]))
        return found

    def forget(self) -> bool:
        """Forget earlier layouts when no record can name one any more; say whether any went."""
        if self._journal.holds_earlier:
            return False
        old = [key for key in self._memory.values if key not in self._today]
        if old:
            self._journal.append([], [self._memory.drop(key) for key in old])
        return bool(old)
