"""What the building knows of loans, from their events."""

from contracts.records import LoanChanged
from gateway.engine.ranked_steps import (
    LOAN_RANKS,
    Progress,
    keep_step,
)
from gateway.storage.ports import Statements


def project_loan(store: Statements, event: LoanChanged) -> None:
    """Bring the row of a loan up to date."""
    details = (event.kiosk, event.action, event.item, event.title, event.due, event.reason)
    news = Progress(event.step, event.at, event.at, details)
    keep_step(store, "loan", event.loan, news, LOAN_RANKS)
