"""A real journal on a real disk, run as the edge runs it, whose records are read at once."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from contracts.records import Record
from edge.composition import keeping_journal
from edge.journal.journal import Journal
from edge.journal.port import Change, Memory, State, Ticket
from edge.journal.stamps import Stamps
from edge.journal.terms import Terms
from runtime.host import Host
from tests.scenario.acker import site_at

T = TypeVar("T", bound=Struct)
R = TypeVar("R", bound=Record)


class Recorded:
    """A journal, and what it was given in this life."""

    def __init__(self, journal: Journal, stamps: Stamps, host: Host) -> None:
        self.journal = journal
        self.clock = stamps.clock
        self.terms = Terms(self.clock, host.boot)
        self.records: list[Record] = []

    @property
    def state(self) -> State:
        return self.journal.state

    def append(self, records: Sequence[Record], remember: Sequence[Change] = ()) -> Ticket:
        self.records += records
        return self.journal.append(records, remember)

    def memory(self, kind: str, type_: type[T]) -> Memory[T]:
        return self.journal.memory(kind, type_)

    def of(self, kind: type[R]) -> list[R]:
        return [one for one in self.records if isinstance(one, kind)]


@asynccontextmanager
async def recorded(folder: Path, host: Host) -> AsyncIterator[Recorded]:
    """Open the journal of a folder, and let it work."""
    edge = site_at(1883).edges[0]
    stamps = Stamps(host.clock, host.secret(8).hex(), edge.id, host.boot)
    async with keeping_journal(edge, folder, host, stamps, frozenset()) as journal:
        working = asyncio.create_task(journal.run(), name="journal")
        try:
            yield Recorded(journal, stamps, host)
        finally:
            working.cancel()
            await asyncio.wait([working])
