"""Loans and deliveries by the order of their steps, not of their arrival.

A late or repeated step fills in what it knows and moves nothing back; whichever order the steps
come in, the same row results.
"""

from typing import NamedTuple

from contracts.instants import Instant
from contracts.records import (
    DeliveryStep,
    LoanStep,
)
from gateway.storage.ports import Statements

LOAN_RANKS: dict[str, int] = {
    LoanStep.INTENT: 0,
    LoanStep.GRANTED: 1,
    LoanStep.REFUSED: 2,
    LoanStep.STAFF: 2,
    LoanStep.CLOSED: 2,
}

DELIVERY_RANKS: dict[str, int] = {
    DeliveryStep.ASKED: 0,
    DeliveryStep.SENT: 1,
    DeliveryStep.ACCEPTED: 2,
    DeliveryStep.LOADED: 3,
    DeliveryStep.FAILED: 4,
    DeliveryStep.CANCELLED: 4,
    DeliveryStep.DELIVERED: 4,
}


class Progress(NamedTuple):
    """Where something stands. `details` are texts by name; an empty one says nothing."""

    step: str
    begun: Instant
    changed: Instant
    """When the step was taken."""
    details: tuple[str, ...] = ()


def _weight(one: Progress, ranks: dict[str, int]) -> tuple[int, Instant, str]:
    # A step of a later version: nobody knows here how far it is, so every known one moves on.
    return ranks.get(one.step, -1), one.changed, one.step


def merge(stored: Progress | None, news: Progress, ranks: dict[str, int]) -> Progress:
    """Join what is stored with a step that arrived, whichever came first.

    The step of higher rank wins; of two ends the later one.
    """
    if stored is None:
        return news
    strong, weak = (
        (news, stored) if _weight(news, ranks) > _weight(stored, ranks) else (stored, news)
    )
    details = tuple(a or b for a, b in zip(strong.details, weak.details, strict=True))
    return Progress(strong.step, min(strong.begun, weak.begun), strong.changed, details)


def keep_step(
    store: Statements, table: str, key: str, news: Progress, ranks: dict[str, int]
) -> None:
    """Bring the row `key` of `table` up to date; both its statements are named after the table."""
    row = store.one(table, key)
    stored = None if row is None else Progress(row[0], row[1], row[2], tuple(row[3:]))
    now = merge(stored, news, ranks)
    if now != stored:
        store.run(f"keep_{table}", key, now.step, now.begun, now.changed, *now.details)
