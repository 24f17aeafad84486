"""A small library: some three hundred items, six score patrons, and who has what on loan."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Literal, NamedTuple

from simulators.library_system.titles import CHINESE, ENGLISH, GIVEN, SURNAMES

LOAN_PERIOD = timedelta(days=28)
MOST_RENEWALS = 2
MOST_LOANS = 20

Home = Literal["open", "stacks", "reference"]
"""Open shelves, closed stacks (fetched on request), or for use in the house only."""


@dataclass(frozen=True, slots=True)
class Item:
    """One physical volume."""

    barcode: str
    title: str
    home: Home


@dataclass(frozen=True, slots=True)
class Patron:
    """One card holder. `blocked` says why nothing may be borrowed, empty when all is well."""

    card: str
    name: str
    pin: str
    blocked: str = ""


@dataclass(frozen=True, slots=True)
class Loan:
    """An item that is out."""

    patron: str
    due: datetime
    renewals: int = 0


class Verdict(NamedTuple):
    """What became of a request. `change` names the state change that was carried out, if any."""

    ok: bool
    message: str = ""
    patron: str = ""
    item: str = ""
    change: str = ""

    @property
    def renewed(self) -> bool:
        """Say whether an existing loan was prolonged."""
        return self.change == "renew"


@dataclass(slots=True)
class Collection:
    """The library's book-keeping. `take_changes` gives every state change once."""

    items: dict[str, Item]
    patrons: dict[str, Patron]
    loans: dict[str, Loan] = field(default_factory=dict)
    changes: list[Verdict] = field(default_factory=list)
    most_loans: int = MOST_LOANS

    def charged(self, card: str) -> list[str]:
        """Give the barcodes that a patron has, in the order of lending."""
        return [barcode for barcode, loan in self.loans.items() if loan.patron == card]

    def lend(
        self, card: str, barcode: str, at: datetime, *, renew: bool = False, force: bool = False
    ) -> Verdict:
        """Lend an item; `force` records what already happened (SIP2 no-block)."""
        loan = self.loans.get(barcode)
        if renew and not force and loan is not None and loan.patron == card:
            return self.renew(card, barcode, at)
        refusal = self._unknown(card, barcode)
        if not refusal and not force:
            refusal = self._policy(self.patrons[card], self.items[barcode])
        if refusal:
            return Verdict(ok=False, message=refusal)
        self.loans[barcode] = Loan(card, at + LOAN_PERIOD)
        return self._done("checkout", card, barcode)

    def _unknown(self, card: str, barcode: str) -> str:
        if card not in self.patrons:
            return "Card not known"
        return "" if barcode in self.items else "Item not known"

    def _policy(self, patron: Patron, item: Item) -> str:
        loan = self.loans.get(item.barcode)
        rules = (
            (bool(patron.blocked), patron.blocked),
            (item.home == "reference", "For use in the library only"),
            (loan is not None and loan.patron == patron.card, "Already on loan to you"),
            (loan is not None, "On loan to another reader"),
            (
                len(self.charged(patron.card)) >= self.most_loans,
                f"You have {self.most_loans} items already",
            ),
        )
        return next((reason for broken, reason in rules if broken), "")

    def renew(self, card: str, barcode: str, at: datetime, *, force: bool = False) -> Verdict:
        """Prolong a loan from now."""
        loan = self.loans.get(barcode)
        if loan is None or loan.patron != card:
            return Verdict(ok=False, message="Not on loan to you")
        if not force and self.patrons[card].blocked:
            return Verdict(ok=False, message=self.patrons[card].blocked)
        if not force and loan.renewals >= MOST_RENEWALS:
            return Verdict(ok=False, message=f"Renewed {MOST_RENEWALS} times already")
        self.loans[barcode] = Loan(card, at + LOAN_PERIOD, loan.renewals + 1)
        return self._done("renew", card, barcode)

    def take_back(self, barcode: str) -> Verdict:
        """End a loan. What was not on loan is taken back too, and nothing changes."""
        if barcode not in self.items:
            return Verdict(ok=False, message="Item not known")
        loan = self.loans.pop(barcode, None)
        if loan is None:
            return Verdict(ok=True, message="Was not on loan", item=barcode)
        return self._done("checkin", loan.patron, barcode)

    def undo_loan(self, barcode: str) -> Verdict:
        """Take a loan back whose tag could not be written (SIP2 09 with BI=Y)."""
        loan = self.loans.pop(barcode, None)
        if loan is None:
            return Verdict(ok=False, message="Was not on loan")
        return self._done("cancel-checkout", loan.patron, barcode)

    def undo_return(self, card: str, barcode: str, at: datetime) -> Verdict:
        """Put a loan back whose return failed (SIP2 11 with BI=Y)."""
        refusal = self._unknown(card, barcode) or ("Is on loan" if barcode in self.loans else "")
        if refusal:
            return Verdict(ok=False, message=refusal)
        self.loans[barcode] = Loan(card, at + LOAN_PERIOD)
        return self._done("cancel-checkin", card, barcode)

    def restore(self, change: str, card: str, barcode: str, at: datetime) -> None:
        """Carry out a change that was made at another time, by its name in the ledger."""
        loan = self.loans.pop(barcode, None)
        if change in ("checkout", "cancel-checkin"):
            self.loans[barcode] = Loan(card, at + LOAN_PERIOD)
        elif change == "renew" and loan is not None:
            self.loans[barcode] = Loan(card, at + LOAN_PERIOD, loan.renewals + 1)

    def take_changes(self) -> list[Verdict]:
        """Give the state changes since the last call, oldest first."""
        taken, self.changes = self.changes, []
        return taken

    def _done(self, change: str, card: str, barcode: str) -> Verdict:
        verdict = Verdict(ok=True, patron=card, item=barcode, change=change)
        self.changes.append(verdict)
        return verdict


