"""The sequence ledger: what of every stream is in the store, and every hole in it. Pure.

Exactly-once hangs on (stream, life, number). A stream belongs to one edge. Rows are changed, never
rebuilt: a batch costs the same whatever holes there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.instants import Instant
from contracts.messages import MOST_RANGES, StreamState
from contracts.ranges import Range, Ranges
from gateway.ingest.stream import Ending, Notice, Stream


class Identity(NamedTuple):
    """What a record is, or was."""

    stream: str
    life: str
    number: int


class Claim(NamedTuple):
    """What a batch says of its records before anything is looked at in them."""

    edge: str
    stream: str
    first: int
    size: int
    life: str = ""
    since: int = 1
    session: str = ""
    oldest: int = 0
    was: Mapping[int, Sequence[Identity]] = {}
    """By the index of a record: all that it was before."""

    @property
    def last(self) -> int:
        """The last number of the batch; before `first` when it is empty."""
        return self.first + self.size - 1


class Taking(NamedTuple):
    """What of a batch is new."""

    fresh: tuple[Range, ...] = ()
    """Numbers of records to be stored."""
    doubled: int = 0
    refused: int = 0
    """From this number on the life does not own what it sent; 0: nothing is refused."""
    foreign: bool = False
    """Whether the stream belongs to another edge."""


class SequenceLedger:
    """All streams of one store. `born` keeps a new stream and gives its id."""

    def __init__(self, streams: Iterable[Stream], born: Callable[[str, str, Instant], int]) -> None:
        self._born = born
        self.by_name = {stream.name: stream for stream in streams}
        self.touched: dict[str, Stream] = {}
        """Streams that changed since this was last emptied."""
        self._named: dict[str, set[str]] = {}
        """By edge: the streams that its presence may still name."""
        for stream in self.by_name.values():
            if not stream.state.unnamed:
                self._named.setdefault(stream.edge, set()).add(stream.name)

    def owner(self, name: str) -> str:
        """Give the edge that a stream belongs to; empty when it was never met."""
        stream = self.by_name.get(name)
        return stream.edge if stream is not None else ""

    def take(
        self, claim: Claim, times: Sequence[Instant], absent: frozenset[int], now: Instant
    ) -> Taking:
        """Take note of a batch, and say which of its records are to be stored.

        `times` has the instant of each record, 0 where there is none; `absent` the indexes of
        those that cannot be taken yet.
        """
        stream = self._of(claim.edge, claim.stream, now)
        if stream is None:
            return Taking(refused=min(claim.first, claim.since), foreign=True)
        self._heard(stream, claim.session)
        if not claim.size:
            return Taking()
        owned = stream.enter(claim.life, claim.since, now)
        if owned is None:
            return Taking(refused=min(claim.first, claim.since))
        stream.settle(min(claim.oldest, claim.first))
        last = min(claim.last, owned.last)
        fresh: list[tuple[int, int]] = []
        begin = claim.first
        for number in (*(claim.first + index for index in sorted(absent)), last + 1):
            end = min(number, last + 1) - 1
            if begin <= end:
                fresh += self._take_run(stream, claim, Range(begin, end), times, now)
            begin = number + 1
        taken = max(0, last - claim.first + 1) - sum(claim.first + one <= last for one in absent)
        new = Ranges(fresh)
        return Taking(
            tuple(new), taken - new.size, owned.last + 1 if claim.last > owned.last else 0
        )

    def _take_run(
        self, stream: Stream, claim: Claim, run: Range, times: Sequence[Instant], now: Instant
    ) -> list[Range]:
        fresh: list[Range] = []
        begin = run.first
        for index in sorted(claim.was):
            number = claim.first + index
            if run.first <= number <= run.last and number not in stream.held:
                fresh += self._hold(stream, claim, begin, number - 1, times, now)
                known = self._enter_all(claim.edge, claim.was[index], times[index] or None, now)
                if known:
                    stream.hold_as(claim.life, number, times[index] or None, now)
                else:
                    self._hold(stream, claim, number, number, times, now)
                    fresh.append(Range(number, number))
                begin = number + 1
        return fresh + self._hold(stream, claim, begin, run.last, times, now)

    @staticmethod
    def _hold(
        stream: Stream, claim: Claim, first: int, last: int, times: Sequence[Instant], now: Instant
    ) -> list[Range]:
        if first > last:
            return []
        new = stream.held.missing(first, last)
        for low, high in new:
            begin, end = times[low - claim.first] or None, times[high - claim.first] or None
            stream.hold(low, high, begin, end, now)
        return new

    def _enter_all(
        self, edge: str, was: Sequence[Identity], at: Instant | None, now: Instant
    ) -> bool:
        """Hold all that a record was; say whether the store had it under any of them.

        Nobody fills another edge's stream; but a record that is there is there.
        """
        known = any(
            one.stream in self.by_name and self.by_name[one.stream].has(one.life, one.number)
            for one in was
        )
        for one in was:
            stream = self._of(edge, one.stream, now)
            if stream is not None:
                self._touch(stream)
                stream.hold_as(one.life, one.number, at, now)
        return known

    def given_up(self, edge: str, what: Identity, last: int, notice: Notice, now: Instant) -> bool:
        """Take note that numbers from `what` to `last` will not come; False: another's stream."""
        stream = self._of(edge, what.stream, now)
        if stream is not None:
            self._touch(stream)
            stream.give_up(what.life, what.number, last, notice, now)
        return stream is not None

    def closed(self, edge: str, name: str, ending: Ending, notice: Notice, now: Instant) -> bool:
        """Take note that an edge left a stream; False: it is another's."""
        stream = self._of(edge, name, now)
        if stream is not None:
            self._touch(stream)
            stream.close(ending, notice, now)
        return stream is not None

    def volatile_ended(self, edge: str, name: str, last: int, now: Instant) -> bool:
        """Take note how a stream in memory ended; False: it is another's."""
        stream = self._of(edge, name, now)
        if stream is not None:
            self._touch(stream)
            stream.reach(last, now)
            stream.state = stream.state._replace(ended=True)
        return stream is not None

    def named(self, edge: str, session: str, streams: Iterable[str], now: Instant) -> None:
        """Take note of the streams that an edge's presence names.

        Of those of an earlier session that it does not name nothing is awaited any more. That is
        only presumed: the presence of another broker may be old.
        """
        names = set(streams)
        known = self._named.setdefault(edge, set())
        for name in sorted(known - names):
            stream = self.by_name[name]
            if not session or stream.state.session != session:
                known.discard(name)
                self._touch(stream)
                stream.state = stream.state._replace(unnamed=now)
        for name in sorted(names - known):
            named = self.by_name.get(name)
            if named is not None and named.edge == edge:
                self._heard(named, named.state.session)

    def drained(self, edge: str, streams: Iterable[StreamState]) -> bool:
        """Say whether all is here that the edge's journals held when it said so."""
        return not any(
            (stream := self.by_name.get(one.stream)) is None
            or (stream.edge == edge and stream.lacks(one.oldest, one.next - 1))
            for one in streams
            if one.oldest < one.next
        )

    def committed(self, claim: Claim) -> tuple[Range, ...]:
        """Give the ranges that an ack of this batch names: of its life, and of no other."""
        stream = self.by_name.get(claim.stream)
        owned = stream.owned(claim.life) if stream and stream.edge == claim.edge else None
        if stream is None or owned is None or owned.first != claim.since:
            return ()
        # 0.1 finds out by the highest range that its journal is an old copy.
        to = Range(claim.first, max(claim.first, claim.last))
        return tuple(stream.held.nearest(owned, to, MOST_RANGES, with_last=not claim.life))

    def _of(self, edge: str, name: str, now: Instant) -> Stream | None:
        """Give a stream, taken up where it is new; None when it is another edge's."""
        stream = self.by_name.get(name)
        if stream is None:
            stream = Stream(self._born(name, edge, now), name, edge)
            self.by_name[name] = stream
            self._named.setdefault(edge, set()).add(name)
        return stream if stream.edge == edge else None

    def _heard(self, stream: Stream, session: str) -> None:
        self._touch(stream)
        self._named.setdefault(stream.edge, set()).add(stream.name)
        stream.state = stream.state._replace(session=session, unnamed=0)

    def _touch(self, stream: Stream) -> None:
        self.touched[stream.name] = stream
