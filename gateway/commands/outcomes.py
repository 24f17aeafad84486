"""How commands ended, from their events."""

from contracts.records import CommandOutcome
from gateway.engine.ranked_steps import (
    COMMAND_RANKS,
    Progress,
    merge,
)
from gateway.storage.sqlite import Store


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
