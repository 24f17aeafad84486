"""What waits in memory for the disk: entries in order, tickets, and a bound.

An entry is what one `append` took; it is written as a whole or not at all.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from edge.journal.rows import OVERHEAD, Lost, Row

MOST_BYTES = 64 * 2**20
"""What waits in memory, whether for the disk or for the gateway."""
FOR_EVENTS = MOST_BYTES // 8
"""Of it, samples leave so much free."""
LARGEST_GROUP = 4 * 2**20


class Promise:
    """The ticket of one `append`; see `edge.journal.port.Ticket`."""

    __slots__ = ("_asked", "_done", "kept")

    def __init__(self, asked: Callable[[], None] = lambda: None) -> None:
        """`asked` is called when somebody begins to wait for it."""
        self._asked = asked
        self._done = asyncio.Event()
        self.kept = False

    def settle(self, *, kept: bool) -> None:
        """Say how it ended; what is said first counts."""
        if not self._done.is_set():
            self.kept = kept
            self._done.set()

    async def durable(self, within: float) -> bool:
        """Wait at most `within` seconds; True as soon as a kill at this instant loses nothing."""
        if not self._done.is_set() and within > 0:
            self._asked()
            try:
                async with asyncio.timeout(within):
                    await self._done.wait()
            except TimeoutError:
                return False
        return self.kept


Key = tuple[str, str]
"""Of something remembered: its kind, and its key."""


@dataclass(slots=True, eq=False)
class Entry:
    """What one `append` took."""

    rows: tuple[Row, ...]
    changes: tuple[tuple[Key, bytes | None], ...] = ()
    promise: Promise = field(default_factory=Promise)
    size: int = field(init=False)
    """Bytes in memory, about."""

    def __post_init__(self) -> None:
        remembered = sum(OVERHEAD + len(value or b"") for _, value in self.changes)
        self.size = size_of(self.rows) + remembered

    @property
    def thinnable(self) -> bool:
        """Whether it holds nothing but samples that may be given up."""
        return not self.changes and all(row.thinnable for row in self.rows)

    @property
    def pressing(self) -> bool:
        """Whether it holds anything but samples."""
        return bool(self.changes) or any(row.block is None for row in self.rows)


def size_of(rows: Sequence[Row]) -> int:
    """Give the bytes that rows take in memory, about."""
    return sum(OVERHEAD + len(row.body) for row in rows)


@dataclass(slots=True)
class Group:
    """What is written in one transaction."""

    entries: list[Entry | Lost] = field(default_factory=list)
    extra: list[Row] = field(default_factory=list)
    """Notices of the journal itself; they come first."""
    changes: dict[Key, bytes | None] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not (self.entries or self.extra or self.changes)

    @property
    def rows(self) -> list[Row | Lost]:
        """What gets numbers, in order."""
        found: list[Row | Lost] = list(self.extra)
        for one in self.entries:
            if isinstance(one, Lost):
                found.append(one)
            else:
                found += one.rows
        return found

    def settle(self) -> None:
        """Keep the promises: all of it is on disk."""
        for one in self.entries:
            if isinstance(one, Entry):
                one.promise.settle(kept=True)


class Queue:
    """Entries in the order in which they came."""

    def __init__(self) -> None:
        self._entries: deque[Entry | Lost] = deque()
        self.size = 0
        self.pressing = False
        """Whether there is more in it than samples that nobody waits for."""

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry) -> None:
        """Take an entry."""
        self.pressing = self.pressing or entry.pressing
        self._entries.append(entry)
        self.size += entry.size

    def lose(self, rows: Sequence[Row]) -> None:
        """Take note that there was no room for rows."""
        lost = lost_of(rows)
        if self._entries and isinstance(before := self._entries[-1], Lost):
            self._entries[-1] = joined(before, lost)
        else:
            self._entries.append(lost)

    def take(self) -> Group:
        """Give the next group, in the order in which it came."""
        group, size = Group(), 0
        while self._entries and size < LARGEST_GROUP:
            one = self._entries.popleft()
            group.entries.append(one)
            if isinstance(one, Entry):
                size += one.size
                self.size -= one.size
                group.changes.update(one.changes)
        self.pressing = self.pressing and bool(self._entries)
        return group


def lost_of(rows: Sequence[Row]) -> Lost:
    """Sum up rows that are lost, at least one."""
    moments = [row.at for row in rows]
    return Lost(len(rows), min(moments), max(moments))


def joined(one: Lost, other: Lost) -> Lost:
    """Make one of two losses that follow each other."""
    return Lost(one.total + other.total, min(one.since, other.since), max(one.until, other.until))
