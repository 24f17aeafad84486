"""Carries one loan or return from its intent to its end, journalling each step before the next."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from config.links import TagReaderDevice
from contracts.records import LoanAction
from drivers.bulkhead import guarded
from drivers.capabilities import Circulation, CirculationAnswer, TagReader, Whereabouts
from drivers.errors import DriverError, LinkDownError, NotSentError, RefusedError
from edge.journal.port import Change
from edge.journal.tickets import UnwrittenError
from edge.kiosk.loan_states import ENDS, Heard, Loan, Phase, follow
from edge.kiosk.loan_store import LoanStore
from edge.kiosk.retry import DeviceRetry

WRITE_TRIES = 3
WRITE_PAUSE = 0.2
"""Seconds between two tries: a book that is being put straight lies still soon after."""
WRITTEN_WITHIN = 3.0
"""Seconds that a reader waits for the journal before a loan is refused in words."""
STEP_WITHIN = 1.0
"""Seconds that a granted loan waits for it: a restart would ask the library system what is so."""


class Result(NamedTuple):
    """What came of a phase's action, and what it taught about the loan."""

    heard: Heard
    loan: Loan
    reason: str = ""


class LoanProcess:
    """One kiosk's loans."""

    def __init__(
        self,
        pad: TagReaderDevice,
        reader: TagReader,
        library: Circulation,
        retry: DeviceRetry,
        store: LoanStore,
    ) -> None:
        """Make it; `retry` is on the library system."""
        self._pad = pad
        self._reader = reader
        self._library = library
        self._retry = retry
        self._store = store
        self._clock = store.clock

    async def begin(self, loan: Loan, also: Sequence[Change]) -> Loan:
        """Write an intent down; give the loan, refused when that cannot be done in time."""
        ticket = self._store.write_down([loan], also)
        try:
            await self._store.written(ticket, WRITTEN_WITHIN)
        except UnwrittenError as error:
            refused = follow(loan, Heard.NOT_WRITTEN_DOWN, f"not now, nothing was done: {error}")
            self._store.write_down([refused])
            return refused
        return loan

    async def carry(self, loan: Loan) -> Loan:
        """Take a loan, written down in its present phase, to its end."""
        actions = {Phase.ASKING: self._ask, Phase.WRITING: self._secure, Phase.UNDOING: self._undo}
        while loan.phase not in ENDS:
            loan = await self._turn(await actions[loan.phase](loan))
        return loan

    async def settle(self, loan: Loan, *, lies_there: bool) -> Loan:
        """Take a loan that a restart interrupted to its end. Raises LinkDownError to wait."""
        if loan.phase is Phase.ASKING:
            loan = await self._turn(await self._find_out(loan))
        if loan.phase is Phase.UNDOING:
            reason = "the kiosk stopped while the loan was being taken back; look it up"
            return await self._turn(Result(Heard.RESTARTED, loan, reason))
        if loan.phase is Phase.WRITING and loan.secure and not lies_there:
            reason = (
                "carried out, but the item was taken away before its tag was known to be written"
            )
            return await self._turn(Result(Heard.GONE, loan, reason))
        return await self.carry(loan)

    async def _turn(self, result: Result) -> Loan:
        loan = follow(result.loan, result.heard, result.reason)
        ticket = self._store.write_down([loan])
        if loan.phase is Phase.WRITING:
            await ticket.durable(STEP_WITHIN)
        elif loan.phase is Phase.UNDOING:
            try:
                await self._store.written(ticket, WRITTEN_WITHIN)
            except UnwrittenError as error:
                # A restart that does not know of it would release the tag of a loan taken back.
                why = f"the loan stands, and could not be taken back: {error}"
                return await self._turn(Result(Heard.NOT_UNDONE, loan, why))
        return loan

    async def _ask(self, loan: Loan) -> Result:
        try:
            if loan.action is LoanAction.CHECKOUT:
                answer = await guarded(self._library.checkout, loan.card, loan.item, loan.begun)
            else:
                answer = await guarded(self._library.checkin, loan.item, loan.begun)
        except NotSentError as error:
            self._retry.gone(error)
            return Result(Heard.NOT_SENT, loan, f"not now: {error}")
        except RefusedError as error:
            return Result(Heard.NO, loan, str(error))
        except DriverError as error:
            if isinstance(error, LinkDownError):
                self._retry.gone(error)
            return Result(Heard.SILENCE, loan, f"asked, and no answer came: {error}; look it up")
        self._retry.back()
        return _answered(loan, answer)

    async def _find_out(self, loan: Loan) -> Result:
        """Ask where the item is: what the library system holds for true is what happened."""
        try:
            where = await guarded(self._library.whereabouts, loan.item, loan.card)
        except LinkDownError:
            raise
        except DriverError as error:
            return Result(Heard.UNCLEAR, loan, f"the kiosk stopped; nobody knows: {error}")
        lent = loan.action is LoanAction.CHECKOUT
        done = Whereabouts.LENT_TO_CARD if lent else Whereabouts.FREE
        undone = Whereabouts.FREE if lent else Whereabouts.LENT
        if where is done:
            return Result(Heard.DONE_BEFORE, loan)
        if where is undone:
            return Result(Heard.NOT_DONE_BEFORE, loan, "the kiosk stopped before it was done")
        reason = f"the kiosk stopped, and the library system says {where.value}; look it up"
        return Result(Heard.UNCLEAR, loan, reason)

    async def _secure(self, loan: Loan) -> Result:
        if not loan.secure:
            return Result(Heard.WRITTEN, loan)
        lent = loan.action is LoanAction.CHECKOUT
        afi = self._pad.afi_released if lent else self._pad.afi_secured
        for uid in loan.uids:
            error = await self._write_afi(uid, afi)
            if error is not None:
                return Result(Heard.NOT_WRITTEN, loan, f"the tag was not written: {error}")
        return Result(Heard.WRITTEN, loan)

    async def _write_afi(self, uid: str, afi: int) -> DriverError | None:
        failure: DriverError | None = None
        for number in range(WRITE_TRIES):
            if number:
                await self._clock.sleep(WRITE_PAUSE)
            try:
                await guarded(self._reader.write_afi, uid, afi)
            except RefusedError as error:
                return error
            except DriverError as error:
                failure = error
            else:
                return None
        return failure

    async def _undo(self, loan: Loan) -> Result:
        """Secure what may have been released, then take the loan back."""
        for uid in loan.uids:
            await self._write_afi(uid, self._pad.afi_secured)
        try:
            at = self._clock.wall()
            answer = await guarded(self._library.undo_checkout, loan.card, loan.item, at)
        except DriverError as error:
            return Result(Heard.NOT_UNDONE, loan, f"whether the loan stands is not known: {error}")
        if answer.ok:
            return Result(Heard.UNDONE, loan, "the loan was taken back")
        return Result(Heard.NOT_UNDONE, loan, f"the loan stands: {answer.message}")


def _answered(loan: Loan, answer: CirculationAnswer) -> Result:
    if not answer.ok:
        return Result(Heard.NO, loan, answer.message or "the library system said no")
    known = msgspec.structs.replace(
        loan, title=answer.title, due=answer.due, secure=answer.security is not False
    )
    return Result(Heard.YES, known, "to the staff shelf" if answer.alert else "")
