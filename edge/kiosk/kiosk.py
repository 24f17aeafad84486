"""A self-check place, driven by its pad: lay down a card and books to borrow, books to return."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec import Struct

from config.links import TagReaderDevice
from config.site import Kiosk
from contracts.bounds import shortened
from contracts.records import InputRefused, LoanAction
from drivers.bulkhead import guarded
from drivers.capabilities import Circulation, Patron, Tag, TagReader
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError
from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.iso28560 import decode
from drivers.protocols.rfid.tag_content import TagContent
from edge.journal.port import Change, Journal, Memory
from edge.kiosk.loan_process import LoanProcess
from edge.kiosk.loan_states import ENDS, Heard, Loan, Phase, follow, loan_id
from edge.kiosk.loan_store import LoanStore
from edge.kiosk.pad_session import (
    ABSENCE,
    MOST_READS,
    Dealing,
    Lying,
    Pad,
    dealt,
    learn,
    look,
    postponed,
    restored,
    unclear,
    wanted,
)
from edge.kiosk.patron_key import patron_hash
from edge.kiosk.retry import DeviceRetry
from runtime.clock import Clock

log = logging.getLogger(__name__)

PERIOD = 0.25
"""Seconds between two looks at the pad."""
LONGEST_PAUSE = 5.0
"""Seconds between two looks while the reader does not answer."""
MOST_NOISE = 3
"""Bad answers in a row after which the reader counts as gone."""
LIBRARY_PERIOD = 30.0
"""Seconds of calm after which the library system is asked whether it is still there."""


KIND = "session"


class PadSession(Struct, frozen=True):
    """What a restart must know of the session: which tags were dealt with, and for whom."""

    uids: list[str]
    had_card: bool
    unclear: bool = False


@dataclass(slots=True)
class SelfCheck:
    """One kiosk. `key` hashes card numbers before they are journalled (`edge.kiosk.patron_key`)."""

    kiosk: Kiosk
    reader: TagReader
    library: Circulation
    pad: TagReaderDevice
    journal: Journal
    clock: Clock
    random: Random
    key: bytes
    _loan_process: LoanProcess = field(init=False)
    _loans: LoanStore = field(init=False)
    _sessions: Memory[PadSession] = field(init=False)
    _reader_retry: DeviceRetry = field(init=False)
    _library_retry: DeviceRetry = field(init=False)
    _seen: Pad = field(default_factory=Pad, init=False)
    _first_look: float | None = field(default=None, init=False)
    _noise: int = field(default=0, init=False)
    _patrons: dict[str, Patron] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        seams = (self.journal, self.clock, self.random)
        self._reader_retry = DeviceRetry(self.reader.device, *seams, LONGEST_PAUSE)
        self._library_retry = DeviceRetry(self.library.device, *seams)
        self._sessions = self.journal.memory(KIND, PadSession)
        self._loans = LoanStore(self.kiosk.id, self.journal, self.clock)
        self._loan_process = LoanProcess(
            self.pad, self.reader, self.library, self._library_retry, self._loans
        )

    async def run(self) -> None:
        """Serve readers until cancelled; first settle what a restart interrupted."""
        self._remember_all()
        while True:
            await self.clock.sleep(await self._turn())

    def _remember_all(self) -> None:
        self._first_look, self._patrons, self._seen = None, {}, Pad()
        now, kiosk = self.clock.monotonic(), self.kiosk.id
        if (session := self._sessions.values.get(kiosk)) is not None:
            self._seen = (
                unclear(now)
                if session.unclear
                else restored(session.uids, now, had_card=session.had_card)
            )
        elif (damage := self._sessions.damaged.get(kiosk)) is not None:
            self._seen = unclear(now)
            reason = f"what lay on the pad cannot be read ({damage}); look up the last loans"
            self._refuse(kiosk, reason, [self._session()])

    async def _turn(self) -> float:
        """Look at the pad, do one thing, and say how long to pause."""
        try:
            tags = await guarded(self.reader.inventory)
        except DriverError as error:
            self._noise += isinstance(error, BadReplyError)
            if isinstance(error, BadReplyError) and self._noise < MOST_NOISE:
                return PERIOD  # a burst on the line; the pad is still there
            self._reader_retry.gone(error)
            return self._reader_retry.pause
        self._noise = 0
        self._reader_retry.back()
        self._look(tags)
        await self._read_new()
        if self._library_retry.due(LIBRARY_PERIOD):
            await self._greet_library()
        if interrupted := self._interrupted():
            await self._settle(interrupted)
        elif self._library_retry.available and (dealing := wanted(self._seen)) is not None:
            await self._deal(dealing)
            return 0.0
        return PERIOD

    def _look(self, tags: Sequence[Tag]) -> None:
        at = self.clock.monotonic()
        if self._first_look is None:
            self._first_look = at
        self._seen = look(self._seen, tags, at)
        if not self._seen.tags:
            self._patrons.clear()
            if self.kiosk.id in self._sessions.values:
                self.journal.append([], [self._sessions.drop(self.kiosk.id)])

    async def _read_new(self) -> None:
        for tag in [tag for tag in self._seen.here if tag.unread]:
            had_card = self._seen.had_card
            try:
                content = await guarded(self._content, tag)
            except LinkDownError:
                return  # the next look finds out whether the reader is gone
            except DriverError as error:
                self._seen = learn(self._seen, tag.uid, None)
                if tag.reads + 1 == MOST_READS:
                    self._refuse(self.reader.device, f"tag {tag.uid} cannot be read: {error}")
                continue
            self._seen = learn(self._seen, tag.uid, content)
            if self._seen.had_card and not had_card:
                self.journal.append([], [self._session()])

    async def _content(self, tag: Lying) -> TagContent:
        memory = await self.reader.read(tag.uid)
        try:
            return decode(memory, tag.dsfid)
        except TagError as error:
            raise BadReplyError(str(error)) from error

    async def _greet_library(self) -> None:
        try:
            await guarded(self.library.check)
        except DriverError as error:
            self._library_retry.gone(error)
        else:
            self._library_retry.back()

    def _interrupted(self) -> list[Loan]:
        """Give the loans that a restart left open, also when a sick disk gives them up late."""
        self._loans.hand_over_damaged()
        return self._loans.open()

    async def _settle(self, interrupted: Sequence[Loan]) -> None:
        assert self._first_look is not None
        for loan in interrupted:
            lies_there = self._seen.holds(loan.uids)
            if not lies_there and self._seen.at - self._first_look < ABSENCE:
                continue  # the field may have holes: look again
            if loan.phase is Phase.ASKING and not self._library_retry.available:
                continue
            try:
                ended = await self._loan_process.settle(loan, lies_there=lies_there)
            except LinkDownError as error:
                self._library_retry.gone(error)
                continue
            if ended.phase is Phase.REFUSED:
                # Nothing had been done; if it still lies here, it may be asked anew.
                self._seen = postponed(self._seen, loan.uids)

    async def _deal(self, dealing: Dealing) -> None:
        patron = None
        if dealing.action is LoanAction.CHECKOUT:
            patron = await self._patron(dealing.card)
            if patron is None:
                return
        begun = self.clock.wall()
        loan = Loan(
            id=loan_id(self.kiosk.id, dealing.item, begun),
            action=dealing.action,
            item=dealing.item,
            uids=dealing.uids,
            begun=begun,
            card=dealing.card,
            patron=patron_hash(self.key, dealing.card) if dealing.card else "",
        )
        self._seen = dealt(self._seen, dealing.uids)
        if patron is not None and not patron.valid:
            reason = patron.message or "the card may not borrow"
            self._loans.write_down([loan, follow(loan, Heard.NO, reason)], [self._session()])
            return
        ended = await self._loan_process.carry(
            await self._loan_process.begin(loan, [self._session()])
        )
        assert ended.phase in ENDS
        if ended.phase is Phase.REFUSED and not self._library_retry.available:
            # It was never asked: try again when the library system is back, if it still lies here.
            self._seen = postponed(self._seen, dealing.uids)
        log.info("%s of %s: %s", loan.action.value, loan.item, ended.phase.value)

    async def _patron(self, card: str) -> Patron | None:
        """Ask once a session whether a card may borrow; None when nobody answers."""
        if card not in self._patrons:
            try:
                self._patrons[card] = await guarded(self.library.patron, card)
            except RefusedError as error:
                return Patron(valid=False, name="", message=str(error))
            except DriverError as error:
                self._library_retry.gone(error)
                return None
        return self._patrons[card]

    def _session(self) -> Change:
        uids = [tag.uid for tag in self._seen.tags.values() if tag.dealt]
        session = PadSession(uids, self._seen.had_card, self._seen.unclear)
        return self._sessions.put(self.kiosk.id, session)

    def _refuse(self, source: str, reason: str, changes: Sequence[Change] = ()) -> None:
        refused = InputRefused(self.clock.wall(), source, reason)
        self.journal.append([shortened(refused)], changes)
