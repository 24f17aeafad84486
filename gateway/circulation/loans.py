"""What the building knows of loans, from their events."""

from contracts.records import LoanChanged
from gateway.engine.ranked_steps import (
    LOAN_RANKS,
    Progress,
    keep_step,
)
from gateway.storage.sqlite import Store


def project_loan(store: Store, event: LoanChanged) -> None:
    """Bring the row of a loan up to date."""
    details = (event.kiosk, event.action.value, event.item, event.title, event.due, event.reason)
    news = Progress(event.step.value, event.at, event.at, details)
    keep_step(store, "loan", event.loan, news, LOAN_RANKS)
