"""Ranges against plain sets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.ranges import Ranges

NUMBER = st.integers(-40, 40)
PAIR = st.tuples(NUMBER, st.integers(0, 12)).map(lambda one: (one[0], one[0] + one[1]))
PAIRS = st.lists(PAIR, max_size=8)


def numbers(pairs: list[tuple[int, int]]) -> set[int]:
    return {number for first, last in pairs for number in range(first, last + 1)}


def members(ranges: Ranges) -> set[int]:
    return numbers([(one.first, one.last) for one in ranges])


def assert_normal(ranges: Ranges) -> None:
    """Sorted, disjoint, not touching, none empty."""
    found = list(ranges)
    assert all(one.first <= one.last for one in found)
    assert all(one.last + 1 < after.first for one, after in pairwise(found))


@given(PAIRS)
def test_the_same_numbers_in_normal_form(pairs: list[tuple[int, int]]) -> None:
    ranges = Ranges(pairs)
    assert members(ranges) == numbers(pairs)
    assert_normal(ranges)
    assert ranges.size == len(numbers(pairs))
    assert ranges.last == max(numbers(pairs), default=None)


@given(PAIRS, NUMBER)
def test_contains_is_membership(pairs: list[tuple[int, int]], number: int) -> None:
    assert (number in Ranges(pairs)) == (number in numbers(pairs))


@given(PAIRS, PAIRS)
def test_union_is_union(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    both = Ranges(one).union(Ranges(other))
    assert members(both) == numbers(one) | numbers(other)
    assert_normal(both)
    assert both == Ranges(other).union(one)
    assert hash(both) == hash(Ranges(other).union(one))


@given(PAIRS, PAIR)
def test_within_is_intersection(pairs: list[tuple[int, int]], span: tuple[int, int]) -> None:
    part = Ranges(pairs).within(*span)
    assert members(part) == numbers(pairs) & numbers([span])
    assert_normal(part)


@given(PAIRS, PAIR)
def test_missing_is_difference(pairs: list[tuple[int, int]], span: tuple[int, int]) -> None:
    gaps = Ranges(pairs).missing(*span)
    assert members(gaps) == numbers([span]) - numbers(pairs)
    assert_normal(gaps)
    assert Ranges(pairs).within(*span).union(gaps) == Ranges([span])


@given(PAIRS, PAIR)
def test_covers_is_subset(pairs: list[tuple[int, int]], span: tuple[int, int]) -> None:
    assert Ranges(pairs).covers(*span) == (numbers([span]) <= numbers(pairs))
    assert Ranges(pairs).covers(*span) == (not Ranges(pairs).missing(*span))


@given(PAIRS)
def test_order_of_arrival_does_not_matter(pairs: list[tuple[int, int]]) -> None:
    grown = Ranges()
    for pair in reversed(pairs):
        grown = grown.union([pair])
    assert grown == Ranges(pairs)


def test_an_empty_span_has_no_gaps_and_no_part() -> None:
    ranges = Ranges([(1, 5)])
    assert list(ranges.missing(9, 8)) == []
    assert list(ranges.within(4, 3)) == []


def test_a_backward_range_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it begins"):
        Ranges([(2, 1)])


def test_it_says_what_it_is() -> None:
    assert repr(Ranges([(1, 2), (3, 4), (9, 9)])) == "Ranges([(1, 4), (9, 9)])"
    assert Ranges() != [(1, 2)]
    assert len(Ranges([(1, 2), (4, 4)])) == 2
