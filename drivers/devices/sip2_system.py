"""Any library system that speaks SIP2 (3M SIP 2.00, rev 2.12): loans and returns."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from config.links import Device, LibrarySystem
from contracts.instants import Instant
from drivers.capabilities import CirculationAnswer, Now, Patron, Whereabouts
from drivers.errors import BadReplyError, LinkDownError
from drivers.links.sip2_tcp import Sip2Connection
from drivers.model import DriverSpec
from drivers.protocols.sip2.messages import ANSWERS, Message, Request, date, present, supports
from drivers.protocols.sip2.session import Deliver

UNKNOWN_LANGUAGE = "000"
NO_SUMMARY = " " * 10
CHARGED_ITEMS = "  Y       "
LENT = frozenset({"04", "05"})
"""Circulation status (message 18): charged; charged, not to be recalled."""
FREE = frozenset({"03", "06", "08", "09", "10"})
"""Available, in process, on the hold shelf, waiting to be reshelved, in transit."""


@dataclass(frozen=True, slots=True)
class Sip2Circulation:
    """One library system, as one kiosk speaks to it."""

    system: LibrarySystem
    link: Sip2Connection
    obey_status_flags: bool
    now: Now

    @property
    def device(self) -> str:
        """The library system's id."""
        return self.system.id

    async def check(self) -> None:
        """Reach the system: login and status. Raises NotSentError."""
        await self.link.refresh()

    async def patron(self, card: str, pin: str = "") -> Patron:
        """Ask whether a card may borrow (63, or 23 where 63 is unknown). Fails closed."""
        answer = await self._ask_patron(card, pin, NO_SUMMARY)
        status = answer.fixed["status"]
        blocked = status[0] == "Y" or status[4] == "Y"  # charge privilege denied, card lost
        valid = answer.first("BL") == "Y" and not blocked
        if pin:
            valid = valid and answer.first("CQ") == "Y"
        return Patron(valid, answer.first("AE"), _screen(answer))

    async def checkout(self, card: str, item: str, at: Instant) -> CirculationAnswer:
        """Ask for a loan (11)."""
        if await _forbidden(self.link, "checkout") and self.obey_status_flags:
            return _no("The library system lends nothing now.")
        fields = self._fields(("AA", card), ("AB", item), ("AC", self._terminal))
        when = self._date(at)
        delivery = await self._ask(Request("11", ("Y", "N", when, when), fields))
        answer = delivery.message
        ok = answer.fixed["ok"] == "1"
        if not ok and delivery.resent:
            # A server that carries a repeated request out again refuses the second: it was lent.
            ok = await self._lent_after_all(card, item)
        inhibited = answer.first("CI") == "Y"
        security = False if inhibited else _flag(answer.fixed["desensitize"])
        return CirculationAnswer(
            ok, answer.first("AJ"), answer.first("AH"), _screen(answer), security
        )

    async def checkin(self, item: str, at: Instant) -> CirculationAnswer:
        """Give an item back (09)."""
        if await _forbidden(self.link, "checkin") and self.obey_status_flags:
            return _no("The library system takes nothing back now.")
        return await self._check_in(item, at, ())

    async def undo_checkout(
        self,
        card: str,  # noqa: ARG002 - part of the capability; message 09 does not carry a patron
        item: str,
        at: Instant,
    ) -> CirculationAnswer:
        """Take a loan back whose tag could not be written (09 with BI=Y)."""
        return await self._check_in(item, at, (("BI", "Y"),))

    async def whereabouts(self, item: str, card: str = "") -> Whereabouts:
        """Ask where an item is (17), and whether `card` has it (63 with its charged items)."""
        found = Whereabouts.UNKNOWN
        if await self._knows("17"):
            fields = self._fields(("AB", item), ("AC", self._terminal))
            answer = (await self._ask(Request("17", (self._date(self.now()),), fields))).message
            if answer.fixed["circulation"] in FREE:
                return Whereabouts.FREE
            if answer.fixed["circulation"] in LENT:
                found = Whereabouts.LENT
        if card and await self._knows("63"):
            patron = await self._ask_patron(card, "", CHARGED_ITEMS)
            if item in patron.every("AU"):
                return Whereabouts.LENT_TO_CARD
        return found

    async def _check_in(
        self, item: str, at: Instant, cancel: tuple[tuple[str, str], ...]
    ) -> CirculationAnswer:
        fields = (
            ("AP", self.system.location),
            *self._fields(("AB", item), ("AC", self._terminal)),
            *cancel,
        )
        when = self._date(at)
        delivery = await self._ask(Request("09", ("N", when, when), fields))
        answer = delivery.message
        ok = answer.fixed["ok"] == "1"
        if not ok and delivery.resent:
            ok = await self.whereabouts(item) is Whereabouts.FREE
        return CirculationAnswer(
            ok,
            answer.first("AJ"),
            "",
            _screen(answer),
            _flag(answer.fixed["resensitize"]),
            answer.fixed["alert"] == "Y",
        )

    async def _lent_after_all(self, card: str, item: str) -> bool:
        where = await self.whereabouts(item, card)
        if where in (Whereabouts.LENT, Whereabouts.UNKNOWN):
            raise LinkDownError(f"{self.device}: refused a repeated loan; nobody knows the first")
        return where is Whereabouts.LENT_TO_CARD

    async def _ask_patron(self, card: str, pin: str, summary: str) -> Message:
        when = self._date(self.now())
        terminal = ("AC", self._terminal)
        if await self._knows("63"):
            paging = (("BP", "1"), ("BQ", "200")) if summary.strip() else ()
            fields = self._fields(("AA", card), terminal, ("AD", pin or None), *paging)
            return (
                await self._ask(Request("63", (UNKNOWN_LANGUAGE, when, summary), fields))
            ).message
        fields = self._fields(("AA", card), terminal, ("AD", pin))
        return (await self._ask(Request("23", (UNKNOWN_LANGUAGE, when), fields))).message

    async def _ask(self, request: Request) -> Deliver:
        delivery = await self.link.ask(request)
        if delivery.message.code != ANSWERS[request.code]:
            raise BadReplyError(f"{self.device}: {delivery.message.code} answers {request.code}")
        return delivery

    def _fields(self, *fields: tuple[str, str | None]) -> tuple[tuple[str, str], ...]:
        return (("AO", self.system.institution), *present(fields))

    @property
    def _terminal(self) -> str:
        return self.system.terminal_password

    def _date(self, at: Instant) -> str:
        zone = self.system.timezone
        return date(at, ZoneInfo(zone) if zone else None)

    async def _knows(self, code: str) -> bool:
        return supports(self.link.status or await self.link.refresh(), code)


async def _forbidden(link: Sip2Connection, what: str) -> bool:
    status = link.status or await link.refresh()
    return status.fixed[what] == "N"


def _flag(letter: str) -> bool | None:
    return {"Y": True, "N": False}.get(letter)


def _screen(answer: Message) -> str:
    return " ".join(filter(None, map(str.strip, answer.every("AF"))))


def _no(message: str) -> CirculationAnswer:
    return CirculationAnswer(ok=False, title="", due="", message=message, security=None)


def build(device: Device, link: Sip2Connection, now: Now) -> Sip2Circulation:
    """Make the driver of one library system."""
    assert isinstance(device, LibrarySystem)
    return Sip2Circulation(device, link, link.obey_status_flags, now)


SPEC = DriverSpec(
    kind="sip2",
    family="kiosk",
    link="sip2",
    products=("Any library system with a SIP 2.00 server",),
    source="3M Standard Interchange Protocol 2.00, document revision 2.12 (2006-04-11)",
    build=build,
)
