"""What else happens in the building today: the strip below the climate wall."""

from typing import Any

from contracts.instants import SECOND
from gateway.alarms import readers as alarm_readers
from gateway.circulation import readers as loan_readers
from gateway.web.api.deliveries import robots_now, robots_of
from gateway.web.api.visits import gate_days
from gateway.web.api.window import calendar_of
from gateway.web.cache import Cache

KEPT = 5 * SECOND
SHOWN = 5
LOAN = ("checkout", "closed")
RETURN = ("checkin", "closed")


class Today:
    """Sums of the library-day, read anew only every few seconds."""

    def __init__(self, cache: Cache) -> None:
        self._board = cache
        self._kept: tuple[int, dict[str, Any]] = (-1, {})

    async def now(self) -> dict[str, Any]:
        """Give the alarms to look at, visits, loans and robots."""
        parts = self._board.parts
        now = parts.now()
        if self._kept[0] != now // KEPT:
            self._kept = (now // KEPT, await self._read(now))
        return self._kept[1]

    async def _read(self, now: int) -> dict[str, Any]:
        parts = self._board.parts
        calendar = calendar_of(parts.site)
        day = calendar.day_of(now)
        gates = await gate_days(self._board, parts.site.gates, [day], KEPT)
        counts = await parts.archive.ask(loan_readers.loan_counts, calendar.begin(day), now + 1)
        known = [row.entries.total for row in gates if row.entries.total is not None]
        shares = [row.entries.coverage for row in gates if row.entries.coverage is not None]

        def loans(wanted: tuple[str, str]) -> int:
            return sum(n for (_, *what), n in counts.items() if tuple(what) == wanted)

        return {
            "alarms": await parts.archive.ask(
                alarm_readers.alarms, alarm_readers.Wanted(limit=SHOWN)
            ),
            "visits": sum(known) if known else None,
            "counted": min(shares, default=None),
            "unknown_gates": len(gates) - len(known),
            "loans": loans(LOAN),
            "returns": loans(RETURN),
            "tasks": len(await parts.archive.ask(loan_readers.staff_tasks)),
            "robots": await robots_now(self._board),
            "named": {device.id: device.name for device in robots_of(parts.site)},
        }
