"""Bringing a running library to rest, so that its books can be compared."""

import asyncio
from contextlib import closing

from runtime.database import connect, rows
from wenlan.example.library import Library
from wenlan.example.orders import send
from wenlan.example.processes import Supervisor, until
from wenlan.proofs.numbers import committed, journals

LAST_READERS = 60.0
"""Seconds for the readers at the kiosk and the robot under way to finish."""
DRAIN = 60.0
"""Seconds for the gateway to take what the journals still hold."""
LAST_OUTCOME = 75.0
"""Seconds after which the last command has an outcome, or nobody can tell how it ended."""


async def settle(library: Library, supervisor: Supervisor) -> None:
    """Let the readers finish, end the edges, and wait until the gateway has everything.

    Raises TimeoutError that names what did not come to rest.
    """
    await send(library.control_port, {"do": "quiet"})

    async def nobody_is_busy() -> bool:
        state = await send(library.control_port, {"do": "state"})
        return not state["busy"]

    async def every_command_ended() -> bool:
        return await asyncio.to_thread(_every_command_ended, library)

    await until(nobody_is_busy, LAST_READERS, "the last readers and the robot have finished")
    await until(every_command_ended, LAST_OUTCOME, "every command has an outcome")
    # What the last of them did must still be polled and journalled.
    await asyncio.sleep(3.0)
    for edge in library.edges():
        await supervisor.end(edge.name)

    async def everything_is_stored() -> bool:
        return await asyncio.to_thread(_everything_is_stored, library)

    await until(everything_is_stored, DRAIN, "the gateway has everything the journals held")
    await supervisor.end_all()


def _every_command_ended(library: Library) -> bool:
    with closing(connect(library.data / "store.sqlite3", read_only=True)) as store:
        return not rows(store, "SELECT 1 FROM command WHERE status = 'sent' LIMIT 1")


def _everything_is_stored(library: Library) -> bool:
    with closing(connect(library.data / "store.sqlite3", read_only=True)) as store:
        return not any(
            len(stored.missing(*one))
            for journal in journals(library.data)
            for stored in [committed(store, journal.stream)]
            for one in journal.held
        )
