"""A pad and a library system in memory, with a fuse that kills the kiosk at any step."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from config.base import Name
from config.links import TagReaderDevice
from config.site import Kiosk
from contracts.instants import Instant
from contracts.records import LoanChanged, LoanStep
from drivers.capabilities import CirculationAnswer, Patron, Tag, Whereabouts
from drivers.errors import BadReplyError, LinkDownError, NotSentError
from drivers.protocols.rfid import iso28560_3
from drivers.protocols.rfid.tag_content import TagContent, Usage
from edge.kiosk.kiosk import SelfCheck
from runtime.clock import Clock
from tests.unit.edge.simulated import MemoryDisk, MemoryJournal, SimulatedTime

KIOSK = Kiosk(
    id="kiosk-1", name=Name(en="Kiosk", zh="机"), space="lobby", reader="pad", library="ils"
)
PAD = TagReaderDevice(id="pad", model="feig-obid")
HOME, LENT = PAD.afi_secured, PAD.afi_released
ENDS = {LoanStep.CLOSED, LoanStep.REFUSED, LoanStep.STAFF}
CARD = "card-1"


class Crash(BaseException):
    """The process was killed."""


class Over(BaseException):
    """The story is told."""


@dataclass
class Fuse:
    """Burns through at the given step; every fake burns before and after what it does."""

    left: int = 10**9
    burnt: int = 0

    def burn(self) -> None:
        self.burnt += 1
        self.left -= 1
        if self.left == 0:
            raise Crash


class Always(random.Random):
    def random(self) -> float:
        return 1.0


@dataclass
class Chip:
    memory: bytes
    afi: int = HOME
    stubborn: bool = False
    """Does not take another AFI."""


@dataclass
class FakePad:
    fuse: Fuse
    device: str = "pad"
    chips: dict[str, Chip] = field(default_factory=dict)
    lying: set[str] = field(default_factory=set)
    down: bool = False
    noise: int = 0
    """How many of the next inventories are not understood."""

    def chip(self, item: str, usage: int = Usage.CIRCULATING, parts: int = 1, part: int = 1) -> str:
        uid = f"E004{len(self.chips):012X}"
        content = TagContent(item, usage, "CN-PEKU", parts, part)
        self.chips[uid] = Chip(iso28560_3.encode(content, 32))
        return uid

    async def inventory(self) -> Sequence[Tag]:
        self.fuse.burn()
        if self.down:
            raise LinkDownError("pad: no answer")
        if self.noise:
            self.noise -= 1
            raise BadReplyError("pad: no sound frame")
        return [Tag(uid, 0x3E) for uid in sorted(self.lying)]

    def _chip(self, uid: str) -> Chip:
        self.fuse.burn()
        if self.down:
            raise LinkDownError("pad: no answer")
        if uid not in self.lying:
            raise BadReplyError(f"tag {uid}: no tag answers")
        return self.chips[uid]

    async def read(self, uid: str) -> bytes:
        return self._chip(uid).memory

    async def read_afi(self, uid: str) -> int:
        return self._chip(uid).afi

    async def write_afi(self, uid: str, afi: int) -> None:
        chip = self._chip(uid)
        if chip.stubborn:
            raise BadReplyError(f"tag {uid}: write error")
        chip.afi = afi
        self.fuse.burn()


@dataclass
class FakeLibrary:
    fuse: Fuse
    device: str = "ils"
    holders: dict[str, str] = field(default_factory=dict)
    """Card by item."""
    done: Counter[str] = field(default_factory=Counter)
    """How often each kind of dealing was carried out on an item."""
    refuses: set[str] = field(default_factory=set)
    cards: set[str] = field(default_factory=lambda: {CARD})
    down: bool = False
    mute: bool = False
    """Carries out, but its answer never comes."""
    deaf: bool = False
    """Neither carries out nor answers."""
    ignorant: bool = False
    """Does not tell where an item is."""
    security: bool | None = True

    def _reached(self) -> None:
        self.fuse.burn()
        if self.down:
            raise NotSentError("ils: cannot be reached")
        if self.deaf:
            raise LinkDownError("ils: no answer")

    def _said(self, *, ok: bool, message: str = "") -> CirculationAnswer:
        self.fuse.burn()
        if self.mute:
            raise LinkDownError("ils: no answer")
        return CirculationAnswer(ok, "A title", "2026-12-24", message, self.security)

    async def check(self) -> None:
        if self.down:
            raise NotSentError("ils: cannot be reached")

    async def whereabouts(self, item: str, card: str = "") -> Whereabouts:
        self._reached()
        if self.ignorant:
            return Whereabouts.UNKNOWN
        holder = self.holders.get(item)
        if holder is None:
            return Whereabouts.FREE
        return Whereabouts.LENT_TO_CARD if card and holder == card else Whereabouts.LENT

    async def patron(self, card: str, pin: str = "") -> Patron:
        self._reached()
        return Patron(card in self.cards, "Jane Doe", "" if card in self.cards else "Card blocked")

    async def checkout(self, card: str, item: str, at: Instant) -> CirculationAnswer:
        self._reached()
        if item in self.refuses or self.holders.get(item, card) != card:
            return self._said(ok=False, message="Not for loan")
        self.holders[item] = card
        self.done[f"checkout {item}"] += 1
        return self._said(ok=True)

    async def checkin(self, item: str, at: Instant) -> CirculationAnswer:
        self._reached()
        self.holders.pop(item, None)
        self.done[f"checkin {item}"] += 1
        return self._said(ok=True)

    async def undo_checkout(self, card: str, item: str, at: Instant) -> CirculationAnswer:
        self._reached()
        self.holders.pop(item, None)
        self.done[f"undo {item}"] += 1
        return self._said(ok=True)


Event = tuple[float, Callable[[], None]]


@dataclass
class World:
    """Everything that outlives the kiosk's process."""

    fuse: Fuse = field(default_factory=Fuse)
    time: SimulatedTime = field(default_factory=SimulatedTime)
    disk: MemoryDisk = field(default_factory=MemoryDisk)
    pad: FakePad = field(init=False)
    library: FakeLibrary = field(init=False)
    events: list[Event] = field(default_factory=list)
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.disk.burn = self.fuse.burn
        self.pad = FakePad(self.fuse)
        self.library = FakeLibrary(self.fuse)
        self.begun = self.time.seconds

    def book(self, item: str, parts: int = 1, part: int = 1) -> str:
        return self.pad.chip(item, parts=parts, part=part)

    def card(self, number: str = CARD) -> str:
        return self.pad.chip(number, Usage.PATRON_CARD)

    def at(self, second: float, action: Callable[[], None]) -> None:
        self.events.append((second, action))
        self.events.sort(key=lambda event: event[0])

    def lay(self, second: float, *uids: str) -> None:
        self.at(second, lambda: self.pad.lying.update(uids))

    def lift(self, second: float, *uids: str) -> None:
        self.at(second, lambda: self.pad.lying.difference_update(uids or self.pad.lying.copy()))

    def second(self) -> float:
        return self.time.seconds - self.begun

    def remembered(self, kind: str) -> list[str]:
        return sorted(self.disk.memory.get(kind, {}))

    def changes(self) -> list[LoanChanged]:
        return self.disk.of(LoanChanged)

    def steps(self, item: str | None = None) -> list[str]:
        return [f"{one.action} {one.step}" for one in self.changes() if item in (None, one.item)]

    def loans(self) -> dict[str, list[LoanChanged]]:
        found: dict[str, list[LoanChanged]] = {}
        for one in self.changes():
            found.setdefault(one.loan, []).append(one)
        return found

    def kiosk(self, until: float) -> tuple[SelfCheck, MemoryJournal]:
        async def sleep(seconds: float) -> None:
            self.time.seconds += max(seconds, 1e-6)
            while self.events and self.events[0][0] <= self.second():
                self.events.pop(0)[1]()
            await asyncio.sleep(0)
            if self.second() >= until:
                raise Over

        clock = Clock(self.time.monotonic, self.time.wall, sleep)
        # A deadline on the journal passes at once: nobody else is waiting for it.
        journal = MemoryJournal(self.disk, Clock(clock.monotonic, clock.wall, self._pass))
        kiosk = SelfCheck(KIOSK, self.pad, self.library, PAD, journal, clock, Always(), b"key")
        return kiosk, journal

    async def _pass(self, seconds: float) -> None:
        self.time.seconds += seconds
        await asyncio.sleep(0)

    def run(self, until: float) -> bool:
        """Run a fresh process of the kiosk; False when it crashed on the way."""

        async def process() -> None:
            kiosk, journal = self.kiosk(until)
            try:
                await kiosk.run()
            except Crash:
                journal.kill()
                raise

        try:
            asyncio.run(process())
        except Over:
            return True
        except Crash:
            return False
        raise AssertionError("a kiosk never stops by itself")
