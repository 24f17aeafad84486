"""What of every journal is in the store, and every hole in it."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from contracts.instants import Instant
from contracts.ranges import Ranges
from contracts.records import JournalThinned
from gateway.storage.sqlite import Store

NOTHING = Ranges()
THINNED = "thinned"


class Gap(NamedTuple):
    """A hole: numbers that are not in the store. `cause` is '' while they are awaited."""

    first: int
    last: int
    noticed: Instant
    since: Instant | None
    until: Instant | None
    cause: str


@dataclass(slots=True)
class Stream:
    """One journal as the store has it."""

    id: int
    name: str
    committed: Ranges = NOTHING
    stored: Ranges = NOTHING
    """The ranges that stand in the table; `committed` runs ahead within a transaction."""
    gaps: dict[int, Gap] = field(default_factory=dict)
    thinned: Ranges = NOTHING
    declared: list[JournalThinned] = field(default_factory=list)
    times: dict[int, Instant] = field(default_factory=dict)
    """Event times of the numbers at the ends of ranges, where known."""
    touched: bool = False

    def take(self, first: int, last: int) -> Ranges:
        """Count numbers as committed; give those that were not yet."""
        fresh = self.committed.missing(first, last)
        if fresh:
            self.committed = self.committed.union(fresh)
        self.touched = True
        return fresh

    def thin(self, declared: JournalThinned) -> None:
        """Note what the journal says it gave up."""
        self.declared.append(declared)
        self.thinned = self.thinned.union(declared.ranges)
        self.touched = True


class Streams:
    """All journals of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._by_id: dict[int, Stream] = {}
        self.by_name: dict[str, Stream] = {}
        ranges: dict[int, list[tuple[int, int]]] = {}
        for stream, first, last in store.rows("committed_ranges"):
            ranges.setdefault(stream, []).append((first, last))
        for identity, name, _ in store.rows("streams"):
            committed = Ranges(ranges.get(identity, ()))
            self._enter(Stream(identity, name, committed, committed))
        for identity, *gap in store.rows("gaps"):
            one = Gap(*gap)
            self._by_id[identity].gaps[one.first] = one
        for identity, body in store.rows("thinned"):
            declared = msgspec.json.decode(body, type=JournalThinned)
            if identity in self._by_id:
                self._by_id[identity].thin(declared)
                self._by_id[identity].touched = False

    def _enter(self, stream: Stream) -> None:
        self._by_id[stream.id] = stream
        self.by_name[stream.name] = stream

    def meet(self, name: str, edge: str, received: Instant) -> Stream:
        """Take up a journal never heard of."""
        row = self._store.one("new_stream", name, edge, received)
        assert row is not None
        stream = Stream(row[0], name)
        self._enter(stream)
        return stream

    def save(self, now: Instant) -> int:
        """Write what changed; give how many numbers left the gap ledger by being filled in."""
        filled = 0
        for stream in self.by_name.values():
            if stream.touched:
                self._save_ranges(stream)
                filled += self._save_gaps(stream, now)
                stream.touched = False
        return filled

    def _save_ranges(self, stream: Stream) -> None:
        before, after = set(stream.stored), set(stream.committed)
        kept = {first for first, _ in after}
        gone = [(stream.id, first) for first, _ in before - after if first not in kept]
        if gone:
            self._store.many("uncommit_range", gone)
        self._store.many("commit_range", [(stream.id, *one) for one in sorted(after - before)])
        stream.stored = stream.committed

    def _save_gaps(self, stream: Stream, now: Instant) -> int:
        last = stream.committed.last
        missing = stream.committed.missing(1, last) if last else NOTHING
        if not missing and not stream.gaps:
            stream.times = {last: stream.times[last]} if last in stream.times else {}
            return 0
        before = stream.gaps
        after = {gap.first: gap for gap in self._gaps(stream, missing, now)}
        closed = [first for first in before if first not in after]
        self._store.many("close_gap", [(stream.id, first) for first in closed])
        opened = [gap for first, gap in after.items() if before.get(first) != gap]
        self._store.many("open_gap", [(stream.id, *gap) for gap in opened])
        stream.gaps = after
        ends = {number for gap in missing for number in (gap.first - 1, gap.last + 1)} | {last}
        stream.times = {one: at for one, at in stream.times.items() if one in ends}
        old = Ranges((gap.first, gap.last) for gap in before.values())
        return sum(
            old.within(first, final).size - missing.within(first, final).size
            for first, final in old
        )

    def _gaps(self, stream: Stream, missing: Ranges, now: Instant) -> Iterable[Gap]:
        parents = sorted(stream.gaps.values())
        begins = [gap.first for gap in parents]
        for first, last in missing:
            given_up = stream.thinned.within(first, last)
            for cause, part in ((THINNED, given_up), ("", given_up.missing(first, last))):
                for one in part:
                    place = bisect_right(begins, one.first) - 1
                    parent = parents[place] if place >= 0 else None
                    if parent is not None and parent.last < one.first:
                        parent = None
                    yield _gap(stream, Gap(*one, now, None, None, cause), parent)


def _gap(stream: Stream, gap: Gap, parent: Gap | None) -> Gap:
    """Fill in what is known of a hole, from its neighbours and from the hole it was part of."""
    since: Instant | None
    until: Instant | None
    if gap.cause == THINNED:
        since, until = next(
            (one.since, one.until)
            for one in stream.declared
            if any(a <= gap.first <= b for a, b in one.ranges)
        )
    else:
        since = stream.times.get(gap.first - 1)
        until = stream.times.get(gap.last + 1)
    if parent is None:
        return gap._replace(since=since, until=until)
    if since is None and parent.first == gap.first:
        since = parent.since
    if until is None and parent.last == gap.last:
        until = parent.until
    return gap._replace(noticed=parent.noticed, since=since, until=until)
