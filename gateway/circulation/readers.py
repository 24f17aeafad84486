"""Loans and returns as rows for readers."""

from typing import NamedTuple

from contracts.instants import Instant
from runtime.database import Connection


class Loan(NamedTuple):
    """One item's dealing at a kiosk."""

    id: str
    kiosk: str
    action: str
    step: str
    item: str
    title: str
    due: str
    reason: str
    begun: Instant
    changed: Instant


def loans(store: Connection, since: Instant, until: Instant, limit: int = 500) -> list[Loan]:
    """Give the loans and returns that changed in [since, until), the newest first."""
    rows = store.execute(
        "SELECT id, kiosk, action, step, item, title, due, reason, begun, changed FROM loan"
        " WHERE changed >= ? AND changed < ? ORDER BY changed DESC LIMIT ?",
        (since, until, limit),
    )
    return [Loan(*row) for row in rows]


def staff_tasks(store: Connection, limit: int = 100) -> list[Loan]:
    """Give the loans that somebody must look at, of whatever day."""
    rows = store.execute(
        "SELECT id, kiosk, action, step, item, title, due, reason, begun, changed FROM loan"
        " WHERE step = 'staff' ORDER BY changed DESC LIMIT ?",
        (limit,),
    )
    return [Loan(*row) for row in rows]


def loan_counts(
    store: Connection, since: Instant, until: Instant
) -> dict[tuple[str, str, str], int]:
    """Count loans by kiosk, action and step."""
    rows = store.execute(
        "SELECT kiosk, action, step, count(*) FROM loan WHERE changed >= ? AND changed < ?"
        " GROUP BY 1, 2, 3",
        (since, until),
    )
    return {(kiosk, action, step): count for kiosk, action, step, count in rows}
