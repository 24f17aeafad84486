"""A self-check place, driven by its pad: lay down a card and books to borrow, books to return."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct

from config.links import TagReaderDevice
from config.site import Kiosk
from contracts.instants import Instant
from contracts.records import InputRefused, LoanAction
from drivers.capabilities import Circulation, Now, Patron, Tag, TagReader
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError
from drivers.protocols.rfid.iso15693 import TagError
from drivers.protocols.rfid.iso28560 import decode
from edge.journal.port import Diary
from edge.kiosk.loan_process import Desk
from edge.kiosk.loan_states import ENDS, Heard, Loan, Phase, follow, loan_id, recall
from edge.kiosk.pad_session import (
    ABSENCE,
    MOST_READS,
    Dealing,
    Pad,
    dealt,
    learn,
    look,
    postponed,
    restored,
    wanted,
)
from edge.kiosk.patron_key import patron_hash
from edge.kiosk.retry import Watch

log = logging.getLogger(__name__)

PERIOD = 0.25
"""Seconds between two looks at the pad."""
LONGEST_PAUSE = 5.0
"""Seconds between two looks while the reader does not answer."""
MOST_NOISE = 3
"""Bad answers in a row after which the reader counts as gone."""
LIBRARY_PERIOD = 30.0
"""Seconds of calm after which the library system is asked whether it is still there."""


class _Remembered(Struct):
    """What a restart must know of the session: which tags were dealt with, and for whom."""

    uids: list[str]
    had_card: bool


@dataclass(slots=True)
class SelfCheck:
    """One kiosk. `key` hashes card numbers before they are journalled (`edge.kiosk.patron_key`)."""

    kiosk: Kiosk
    reader: TagReader
    library: Circulation
    pad: TagReaderDevice
    diary: Diary
    now: Now
    key: bytes
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dice: Callable[[], float] = random.random
    _desk: Desk = field(init=False)
    _reader_watch: Watch = field(init=False)
    _library_watch: Watch = field(init=False)
    _seen: Pad = field(default_factory=Pad, init=False)
    _open: list[Loan] = field(default_factory=list, init=False)
    """Loans that a restart interrupted."""
    _first_look: Instant | None = field(default=None, init=False)
    _noise: int = field(default=0, init=False)
    _patrons: dict[str, Patron] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._reader_watch = Watch(
            self.reader.device, self.diary, self.now, self.dice, LONGEST_PAUSE
        )
        self._library_watch = Watch(self.library.device, self.diary, self.now, self.dice)
        self._desk = Desk(
            self.kiosk.id,
            self.pad,
            self.reader,
            self.library,
            self._library_watch,
            self.diary,
            self.now,
            self.sleep,
        )

    async def run(self) -> None:
        """Serve readers until cancelled; first settle what a restart interrupted."""
        await self._remember_all()
        while True:
            await self.sleep(await self._turn())

    async def _remember_all(self) -> None:
        self._open, self._first_look, self._patrons = [], None, {}
        self._seen = Pad()
        for key, raw in self.diary.recall(f"kiosk/{self.kiosk.id}/").items():
            try:
                if key == self._session_key:
                    session = msgspec.json.decode(raw, type=_Remembered)
                    self._seen = restored(session.uids, self.now(), had_card=session.had_card)
                else:
                    self._open.append(recall(raw))
            except msgspec.MsgspecError as error:
                reason = f"{key} is damaged and was given up: {error}; look up the last loans"
                refused = InputRefused(self.now(), self.kiosk.id, reason)
                await self.diary.append([refused], {key: None})

    async def _turn(self) -> float:
        """Look at the pad, do one thing, and say how long to pause."""
        try:
            tags = await self.reader.inventory()
        except DriverError as error:
            self._noise += isinstance(error, BadReplyError)
            if isinstance(error, BadReplyError) and self._noise < MOST_NOISE:
                return PERIOD  # a burst on the line; the pad is still there
            await self._reader_watch.gone(error)
            return self._reader_watch.pause
        self._noise = 0
        await self._reader_watch.back()
        await self._look(tags)
        await self._read_new()
        if self._library_watch.due(LIBRARY_PERIOD):
            await self._greet_library()
        if self._open:
            await self._settle()
        elif self._library_watch.available and (dealing := wanted(self._seen)) is not None:
            await self._deal(dealing)
            return 0.0
        return PERIOD

    async def _look(self, tags: Sequence[Tag]) -> None:
        at = self.now()
        if self._first_look is None:
            self._first_look = at
        occupied = bool(self._seen.tags)
        self._seen = look(self._seen, tags, at)
        if occupied and not self._seen.tags:
            self._patrons.clear()
            if self._session_key in self.diary.recall(self._session_key):
                await self.diary.append([], {self._session_key: None})

    async def _read_new(self) -> None:
        for tag in [tag for tag in self._seen.here if tag.unread]:
            had_card = self._seen.had_card
            try:
                content = decode(await self.reader.read(tag.uid), tag.dsfid)
            except LinkDownError:
                return  # the next look finds out whether the reader is gone
            except (DriverError, TagError) as error:
                self._seen = learn(self._seen, tag.uid, None)
                if tag.reads + 1 == MOST_READS:
                    reason = f"tag {tag.uid} cannot be read: {error}"
                    refused = InputRefused(self.now(), self.reader.device, reason)
                    await self.diary.append([refused])
                continue
            self._seen = learn(self._seen, tag.uid, content)
            if self._seen.had_card and not had_card:
                await self.diary.append([], self._session())

    async def _greet_library(self) -> None:
        try:
            await self.library.check()
        except DriverError as error:
            await self._library_watch.gone(error)
        else:
            await self._library_watch.back()

    async def _settle(self) -> None:
        assert self._first_look is not None
        still_open = []
        for loan in self._open:
            lies_there = self._seen.holds(loan.uids)
            if not lies_there and self._seen.at - self._first_look < ABSENCE:
                still_open.append(loan)  # the field may have holes: look again
                continue
            if loan.phase is Phase.ASKING and not self._library_watch.available:
                still_open.append(loan)
                continue
            try:
                ended = await self._desk.settle(loan, lies_there=lies_there)
            except LinkDownError as error:
                await self._library_watch.gone(error)
                still_open.append(loan)
                continue
            if ended.phase is Phase.REFUSED:
                # Nothing had been done; if it still lies here, it may be asked anew.
                self._seen = postponed(self._seen, loan.uids)
        self._open = still_open

    async def _deal(self, dealing: Dealing) -> None:
        patron = None
        if dealing.action is LoanAction.CHECKOUT:
            patron = await self._patron(dealing.card)
            if patron is None:
                return
        begun = self.now()
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
            await self._desk.write_down([loan, follow(loan, Heard.NO, reason)], self._session())
            return
        await self._desk.write_down([loan], self._session())
        ended = await self._desk.carry(loan)
        assert ended.phase in ENDS
        if ended.phase is Phase.REFUSED and not self._library_watch.available:
            # It was never asked: try again when the library system is back, if it still lies here.
            self._seen = postponed(self._seen, dealing.uids)
        log.info("%s of %s: %s", loan.action.value, loan.item, ended.phase.value)

    async def _patron(self, card: str) -> Patron | None:
        """Ask once a session whether a card may borrow; None when nobody answers."""
        if card not in self._patrons:
            try:
                self._patrons[card] = await self.library.patron(card)
            except RefusedError as error:
                return Patron(valid=False, name="", message=str(error))
            except DriverError as error:
                await self._library_watch.gone(error)
                return None
        return self._patrons[card]

    @property
    def _session_key(self) -> str:
        return f"kiosk/{self.kiosk.id}/session"

    def _session(self) -> dict[str, bytes | None]:
        uids = [tag.uid for tag in self._seen.tags.values() if tag.dealt]
        raw = msgspec.json.encode(_Remembered(uids, self._seen.had_card))
        return {self._session_key: raw}
