"""Looks when a broker that was killed takes connections again."""

import asyncio
from collections.abc import Callable

from wenlan.proofs.notes import BrokerBack, Notebook

LOOK = 0.02
"""Seconds between two looks."""


class BrokerWatch:
    """Notes each return of the broker. `pid` gives the id of its process, if there is one."""

    def __init__(self, port: int, pid: Callable[[], int | None], notes: Notebook) -> None:
        self._port = port
        self._pid = pid
        self._notes = notes
        self._gone = asyncio.Event()
        self._killed: int | None = None

    def killed(self, pid: int | None) -> None:
        """Take note that it was killed just now; `pid` was its process."""
        self._killed = pid
        self._gone.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._gone.wait()
            if await self._takes_connections():
                self._notes.write(BrokerBack(self._notes.now()))
                self._gone.clear()
            else:
                await asyncio.sleep(LOOK)

    async def _takes_connections(self) -> bool:
        if self._pid() in (None, self._killed):
            return False
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.close()
        return True
