"""The sequence ledger against plain sets of (stream, life, number), whatever edges say."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.messages import MOST_RANGES, StreamState
from contracts.ranges import Range, Ranges
from gateway.ingest.holes import (
    AWAITED,
    CLOSED,
    GIVEN_UP,
    OPEN_END,
    PRESUMED,
    SETTLED,
    Hole,
)
from gateway.ingest.sequence_ledger import Claim, Identity, SequenceLedger
from gateway.ingest.stream import Ending, Life, Notice, Rows, Stream

LAST = 24
NOTICE = Notice(GIVEN_UP, "why", 5, 6)


LEFT = Notice(CLOSED, "left")


def ledger() -> SequenceLedger:
    return SequenceLedger((), lambda *_: 1)


@dataclass
class Known:
    """One stream, by plain sets."""

    edge: str
    lives: dict[str, int] = field(default_factory=dict)
    high: int = 0
    declared: dict[int, str] = field(default_factory=dict)
    settled_to: int = 0

    def owner(self, number: int) -> str | None:
        begun = [(since, life) for life, since in self.lives.items() if since <= number]
        return max(begun)[1] if begun else None


class Plain:
    """What the ledger must do, said as slowly and plainly as can be."""

    def __init__(self) -> None:
        self.streams: dict[str, Known] = {}
        self.held: set[Identity] = set()

    def stream(self, edge: str, name: str) -> Known | None:
        known = self.streams.setdefault(name, Known(edge))
        return known if known.edge == edge else None

    def owns(self, one: Identity) -> bool:
        return self.streams[one.stream].owner(one.number) == one.life

    def there(self, name: str) -> set[int]:
        return {one.number for one in self.held if one.stream == name and self.owns(one)}

    def enter(self, name: str, life: str, since: int) -> bool:
        known = self.streams[name]
        if life in known.lives:
            return known.lives[life] == since
        behind = min((one for one in known.lives.values() if one > since), default=99)
        taken = any(since <= number < behind for number in self.there(name))
        if since in known.lives.values() or taken:
            return False
        known.lives[life] = since
        self.look(name)
        return True

    def look(self, name: str) -> None:
        known, there = self.streams[name], self.there(name)
        known.high = max(known.high, max(there, default=0))
        known.declared = {n: why for n, why in known.declared.items() if n not in there}

    def take(self, claim: Claim, absent: frozenset[int]) -> tuple[list[int], int]:
        known = self.stream(claim.edge, claim.stream)
        if known is None:
            return [], min(claim.first, claim.since)
        if not claim.size:
            return [], 0
        if not self.enter(claim.stream, claim.life, claim.since):
            return [], min(claim.first, claim.since)
        known.settled_to = max(known.settled_to, min(claim.oldest, claim.first))
        fresh: list[int] = []
        for index in range(claim.size):
            own = Identity(claim.stream, claim.life, claim.first + index)
            if not self.owns(own):
                begun = known.lives[claim.life]
                return fresh, next(n for n in range(begun, 99) if known.owner(n) != claim.life)
            if index not in absent and own not in self.held:
                was = claim.was.get(index, ())
                if not self.held & set(was):
                    fresh.append(own.number)
                self.hold(claim.edge, own, was)
        return fresh, 0

    def hold(self, edge: str, own: Identity, was: Sequence[Identity]) -> None:
        self.held |= {own, *(one for one in was if self.stream(edge, one.stream) is not None)}
        for name in self.streams:
            self.look(name)

    def declare(self, name: str, life: str, first: int, last: int, why: str) -> None:
        known = self.streams[name]
        mine = [n for n in range(first, last + 1) if life not in known.lives or
                known.owner(n) == life]  # fmt: skip
        known.high = max([known.high, *mine])
        for number in mine:
            if number not in self.there(name):
                known.declared.setdefault(number, why)

    def close(self, name: str, life: str, begun: int, held: set[int]) -> None:
        known = self.streams[name]
        entered = self.enter(name, life, begun)
        mine = {n for n in range(1, 99) if n < begun or (entered and known.owner(n) == life)}
        if entered:
            known.high = max([known.high, *(held & mine)])
        for number in sorted(mine - held - self.there(name)):
            if number <= known.high:
                known.declared.setdefault(number, CLOSED)

    def holes(self, name: str) -> dict[int, str]:
        known, there = self.streams[name], self.there(name)
        return {
            n: known.declared.get(n, SETTLED if n < known.settled_to else AWAITED)
            for n in range(1, known.high + 1)
            if n not in there
        }


edges = st.sampled_from(["east", "east", "east", "west"])
names = st.sampled_from(["s", "t"])
lives = st.sampled_from(["", "a", "b"])
numbers = st.integers(1, LAST)
identities = st.builds(Identity, names, lives, numbers)
SINCE = {"": 1, "a": 6, "b": 13}


@st.composite
def claims(draw: st.DrawFn) -> tuple[Claim, frozenset[int]]:
    life = draw(lives)
    # Mostly what an honest edge would say; now and then a life that lies or begins elsewhere.
    since = SINCE[life] if draw(st.integers(0, 5)) else draw(numbers)
    first = draw(st.integers(since, LAST))
    count = draw(st.integers(0, LAST - first + 1))
    was = draw(
        st.dictionaries(
            st.integers(0, max(0, count - 1)), st.lists(identities, min_size=1, max_size=3),
            max_size=3 if count else 0,
        )
    )  # fmt: skip
    absent = draw(st.frozensets(st.integers(0, max(0, count - 1)), max_size=2 if count else 0))
    oldest = draw(st.sampled_from([0, 0, 3, 9, 20]))
    name = draw(names)
    return Claim(draw(edges), name, first, count, life, since, "now", oldest, was), absent


spans = st.tuples(numbers, numbers).map(sorted)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("batch"), claims()),
        st.tuples(st.just("batch"), claims()),
        st.tuples(st.just("give-up"), st.tuples(edges, names, lives, spans)),
        st.tuples(
            st.just("close"), st.tuples(edges, names, lives, numbers, st.lists(spans, max_size=2))
        ),
        st.tuples(st.just("end"), st.tuples(edges, names, numbers)),
    ),
    max_size=14,
)


def play(books: SequenceLedger, plain: Plain, what: str, told: tuple) -> None:  # type: ignore[type-arg]
    match what:
        case "batch":
            claim, absent = told
            taking = books.take(claim, [9] * claim.size, absent, 1)
            fresh = [n for first, last in taking.fresh for n in range(first, last + 1)]
            assert (fresh, taking.refused) == plain.take(claim, absent)
            _check_ack(books, plain, claim)
        case "give-up":
            edge, name, life, (first, last) = told
            mine = plain.stream(edge, name) is not None
            assert books.given_up(edge, Identity(name, life, first), last, NOTICE, 1) == mine
            if mine:
                plain.declare(name, life, first, last, GIVEN_UP)
        case "close":
            edge, name, life, begun, held = told
            mine = plain.stream(edge, name) is not None
            ending = Ending(Life(begun, life), Ranges(held))
            assert books.closed(edge, name, ending, LEFT, 1) == mine
            if mine:
                every = {n for first, last in held for n in range(first, last + 1)}
                plain.close(name, life, begun, every)
        case "end":
            edge, name, last = told
            known = plain.stream(edge, name)
            assert books.volatile_ended(edge, name, last, 1) == (known is not None)
            if known is not None:
                known.high = max(known.high, last)


def _check_ack(books: SequenceLedger, plain: Plain, claim: Claim) -> None:
    told = [n for first, last in books.committed(claim) for n in range(first, last + 1)]
    known = plain.streams[claim.stream]
    speaks = known.edge == claim.edge and known.lives.get(claim.life) == claim.since
    mine = {n for n in plain.there(claim.stream) if known.owner(n) == claim.life}
    assert told == (sorted(mine) if speaks else [])


def check(books: SequenceLedger, plain: Plain) -> None:
    assert set(books.by_name) == set(plain.streams)
    for name, stream in books.by_name.items():
        holes = {n: hole.cause for hole in stream.holes() for n in range(hole.first, hole.last + 1)}
        assert holes == plain.holes(name)
        there = {n for first, last in stream.held for n in range(first, last + 1)}
        assert there == plain.there(name)
    for one in plain.held:
        assert books.by_name[one.stream].has(one.life, one.number)


@settings(max_examples=400)
@given(steps)
def test_whatever_is_said_each_record_counts_once(story: Sequence[tuple[str, tuple]]) -> None:  # type: ignore[type-arg]
    books, plain = ledger(), Plain()
    for what, told in story:
        play(books, plain, what, told)
        check(books, plain)


def send(books: SequenceLedger, first: int, last: int, life: str = "a", **other: object) -> Claim:
    claim = Claim("east", "s", first, last - first + 1, life, **other)  # type: ignore[arg-type]
    books.take(claim, [first + n for n in range(claim.size)], frozenset(), 50)
    return claim


def test_a_batch_costs_the_same_whatever_holes_there_are() -> None:
    held = [(number, number) for number in range(2, 200_002, 2)]
    holes = [Hole(number - 1, number - 1, 1, None, None) for number, _ in held]
    stream = Stream(1, "s", "east", rows=Rows([Life(1, "a")], held, holes))
    books = SequenceLedger([stream], lambda *_: 2)
    for begin in (100_001, 199_998, 300_000):
        stream.held.changed.clear()
        stream.holes_changed.clear()
        claim = send(books, begin, begin + 2, oldest=begin - 50_000)
        assert len(stream.held.changed) + len(stream.holes_changed) <= 12
        ack = books.committed(claim)
        assert len(ack) == MOST_RANGES
        assert ack[0] == (2, 2)
        assert any(first <= begin and begin + 2 <= last for first, last in ack)


def test_an_old_edge_always_hears_the_highest_range() -> None:
    books = ledger()
    for number in range(1, 401, 2):
        claim = send(books, number, number, "")
    assert books.committed(claim)[-1] == (399, 399)
    assert books.committed(claim._replace(first=1))[-1] == (399, 399)
    assert len(books.committed(claim)) == MOST_RANGES


def test_an_ack_names_nothing_of_another_life() -> None:
    books = ledger()
    send(books, 1, 9, "a", since=1)
    newer = send(books, 20, 30, "b", since=20)
    older = send(books, 15, 25, "a", since=1)
    assert books.committed(newer) == (Range(20, 30),)
    assert books.committed(older) == (Range(1, 9), Range(15, 19))


def test_an_old_copy_of_a_journal_is_refused_where_the_lost_one_went_on() -> None:
    books = ledger()
    send(books, 1, 50, "a", since=1)
    back = Claim("east", "s", 31, 20, "b", 31)
    assert books.take(back, [0] * 20, frozenset(), 60).refused == 31
    assert books.committed(back) == ()
    was = {n: [Identity("s", "b", 31 + n)] for n in range(20)}
    again = Claim("east", "new", 1, 20, "b", 1, was=was)
    assert books.take(again, [0] * 20, frozenset(), 61).fresh == (Range(1, 20),)
    other = again._replace(stream="newer")
    assert books.take(other, [0] * 20, frozenset(), 62).doubled == 20


def test_a_thinned_record_that_comes_late_is_known_by_what_it_was() -> None:
    books = ledger()
    send(books, 1, 3, "a", since=1)
    survivor = {0: [Identity("s", "a", 7)], 1: [Identity("s", "gone", 40)]}
    assert books.take(
        Claim("east", "s", 10, 2, "b", 10, was=survivor), [70, 71], frozenset(), 80
    ).fresh == (Range(10, 11),)
    late = Claim("east", "s", 6, 3, "a", 1)
    assert books.take(late, [60, 70, 72], frozenset(), 81).fresh == (Range(6, 6), Range(8, 8))
    gone = Claim("east", "s", 39, 2, "gone", 39)
    assert books.take(gone, [0, 0], frozenset(), 82).fresh == (Range(39, 39),)


def test_a_hole_is_told_with_its_times_and_shrinks() -> None:
    books = ledger()
    send(books, 1, 3)
    send(books, 10, 12)
    (hole,) = books.by_name["s"].holes()
    assert hole[:5] == (4, 9, 50, 3, 10)
    send(books, 6, 7)
    assert [one[:5] for one in books.by_name["s"].holes()] == [(4, 5, 50, 3, 6), (8, 9, 50, 7, 10)]
    books.given_up("east", Identity("s", "a", 4), 8, NOTICE, 51)
    assert [(one.first, one.last, one.cause) for one in books.by_name["s"].holes()] == [
        (4, 5, GIVEN_UP), (8, 8, GIVEN_UP), (9, 9, AWAITED),
    ]  # fmt: skip
    send(books, 4, 9)
    assert books.by_name["s"].holes() == []


def test_a_stream_that_is_named_no_more_has_an_open_end_until_it_speaks() -> None:
    books = ledger()
    send(books, 1, 3, session="one")
    send(books, 6, 6, session="one")
    books.named("east", "one", [], 60)
    assert [one.cause for one in books.by_name["s"].holes()] == [AWAITED]
    books.named("east", "two", ["t"], 61)
    assert [(one.first, one.last, one.cause) for one in books.by_name["s"].holes()] == [
        (4, 5, PRESUMED), (7, 0, OPEN_END),
    ]  # fmt: skip
    send(books, 4, 4, session="two")
    assert [one[:2] for one in books.by_name["s"].holes()] == [(5, 5)]
    books.named("east", "three", ["t"], 62)
    books.volatile_ended("east", "s", 8, 63)
    assert [(one.first, one.last, one.cause) for one in books.by_name["s"].holes()] == [
        (5, 5, PRESUMED), (7, 8, PRESUMED),
    ]  # fmt: skip
    books.named("east", "three", ["s", "t"], 64)
    assert {one.cause for one in books.by_name["s"].holes()} == {AWAITED}


def test_what_an_edge_had_before_it_began_anew_is_drained_when_it_is_here() -> None:
    books = ledger()
    state = StreamState("s", 10, 4)
    assert not books.drained("east", [state])
    send(books, 1, 5)
    send(books, 7, 9)
    assert not books.drained("east", [state])
    assert books.drained("east", [StreamState("s", 10, 7), StreamState("t", 1, 1)])
    send(books, 6, 6)
    assert books.drained("east", [state])
