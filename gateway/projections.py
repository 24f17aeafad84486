"""What the building knows of loans, deliveries, robots and commands, from their events."""

from contracts.codec import encode
from contracts.records import CommandOutcome, DeliveryChanged, LoanChanged, RobotChanged
from gateway.engine.ranked_steps import (
    COMMAND_RANKS,
    DELIVERY_RANKS,
    LOAN_RANKS,
    Progress,
    merge,
)
from gateway.storage.sqlite import Store


def project_loan(store: Store, event: LoanChanged) -> None:
    """Bring the row of a loan up to date."""
    details = (event.kiosk, event.action.value, event.item, event.title, event.due, event.reason)
    news = Progress(event.step.value, event.at, event.at, details)
    _keep(store, "loan", event.loan, news, LOAN_RANKS)


def project_delivery(store: Store, event: DeliveryChanged) -> None:
    """Bring the row of a delivery up to date."""
    details = (
        event.robot, event.item, event.origin, event.destination, event.node, event.reason,
    )  # fmt: skip
    news = Progress(event.step.value, event.at, event.at, details)
    _keep(store, "delivery", event.delivery, news, DELIVERY_RANKS)


def _keep(store: Store, table: str, key: str, news: Progress, ranks: dict[str, int]) -> None:
    row = store.one(table, key)
    stored = None if row is None else Progress(row[0], row[1], row[2], tuple(row[3:]))
    now = merge(stored, news, ranks)
    if now != stored:
        store.run(f"keep_{table}", key, now.step, now.begun, now.changed, *now.details)


def project_robot(store: Store, event: RobotChanged) -> None:
    """Keep what a robot last said of itself."""
    store.run("keep_robot", event.robot, event.at, encode(event))


def project_outcome(store: Store, event: CommandOutcome) -> None:
    """Note how a command ended; one that another gateway sent is only an event."""
    row = store.one("command", event.command)
    if row is None:
        return
    status, issued, ended = row
    stored = Progress(status, issued, ended)
    news = Progress(event.status.value, issued, event.at)
    merged = merge(stored, news, COMMAND_RANKS)
    if merged.step == news.step and merged.changed == news.changed and merged != stored:
        store.run("end_command", news.step, event.reason, event.value, event.at, event.command)
