"""Readers at a self-check kiosk: they borrow, they return, and they do not wait for ever."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from random import Random

from simulators.activity import Activity
from simulators.library_system.collection import Collection
from simulators.readers.holdings import Holdings
from simulators.rfid.pad import Pad
from simulators.rfid.tags import Tag

log = logging.getLogger(__name__)

PATIENCE = 15.0
"""Seconds that a reader waits for the kiosk."""
UNMOVED = 6.0
"""Seconds without a further change after which a reader takes it that no more will come."""
FIRST_AFTER = 2.0
BETWEEN = 7.0
"""Mean seconds between two readers at the default pace."""
SHORTEST_PAUSE = 2.5
LONGEST_PAUSE = 60.0
MOST_BOOKS = 4
RETURNING = 0.4
"""Share of visits that bring books back."""
HOPELESS = 0.05
"""Share of borrowers whose card is blocked, or who picked a book that is not lent."""


@dataclass(slots=True)
class Patrons:
    """Everybody who comes to one kiosk, one after the other."""

    kiosk: str
    pad: Pad
    collection: Collection
    holdings: Holdings
    secured: int
    released: int
    random: Random
    busyness: Callable[[], float]
    activity: Activity
    card_is_blocked: Callable[[], bool] = lambda: False
    """Whether the next reader's card is blocked, by order."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    visits: int = 0

    async def run(self) -> None:
        """Come and go until cancelled."""
        await self.sleep(FIRST_AFTER)
        while True:
            busy = self.busyness()
            if busy <= 0:
                await self.sleep(0.5)
                continue
            with self.activity.of(f"a reader at {self.kiosk}"):
                await self._visit()
            pause = self.random.expovariate(busy / BETWEEN)
            await self.sleep(min(max(pause, SHORTEST_PAUSE), LONGEST_PAUSE))

    async def _visit(self) -> None:
        self.visits += 1
        self._staff_put_right()
        # The first two borrow, so that even a short run sees loans; then the third brings back.
        if self.card_is_blocked():
            await self._borrow(blocked=True)
        elif self.visits > 2 and (self.visits == 3 or self.random.random() < RETURNING):
            await self._bring_back()
        else:
            hopeless = self.visits > 5 and self.random.random() < HOPELESS
            blocked = hopeless and self.random.random() < 0.5
            await self._borrow(blocked=blocked, home="reference" if hopeless else "open")

    async def _borrow(self, *, blocked: bool, home: str = "open") -> None:
        cards = [
            one.card for one in self.collection.patrons.values() if bool(one.blocked) is blocked
        ]
        books = self._free("open" if blocked else home)
        if not cards or not books:
            return
        card = self.random.choice(cards)
        chosen = self.random.sample(books, min(len(books), self.random.randint(1, MOST_BOOKS)))
        lying = [self.holdings.books[barcode] for barcode in chosen]
        await self._deal([self.holdings.cards[card], *lying], lying, self.released)

    async def _bring_back(self) -> None:
        # Those lent last, so that a short run sees books go out and come back.
        recent = [
            barcode
            for barcode in self.collection.loans
            if self.holdings.books[barcode].uid not in self.holdings.in_hand
        ][-12:]
        if not recent:
            return
        chosen = self.random.sample(recent, min(len(recent), self.random.randint(1, 3)))
        lying = [self.holdings.books[barcode] for barcode in chosen]
        await self._deal(lying, lying, self.secured, unlent=chosen)

    async def _deal(
        self, laid: Sequence[Tag], books: Sequence[Tag], wanted: int, unlent: Sequence[str] = ()
    ) -> None:
        """Lay things down, wait for every book, and take everything away in one go."""

        def waiting() -> int:
            return sum(
                book.afi != wanted or barcode in self.collection.loans
                for book, barcode in zip_longest(books, unlent)
            )

        uids = {book.uid for book in books}
        self.holdings.in_hand.update(uids)
        self.pad.put(laid)
        left = waiting()
        patience = PATIENCE
        with suppress(TimeoutError):
            while left:
                async with asyncio.timeout(patience):
                    await self.pad.until(lambda: waiting() < left)  # noqa: B023 - awaited at once
                left, patience = waiting(), UNMOVED
            await self.sleep(1.0)
        if left:
            log.info("%s: a reader gives up, %d of %d undone", self.kiosk, left, len(books))
        self.pad.clear()
        self.holdings.in_hand.difference_update(uids)

    def _staff_put_right(self) -> None:
        """Secure what came back but could not be marked at the kiosk, as staff do at their desk."""
        for barcode, book in self.holdings.books.items():
            if barcode not in self.collection.loans and book.uid not in self.holdings.in_hand:
                book.afi = self.secured

    def _free(self, home: str) -> list[str]:
        return [
            item.barcode
            for item in self.collection.items.values()
            if item.home == home
            and item.barcode not in self.collection.loans
            and self.holdings.books[item.barcode].afi == self.secured
            and self.holdings.books[item.barcode].uid not in self.holdings.in_hand
        ]
