"""Ranges that grow, held against plain sets of numbers."""

from hypothesis import given
from hypothesis import strategies as st

from contracts.ranges import Range, Ranges
from gateway.ingest.holes import Hole, Holes
from gateway.ingest.number_ranges import NumberRanges

LAST = 60
spans = st.tuples(st.integers(1, LAST), st.integers(0, 9)).map(
    lambda one: Range(one[0], min(LAST, one[0] + one[1]))
)
steps = st.lists(st.tuples(st.booleans(), spans), max_size=30)


def numbers(ranges: NumberRanges) -> set[int]:
    return {n for first, last in ranges for n in range(first, last + 1)}


@given(steps, spans)
def test_a_set_that_grows_and_shrinks_is_a_set(
    story: list[tuple[bool, Range]], look: Range
) -> None:
    ranges, plain, rows = NumberRanges(), set[int](), dict[int, int]()
    for adds, (first, last) in story:
        change = set(range(first, last + 1))
        plain = plain | change if adds else plain - change
        (ranges.add if adds else ranges.remove)(first, last)
        for number in ranges.changed:
            end = ranges.last_of(number)
            if end is None:
                rows.pop(number, None)
            else:
                rows[number] = end
        ranges.changed.clear()
        assert numbers(ranges) == plain
        assert sorted(rows.items()) == list(ranges)
    assert list(Ranges(ranges)) == list(ranges)
    wanted = set(range(look.first, look.last + 1))
    assert {n for a, b in ranges.within(*look) for n in range(a, b + 1)} == plain & wanted
    assert {n for a, b in ranges.missing(*look) for n in range(a, b + 1)} == wanted - plain
    assert ranges.meets(*look) == bool(plain & wanted)
    assert all((n in ranges) == (n in plain) for n in range(LAST + 2))
    assert ranges.last == max(plain, default=0)


def distance(one: Range, to: Range) -> int:
    return max(0, one.first - to.last, to.first - one.last)


@given(steps, spans, spans, st.integers(2, 6), st.booleans())
def test_an_ack_names_the_first_range_and_the_nearest(
    story: list[tuple[bool, Range]], window: Range, to: Range, most: int, with_last: bool
) -> None:
    ranges = NumberRanges()
    for adds, (first, last) in story:
        (ranges.add if adds else ranges.remove)(first, last)
    every = ranges.within(*window)
    given_ = ranges.nearest(window, to, most, with_last=with_last)
    assert given_ == sorted(given_)
    assert set(given_) <= set(every)
    assert len(given_) == min(most, len(every))
    if every:
        assert given_[0] == every[0]
        assert not with_last or given_[-1] == every[-1]
    fixed = {*every[:1], *(every[-1:] if with_last else ())}
    chosen = [distance(one, to) for one in given_ if one not in fixed]
    others = [distance(one, to) for one in every if one not in given_]
    assert max(chosen, default=0) <= min(others, default=LAST)


@given(st.lists(st.tuples(st.booleans(), spans, st.sampled_from(["", "x"])), max_size=30))
def test_holes_that_are_cut_leave_their_sides(story: list[tuple[bool, Range, str]]) -> None:
    changed = set[int]()
    holes, plain, rows = Holes((), changed), dict[int, str](), dict[int, Hole]()
    for puts, (first, last), cause in story:
        if puts:
            free = [n for n in range(first, last + 1) if n not in plain]
            for low, high in Ranges((n, n) for n in free):
                holes.put(Hole(low, high, 0, None, None, cause))
                plain |= dict.fromkeys(range(low, high + 1), cause)
        else:
            pieces = holes.cut(first, last, 7, 8)
            told = {n: one.cause for one in pieces for n in range(one.first, one.last + 1)}
            assert told == {n: plain.pop(n) for n in range(first, last + 1) if n in plain}
        for number in changed:
            if (hole := holes.get(number)) is None:
                rows.pop(number, None)
            else:
                rows[number] = hole
        changed.clear()
        assert {n: h.cause for h in holes for n in range(h.first, h.last + 1)} == plain
        assert [rows[first] for first in sorted(rows)] == list(holes)
        assert holes.last == max(plain, default=0)
        assert holes.meets(first, last) == any(n in plain for n in range(first, last + 1))
