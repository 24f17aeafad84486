"""What an edge has taken and not yet written down. Pure: no I/O, no clock.

It waits in a queue for the disk, or, while that is sick, is sent from a stream in memory.
"""

from collections.abc import Callable
from typing import NamedTuple

from contracts.ranges import Ranges
from contracts.records import VolatileEnded
from edge.journal.queue import FOR_EVENTS, MOST_BYTES, Entry, Group, Key, Promise, Queue
from edge.journal.rows import Lost, Stamp, row_of
from edge.journal.volatile import Volatile


class Doubt(NamedTuple):
    """A group that may or may not be on disk, and the last number that it would have there."""

    group: Group
    stream: str
    last: int


class Intake:
    """Takes entries; gives groups for the disk while it is well."""

    def __init__(self, life: str, ids: Callable[[], str], most: int = MOST_BYTES) -> None:
        self._life = life
        self.ids = ids
        self._most = most
        self.queue = Queue()
        self.volatile: Volatile | None = None
        self.sick = False
        """Whether the disk is: what comes stays in memory."""
        self._doubt: Doubt | None = None
        """A group whose commit failed; once it is known not to be there it is written again."""
        self._changes: dict[Key, bytes | None] = {}
        self._owed: list[Promise] = []

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return self.queue.size + (self.volatile.size if self.volatile else 0)

    @property
    def waiting(self) -> bool:
        """Whether there is something for a disk that is well."""
        return bool(self._doubt or len(self.queue) or self._changes or self._owed or self._ending)

    @property
    def pressing(self) -> bool:
        """Whether there is more for the disk than samples that nobody waits for."""
        others = self._doubt or self._changes or self._owed or self._ending
        return self.sick or self.queue.pressing or bool(others)

    def take(self, entry: Entry, stamp: Stamp) -> None:
        """Take what one `append` brought; never more than there is room for."""
        most = self._most * (1 - FOR_EVENTS / MOST_BYTES) if entry.thinnable else self._most
        open_stream = self._open_stream
        if self.size + entry.size > most and open_stream is not None:
            open_stream.thin(stamp)
        if self.size + entry.size > most and entry.rows:
            entry.promise.settle(kept=False)
            (open_stream or self.queue).lose(entry.rows)
            if open_stream is not None:
                self._changes.update(entry.changes)
            elif entry.changes:
                self.queue.put(Entry((), entry.changes))
        elif open_stream is None:
            self.queue.put(entry)
        else:
            self._keep_in_memory(open_stream, entry, stamp)

    def fall(self, stamp: Stamp, doubt: Doubt | None) -> None:
        """Take note that the disk is sick: what waits for it goes to the stream in memory."""
        self.sick = True
        if doubt is not None and not doubt.group.empty:
            self._doubt = doubt
        open_stream = self._open_stream
        if open_stream is None:
            return
        while len(self.queue):
            for one in self.queue.take().entries:
                if isinstance(one, Lost):
                    open_stream.lose_more(one)
                else:
                    self._keep_in_memory(open_stream, one, stamp)

    def judge(self, there: Callable[[Doubt], bool]) -> None:
        """Find out about the group in doubt; one that is there is done."""
        if self._doubt is not None and there(self._doubt):
            self._doubt.group.settle()
            self._doubt = None

    def next_group(self, stamp: Stamp, reason: str) -> Group:
        """Give what is to be written next; one without anything in it shows that a disk is well."""
        if self._doubt is not None:
            return self._doubt.group
        if self.sick:
            return Group()
        group = self.queue.take()
        group.changes = {**self._changes, **group.changes}
        group.entries[:0] = [Entry((), (), promise) for promise in self._owed]
        self._changes, self._owed = {}, []
        if self._ending and self.volatile is not None:
            volatile = self.volatile
            volatile.end(stamp)
            ended = VolatileEnded(stamp.at, volatile.stream, volatile.life, volatile.last, reason)
            if volatile.last:
                group.extra.append(row_of(ended, stamp.segment, urgent=True))
        return group

    def written(self, group: Group) -> None:
        """Take note that a group is on disk: the disk is well."""
        group.settle()
        if self._doubt is not None and group is self._doubt.group:
            self._doubt = None
        self.sick = False
        self._drop_drained()

    def remember_again(self, changes: dict[Key, bytes | None]) -> None:
        """Have everything that is remembered written to a file that lost it."""
        self._changes = {**changes, **self._changes}

    def named(self, stream: str, once: Ranges, twice: Ranges) -> bool:
        """Take note of what the gateway has; say whether the stream is the one in memory."""
        if self.volatile is None or self.volatile.stream != stream:
            return False
        self.volatile.named(once)
        self.volatile.forget(twice)
        self._drop_drained()
        return True

    @property
    def _ending(self) -> bool:
        return not self.sick and self.volatile is not None and not self.volatile.ended

    @property
    def _open_stream(self) -> Volatile | None:
        """The stream in memory, if it takes what comes; a second one waits for the first."""
        if not self.sick:
            return None
        if self.volatile is None:
            self.volatile = Volatile(self.ids(), self._life)
        return None if self.volatile.ended else self.volatile

    def _keep_in_memory(self, stream: Volatile, entry: Entry, stamp: Stamp) -> None:
        self._changes.update(entry.changes)
        if entry.rows:
            stream.take(entry, stamp)
        else:
            self._owed.append(entry.promise)

    def _drop_drained(self) -> None:
        volatile = self.volatile
        if volatile is not None and volatile.ended and not len(volatile.held):
            self.volatile = None
