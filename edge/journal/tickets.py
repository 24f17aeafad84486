"""Waiting for the journal, with a deadline, before something is begun."""

from edge.journal.port import Journal, Ticket


class UnwrittenError(Exception):
    """The journal did not take it down in time; says why. What was to come was not begun."""


async def written(ticket: Ticket, journal: Journal, within: float) -> None:
    """Return when a kill would lose nothing any more; raise UnwrittenError after `within` seconds.

    With the disk sick, what the gateway has acknowledged is not lost either.
    """
    if not await ticket.durable(within):
        state = journal.state
        why = state.reason or f"the journal is {state.condition}"
        raise UnwrittenError(f"it could not be written down within {within:g} s: {why}")
