"""The loans of one kiosk that are under way, as they are journalled and remembered."""

from collections.abc import Sequence

from contracts.bounds import shortened
from contracts.records import LoanChanged, LoanStep, Record
from edge.journal.port import Change, Journal, Ticket
from edge.journal.tickets import written
from edge.kiosk.loan_states import ENDS, Loan, record
from runtime.clock import Clock

KIND = "loan"


class LoanStore:
    """Writes every step down with what must be remembered of it."""

    def __init__(self, kiosk: str, journal: Journal, clock: Clock) -> None:
        self.clock = clock
        self._kiosk = kiosk
        self._journal = journal
        self._memory = journal.memory(KIND, Loan)

    def open(self) -> list[Loan]:
        """Give the loans that a restart interrupted."""
        values = self._memory.values.items()
        return [loan for key, loan in values if key.startswith(f"{self._kiosk}/")]

    def hand_over_damaged(self) -> None:
        """Hand loans to staff of which nobody can read any more how far they had come."""
        for key, reason in list(self._memory.damaged.items()):
            kiosk, _, loan = key.partition("/")
            if kiosk == self._kiosk:
                why = f"what the kiosk remembered of it cannot be read ({reason}); look it up"
                changed = LoanChanged(
                    loan, self.clock.wall(), kiosk, "", LoanStep.STAFF, "", reason=why
                )
                self._journal.append([shortened(changed)], [self._memory.drop(key)])

    def write_down(self, loans: Sequence[Loan], also: Sequence[Change] = ()) -> Ticket:
        """Journal and remember loans as they are now, in one transaction."""
        at = self.clock.wall()
        records: list[Record] = [
            one for loan in loans if (one := record(loan, self._kiosk, at)) is not None
        ]
        return self._journal.append(records, [*map(self._change, loans), *also])

    async def written(self, ticket: Ticket, within: float) -> None:
        """Wait until it is durable; raise UnwrittenError."""
        await written(ticket, self._journal, within)

    def _change(self, loan: Loan) -> Change:
        key = f"{self._kiosk}/{loan.id}"
        return self._memory.drop(key) if loan.phase in ENDS else self._memory.put(key, loan)