_PREFIX = "330100"
"""GB/T 2260 area code of Hangzhou, as Chinese libraries begin their barcodes."""
_BLOCKS = ("Card expired", "Fines are due at the desk", "Card reported lost")


def _titles() -> Iterator[tuple[str, Home]]:
    for place, title in enumerate(CHINESE):
        yield title, "reference" if place % 14 == 5 else "stacks" if place % 3 == 1 else "open"
    for place, title in enumerate(ENGLISH):
        yield title, "reference" if place % 17 == 8 else "stacks" if place % 4 == 1 else "open"


def _items() -> Iterator[Item]:
    number = 0
    for title, home in _titles():
        copies = 1 if home == "reference" else 2
        for copy in range(copies):
            number += 1
            # One copy of a stacks title stands on the open shelves where readers help themselves.
            yield Item(f"{_PREFIX}{number:07}", title, "open" if copy else home)


def _patrons(random: Random) -> Iterator[Patron]:
    for number in range(1, 121):
        name = random.choice(SURNAMES) + random.choice(GIVEN)
        blocked = _BLOCKS[number % 3] if number % 15 == 0 else ""
        yield Patron(f"{_PREFIX}8{number:06}", name, f"{random.randrange(10**6):06}", blocked)


def found_library(random: Random, at: datetime) -> Collection:
    """Make the collection as it stands one morning, some of it on loan."""
    items = {item.barcode: item for item in _items()}
    patrons = {patron.card: patron for patron in _patrons(random)}
    collection = Collection(items, patrons)
    borrowers = [patron.card for patron in patrons.values() if not patron.blocked]
    lendable = [item.barcode for item in items.values() if item.home != "reference"]
    for barcode in random.sample(lendable, len(lendable) // 5):
        age = timedelta(days=random.randrange(0, 31))
        collection.loans[barcode] = Loan(random.choice(borrowers), at - age + LOAN_PERIOD)
    return collection
