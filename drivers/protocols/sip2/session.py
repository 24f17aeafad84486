"""One SIP2 connection as a state machine: what to send, what to hand up, when to give up.

`step(session, rules, input)` gives the new session and what to do. Nothing here waits or reads a
clock; the link feeds in bytes and the passing of the timeout. Every exchange is bounded: all
resends together, for whatever reason, are at most `rules.retries`, and never more than three.

Source: 3M SIP 2.00, rev 2.12, "Error detection and retries".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from drivers.protocols.sip2.messages import (
    ANSWERS,
    ASK_AGAIN,
    LONGEST_MESSAGE,
    Check,
    Message,
    Request,
    Sip2Error,
    build,
    parse,
)

MOST_RESENDS = 3


@dataclass(frozen=True, slots=True)
class Rules:
    """How one library system wants to be spoken to."""

    encoding: str = "utf-8"
    terminator: bytes = b"\r"
    error_detection: Literal["strict", "report", "off"] = "strict"
    retries: int = 2

    @property
    def resends(self) -> int:
        """Most resends within one exchange."""
        return min(self.retries, MOST_RESENDS)


class LastSent(Enum):
    """What the other side heard last."""

    REQUEST = "request"
    ASK_AGAIN = "97"


@dataclass(frozen=True, slots=True)
class Session:
    """What is remembered between two inputs."""

    sequence: int = 0
    """Of the next new message."""
    request: Request | None = None
    """The one under way."""
    sent: bytes = b""
    """Its bytes, kept for sending them unchanged."""
    own: str | None = None
    """Its sequence digit."""
    last: LastSent = LastSent.REQUEST
    resends: int = 0
    buffer: bytes = b""


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes came."""

    data: bytes


class TimedOut:
    """The timeout passed without an answer."""


Input = Request | Received | TimedOut


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes and wait for the timeout anew."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Deliver:
    """The answer. `resent`: the request was sent more than once, so it may have been done twice."""

    message: Message
    resent: bool


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A 98 that nobody asked for: the library system's state changed."""

    message: Message


@dataclass(frozen=True, slots=True)
class Note:
    """Something the other side should not do, and that did no harm: count it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Fail:
    """Give up: close the connection. The request may have been carried out."""

    reason: str


Action = Send | Deliver | StatusChanged | Note | Fail
Step = tuple[Session, tuple[Action, ...]]

_ENDS = re.compile(rb"[\r\n]+")


def step(session: Session, rules: Rules, event: Input) -> Step:
    """Take one input into account. A Request while one is under way raises ValueError."""
    match event:
        case Request():
            if session.request is not None:
                raise ValueError(f"{event.code} asked while {session.request.code} is under way")
            return _ask(replace(session, resends=0, buffer=b""), rules, event)
        case TimedOut():
            return _silence(session, rules)
        case Received():
            return _hear(session, rules, event.data)


def _ask(session: Session, rules: Rules, request: Request) -> Step:
    number = None if rules.error_detection == "off" else session.sequence
    sent = build(request, number, rules.encoding) + rules.terminator
    asked = replace(
        session,
        sequence=(session.sequence + 1) % 10,
        request=request,
        sent=sent,
        own=None if number is None else str(number),
        last=LastSent.REQUEST,
    )
    return asked, (Send(sent),)


def _silence(session: Session, rules: Rules) -> Step:
    if session.request is None:
        return session, ()
    return _resend(session, rules, f"no answer to {session.request.code}")


def _resend(session: Session, rules: Rules, why: str) -> Step:
    """Send the request unchanged, so that a spec-true server repeats its answer."""
    if session.resends >= rules.resends:
        return _give_up(session, why)
    again = replace(session, resends=session.resends + 1, last=LastSent.REQUEST)
    return again, (Note(why), Send(session.sent))


def _ask_again(session: Session, rules: Rules, why: str) -> Step:
    if session.resends >= rules.resends:
        return _give_up(session, why)
    again = replace(session, resends=session.resends + 1, last=LastSent.ASK_AGAIN)
    return again, (Note(why), Send(ASK_AGAIN + rules.terminator))


def _give_up(session: Session, why: str) -> Step:
    tried = f" after {session.resends} resends" if session.resends else ""
    return replace(session, request=None, buffer=b""), (Fail(why + tried),)


def _hear(session: Session, rules: Rules, data: bytes) -> Step:
    actions: list[Action] = []
    session = replace(session, buffer=session.buffer + data)
    for line, rest in _lines(session.buffer):
        session, more = _line(replace(session, buffer=rest), rules, line)
        actions += more
        if session.request is None:
            break
    if session.request is not None and len(session.buffer) > LONGEST_MESSAGE:
        session, more = _give_up(session, f"{len(session.buffer)} bytes without an end")
        actions += more
    return session, tuple(actions)


def _lines(buffer: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Give each complete message and what follows it. CR, CRLF and LF all end one."""
    while (end := _ENDS.search(buffer)) is not None:
        line, buffer = buffer[: end.start()].strip(b" \t\0"), buffer[end.end() :]
        if line:
            yield line, buffer


def _line(session: Session, rules: Rules, line: bytes) -> Step:
    if session.request is None:
        return session, (Note("a message that nobody asked for"),)
    try:
        message = parse(line, rules.encoding)
    except Sip2Error as error:
        return _unreadable(session, rules, f"an answer to {session.request.code} {error}")
    notes: tuple[Action, ...] = ()
    if message.check is not Check.GOOD and rules.error_detection != "off":
        why = f"{message.code}: checksum is {message.check.value}"
        if rules.error_detection == "strict" and message.code != "96":
            return _ask_again(session, rules, f"{why}; set error_detection: report to accept it")
        notes = (Note(why),)
    session, actions = _message(session, rules, message)
    return session, notes + actions


def _unreadable(session: Session, rules: Rules, why: str) -> Step:
    if rules.error_detection == "off":
        return session, (Note(why),)
    return _ask_again(session, rules, why)


def _message(session: Session, rules: Rules, message: Message) -> Step:
    assert session.request is not None
    if message.code == "96":
        if session.last is LastSent.ASK_AGAIN:
            return _give_up(session, "96 came as the answer to 97: both sides hear badly")
        return _resend(session, rules, f"{session.request.code} was not understood (96)")
    # A repeated answer is welcome with any number: the example server repeats it with AY0.
    repeated = session.last is LastSent.ASK_AGAIN
    numbered = session.own is not None and message.sequence is not None
    if numbered and not repeated and message.sequence != session.own:
        return session, (Note(f"{message.code} with sequence {message.sequence}, discarded"),)
    if message.code == ANSWERS[session.request.code]:
        done = replace(session, request=None, last=LastSent.REQUEST)
        return done, (Deliver(message, resent=session.resends > 0),)
    if message.code == "98":
        return _status_instead(session, rules, message)
    return session, (Note(f"{message.code} is no answer to {session.request.code}, discarded"),)


def _status_instead(session: Session, rules: Rules, message: Message) -> Step:
    """98 may answer any request: take the new state, then send the command again.

    It is sent as a new message: the same number would only bring the same 98 again.
    """
    request = session.request
    assert request is not None
    if message.fixed["online"] == "N":
        session, actions = _give_up(session, "the library system says that it is offline")
        return session, (StatusChanged(message), *actions)
    if session.resends >= rules.resends:
        session, actions = _give_up(session, f"98 came instead of {request.code}'s answer")
        return session, (StatusChanged(message), *actions)
    again = replace(session, resends=session.resends + 1)
    session, actions = _ask(again, rules, request)
    return session, (StatusChanged(message), *actions)
