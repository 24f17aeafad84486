"""How commands ended, from their events."""

from contracts.records import CommandOutcome, OutcomeStatus
from gateway.storage.ports import Statements

WAITING = "sent"
UNKNOWN = "unknown"
_RANKS: dict[str, int] = {WAITING: 0, UNKNOWN: 1, OutcomeStatus.REVERTED: 3}
_ENDED = 2
"""The rank of every other word: one of them is kept, the first that came."""


def project_outcome(store: Statements, event: CommandOutcome) -> bool:
    """Note how a command ended; say whether there is such a command."""
    row = store.one("command", event.command)
    if row is None:
        return False
    if _RANKS.get(event.status, _ENDED) > _RANKS.get(row[0], _ENDED):
        store.run("end_command", event.status, event.reason, event.value, event.at, event.command)
    return True
