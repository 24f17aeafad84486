"""How one loan or return goes, as a table: what was heard in which phase leads where.

    ASKING ── yes ──▶ WRITING ── written ──▶ CLOSED
       │                 └── not written ──▶ UNDOING (a loan) ──▶ STAFF
       ├── no, never sent, or not written down ──▶ REFUSED
       └── silence ──▶ STAFF: nobody knows, so somebody must look

A phase is remembered on disk before its action is taken. After a restart an ASKING loan is settled
by asking where the item is, which changes nothing; what stays unclear goes to STAFF.
"""

from collections.abc import Mapping
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

import msgspec
from msgspec import Struct

from contracts.bounds import shortened
from contracts.instants import Instant
from contracts.records import LoanAction, LoanChanged, LoanStep


class Phase(StrEnum):
    """Where a loan is. The last three are ends."""

    ASKING = "asking"
    WRITING = "writing"
    UNDOING = "undoing"
    CLOSED = "closed"
    REFUSED = "refused"
    STAFF = "staff"


class Heard(StrEnum):
    """What came of a phase's action."""

    YES = "yes"
    NO = "no"
    NOT_SENT = "not-sent"
    NOT_WRITTEN_DOWN = "not-written-down"
    """The journal did not take the intent, so nothing was asked."""
    SILENCE = "silence"
    WRITTEN = "written"
    NOT_WRITTEN = "not-written"
    UNDONE = "undone"
    NOT_UNDONE = "not-undone"
    DONE_BEFORE = "done-before"
    """After a restart: the library system had carried it out."""
    NOT_DONE_BEFORE = "not-done-before"
    UNCLEAR = "unclear"
    GONE = "gone"
    """After a restart: the item no longer lies on the pad."""
    RESTARTED = "restarted"


ENDS = frozenset({Phase.CLOSED, Phase.REFUSED, Phase.STAFF})

_BOTH = {
    (Phase.ASKING, Heard.YES): Phase.WRITING,
    (Phase.ASKING, Heard.NO): Phase.REFUSED,
    (Phase.ASKING, Heard.NOT_SENT): Phase.REFUSED,
    (Phase.ASKING, Heard.NOT_WRITTEN_DOWN): Phase.REFUSED,
    (Phase.ASKING, Heard.SILENCE): Phase.STAFF,
    (Phase.ASKING, Heard.DONE_BEFORE): Phase.WRITING,
    (Phase.ASKING, Heard.NOT_DONE_BEFORE): Phase.REFUSED,
    (Phase.ASKING, Heard.UNCLEAR): Phase.STAFF,
    (Phase.WRITING, Heard.WRITTEN): Phase.CLOSED,
    (Phase.WRITING, Heard.GONE): Phase.STAFF,
}

TABLE: Mapping[tuple[LoanAction, Phase, Heard], Phase] = MappingProxyType(
    {
        (action, phase, heard): following
        for action in LoanAction
        for (phase, heard), following in _BOTH.items()
    }
    | {
        # A book that was taken back stays taken back: its tag is a task for staff.
        (LoanAction.CHECKIN, Phase.WRITING, Heard.NOT_WRITTEN): Phase.STAFF,
        (LoanAction.CHECKOUT, Phase.WRITING, Heard.NOT_WRITTEN): Phase.UNDOING,
        (LoanAction.CHECKOUT, Phase.UNDOING, Heard.UNDONE): Phase.STAFF,
        (LoanAction.CHECKOUT, Phase.UNDOING, Heard.NOT_UNDONE): Phase.STAFF,
        (LoanAction.CHECKOUT, Phase.UNDOING, Heard.RESTARTED): Phase.STAFF,
    }
)

STEPS: Mapping[Phase, LoanStep | None] = MappingProxyType(
    {
        Phase.ASKING: LoanStep.INTENT,
        Phase.WRITING: LoanStep.GRANTED,
        Phase.UNDOING: None,
        Phase.CLOSED: LoanStep.CLOSED,
        Phase.REFUSED: LoanStep.REFUSED,
        Phase.STAFF: LoanStep.STAFF,
    }
)
"""What is journalled when a phase begins."""


class Loan(Struct, frozen=True):
    """A loan or return under way, as it is remembered on the edge's own disk until it ends."""

    id: str
    action: LoanAction
    item: str
    uids: tuple[str, ...]
    begun: Instant
    phase: Phase = Phase.ASKING
    card: str = ""
    """Needed to settle the loan after a restart; never journalled, forgotten with the end."""
    patron: str = ""
    title: str = ""
    due: str = ""
    secure: bool = True
    """Whether the library system wants the tag's security byte written."""
    reason: str = ""


def loan_id(kiosk: str, item: str, begun: Instant) -> str:
    """Derive an id from what makes a loan one of its kind."""
    return sha256(f"{kiosk}\n{item}\n{begun}".encode()).hexdigest()[:24]


def follow(loan: Loan, heard: Heard, reason: str = "") -> Loan:
    """Give the loan in its next phase; KeyError for what cannot be heard in this one."""
    following = TABLE[loan.action, loan.phase, heard]
    words = "; ".join(filter(None, (loan.reason, reason)))
    return msgspec.structs.replace(loan, phase=following, reason=words)


def record(loan: Loan, kiosk: str, at: Instant) -> LoanChanged | None:
    """Give what is journalled of the loan's present phase; None when nothing is."""
    step = STEPS[loan.phase]
    if step is None:
        return None
    changed = LoanChanged(
        loan=loan.id,
        at=at,
        kiosk=kiosk,
        action=loan.action,
        step=step,
        item=loan.item,
        patron=loan.patron,
        title=loan.title,
        due=loan.due,
        reason=loan.reason,
    )
    return shortened(changed)
