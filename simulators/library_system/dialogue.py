"""What the library system answers to each request, and the rules around resending. No I/O."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from simulators.library_system.collection import Collection, Patron, Verdict
from simulators.library_system.messages import (
    Answer,
    ChecksumError,
    MalformedError,
    Request,
    UnknownCommandError,
    compose,
    parse,
    seal,
    stamp,
    status_flags,
)

SUPPORTED = "YYYNYYYYYYYNNNYN"
"""BX, in the order 23 11 09 01 99 97 93 63 35 37 17 19 25 15 29 65."""
LARGEST_LOGIN_FAILURES = 3


class HangUpError(Exception):
    """The library system ends the connection; says why."""


@dataclass(frozen=True, slots=True)
class Counter:
    """What one library system is set to, whoever calls."""

    collection: Collection
    institution: str = ""
    login: str = ""
    password: str = ""
    terminal_password: str = ""
    encoding: str = "utf-8"


def _wrong_place(counter: Counter, request: Request) -> str:
    institution = request.get("AO")
    if counter.institution and institution and institution != counter.institution:
        return f"No institution {institution}; this is {counter.institution}"
    if counter.terminal_password and request.get("AC") != counter.terminal_password:
        return "Wrong terminal password"
    return ""


def _screen(message: str) -> tuple[tuple[str, str], ...]:
    return (("AF", message),) if message else ()


def status_answer(counter: Counter, at: datetime, *, online: bool = True) -> Answer:
    """Give message 98: every policy flag, 5 s to wait, 3 retries."""
    flags = "YYYYNY" if online else "NNNNNN"
    timeout = "050" if online else "000"
    fields = [("AO", counter.institution), ("AM", "Zhejiang Library"), ("BX", SUPPORTED)]
    if not online:
        fields.append(("AF", "The library system is closed for maintenance"))
    return Answer("98", f"{flags}{timeout}003{stamp(at)}2.00", tuple(fields))


def _sc_status(counter: Counter, request: Request, at: datetime) -> Answer:  # noqa: ARG001 - one shape for all
    return status_answer(counter, at)


def _flags(patron: Patron | None) -> str:
    if patron is None:
        return status_flags(range(4))
    return status_flags(range(4) if patron.blocked else ())


def _identity(
    counter: Counter, request: Request
) -> tuple[Patron | None, str, list[tuple[str, str]]]:
    """Find the patron; give also what to show and the fields that 24 and 64 share."""
    refusal = _wrong_place(counter, request)
    patron = None if refusal else counter.collection.patrons.get(request.get("AA"))
    message = refusal
    if patron is None:
        message = refusal or "Card not known"
    elif patron.blocked:
        message = patron.blocked
    fields = [("BL", "Y" if patron else "N")]
    if patron and request.get("AD"):
        fields.append(("CQ", "Y" if request.get("AD") == patron.pin else "N"))
    return patron, message, fields


def _patron_status(counter: Counter, request: Request, at: datetime) -> Answer:
    patron, message, identity = _identity(counter, request)
    return Answer(
        "24",
        f"{_flags(patron)}{request.fixed['language']}{stamp(at)}",
        (
            ("AO", counter.institution),
            ("AA", request.get("AA")),
            ("AE", patron.name if patron else ""),
            *identity,
            *_screen(message),
        ),
    )


def _patron_information(counter: Counter, request: Request, at: datetime) -> Answer:
    patron, message, identity = _identity(counter, request)
    charged = counter.collection.charged(patron.card) if patron else []
    overdue = [item for item in charged if counter.collection.loans[item].due < at]
    listed: list[tuple[str, str]] = []
    summary = request.fixed["summary"]
    first, last = _page(request)
    for position, name, items in ((1, "AT", overdue), (2, "AU", charged)):
        if summary[position] == "Y":
            listed = [(name, item) for item in items[first - 1 : last]]
    counts = f"0000{len(overdue):04}{len(charged):04}000000000000"
    return Answer(
        "64",
        f"{_flags(patron)}{request.fixed['language']}{stamp(at)}{counts}",
        (
            ("AO", counter.institution),
            ("AA", request.get("AA")),
            ("AE", patron.name if patron else ""),
            ("CB", f"{counter.collection.most_loans:04}"),
            *identity,
            *listed,
            *_screen(message),
        ),
    )


def _page(request: Request) -> tuple[int, int | None]:
    first, last = request.get("BP"), request.get("BQ")
    return (
        max(1, int(first)) if first.isdecimal() else 1,
        int(last) if last.isdecimal() else None,
    )


def _checkout(counter: Counter, request: Request, at: datetime) -> Answer:
    refusal = _wrong_place(counter, request)
    card, barcode = request.get("AA"), request.get("AB")
    if refusal:
        verdict = Verdict(ok=False, message=refusal)
    elif request.cancel:
        verdict = counter.collection.undo_return(card, barcode, at)
    else:
        verdict = counter.collection.lend(
            card, barcode, at, renew=request.fixed["renewal"] == "Y", force=request.no_block
        )
    return _loan_answer(counter, request, at, "12", verdict)


def _renew(counter: Counter, request: Request, at: datetime) -> Answer:
    refusal = _wrong_place(counter, request)
    verdict = (
        Verdict(ok=False, message=refusal)
        if refusal
        else counter.collection.renew(
            request.get("AA"), request.get("AB"), at, force=request.no_block
        )
    )
    return _loan_answer(counter, request, at, "30", verdict)


def _loan_answer(
    counter: Counter, request: Request, at: datetime, code: str, verdict: Verdict
) -> Answer:
    item = counter.collection.items.get(request.get("AB"))
    loan = counter.collection.loans.get(request.get("AB"))
    desensitize = "U" if item is None else "Y" if verdict.ok else "N"
    magnetic = "U" if item is None else "N"
    renewal = "Y" if verdict.ok and verdict.renewed else "N"
    return Answer(
        code,
        f"{int(verdict.ok)}{renewal}{magnetic}{desensitize}{stamp(at)}",
        (
            ("AO", counter.institution),
            ("AA", request.get("AA")),
            ("AB", request.get("AB")),
            ("AJ", item.title if item else ""),
            ("AH", loan.due.strftime("%Y-%m-%d") if verdict.ok and loan else ""),
            *((("CK", "001"),) if item else ()),
            *_screen(verdict.message),
        ),
    )


def _checkin(counter: Counter, request: Request, at: datetime) -> Answer:
    refusal = _wrong_place(counter, request)
    barcode = request.get("AB")
    if refusal:
        verdict = Verdict(ok=False, message=refusal)
    elif request.cancel:
        verdict = counter.collection.undo_loan(barcode)
    else:
        verdict = counter.collection.take_back(barcode)
    item = counter.collection.items.get(barcode)
    alert = verdict.ok and item is not None and item.home == "stacks"
    resensitize = "Y" if verdict.ok else "N"
    magnetic = "U" if item is None else "N"
    return Answer(
        "10",
        f"{int(verdict.ok)}{resensitize}{magnetic}{'Y' if alert else 'N'}{stamp(at)}",
        (
            ("AO", counter.institution),
            ("AB", barcode),
            ("AQ", item.home if item else ""),
            ("AJ", item.title if item else ""),
            *((("CL", "stacks"),) if alert else ()),
            *((("AA", verdict.patron),) if verdict.patron else ()),
            *((("CK", "001"),) if item else ()),
            *_screen(verdict.message),
        ),
    )


def _item_information(counter: Counter, request: Request, at: datetime) -> Answer:
    barcode = request.get("AB")
    item = counter.collection.items.get(barcode)
    loan = counter.collection.loans.get(barcode)
    circulation = "01" if item is None else "04" if loan else "03"
    return Answer(
        "18",
        f"{circulation}{'01' if item is None else '00'}01{stamp(at)}",
        (
            ("AB", barcode),
            ("AJ", item.title if item else ""),
            ("AO", counter.institution),
            *((("AH", loan.due.strftime("%Y-%m-%d")),) if loan else ()),
            *((("AQ", item.home), ("CK", "001")) if item else ()),
            *_screen("" if item else "Item not known"),
        ),
    )


def _end_session(counter: Counter, request: Request, at: datetime) -> Answer:
    fields = (("AO", counter.institution), ("AA", request.get("AA")))
    return Answer("36", f"Y{stamp(at)}", fields)


def _fee_paid(counter: Counter, request: Request, at: datetime) -> Answer:
    known = request.get("AA") in counter.collection.patrons
    return Answer(
        "38",
        f"{'Y' if known else 'N'}{stamp(at)}",
        (("AO", counter.institution), ("AA", request.get("AA"))),
    )


_ANSWERS: Mapping[str, Callable[[Counter, Request, datetime], Answer]] = {
    "09": _checkin,
    "11": _checkout,
    "17": _item_information,
    "23": _patron_status,
    "29": _renew,
    "35": _end_session,
    "37": _fee_paid,
    "63": _patron_information,
    "99": _sc_status,
}


class Dialogue:
    """One kiosk's connection: who it is, and what was said last."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.known = not counter.login
        self._strange: list[str] = []
        self._failures = 0
        self._answered = (("", ""), b"")
        self._last_answer = b""

    def answer(self, raw: bytes, at: datetime, *, online: bool = True) -> bytes | None:
        """Take one message without terminator; give the answer likewise, None for silence.

        Raises HangUpError after too many failed logins, or for business before the login.
        """
        try:
            request = parse(raw, self.counter.encoding)
        except (ChecksumError, MalformedError) as error:
            self._strange.append(str(error))
            self._last_answer = seal(b"96", "")
            return self._last_answer
        except UnknownCommandError as error:
            self._strange.append(str(error))
            return None
        if request.code == "97":
            return self._last_answer or None
        again = (request.sequence, request.checksum)
        if not request.sequence or again != self._answered[0]:
            answer = self._business(request, at, online=online)
            self._answered = (again, compose(answer, self.counter.encoding, request))
        self._last_answer = self._answered[1]
        return self._last_answer

    def _business(self, request: Request, at: datetime, *, online: bool) -> Answer:
        if request.code == "93":
            return self._login(request)
        if not self.known:
            raise HangUpError(f"{request.code} came before a login")
        if not online:
            return status_answer(self.counter, at, online=False)
        return _ANSWERS[request.code](self.counter, request, at)

    def _login(self, request: Request) -> Answer:
        counter = self.counter
        right = (request.get("CN"), request.get("CO")) == (counter.login, counter.password)
        self.known = right or not counter.login
        if not self.known:
            self._failures += 1
            self._strange.append(f"login of {request.get('CN')!r} failed")
            if self._failures > LARGEST_LOGIN_FAILURES:
                raise HangUpError("too many failed logins")
        return Answer("94", "1" if self.known else "0")

    def take_strange(self) -> list[str]:
        """Give what was out of order since the last call, oldest first."""
        taken, self._strange = self._strange, []
        return taken
