"""What goes when there is no room: never a minute's coverage while anything else can go."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import MINUTE, SECOND
from edge.journal.rows import Block
from edge.journal.thinning import Candidate, every_second

AIR, WATER = Block("d", "air", "x"), Block("d", "water", "y")


def at(*seconds: int, block: Block = AIR) -> list[Candidate]:
    return [
        Candidate(place, 1000 * SECOND + second * SECOND, block)
        for place, second in enumerate(seconds)
    ]


def test_gently_every_second_one_goes_and_the_ends_stay() -> None:
    assert every_second(at(*range(0, 60, 10)), gently=True) == {1, 3}
    assert every_second(at(0, 20, 40), gently=True) == {1}
    assert every_second(at(0, 40, 80), gently=True) == set()
    assert every_second(at(0), gently=True) == set()
    assert every_second(at(), gently=True) == set()


def test_when_nothing_else_can_go_every_second_one_does() -> None:
    assert every_second(at(0, 3600, 7200, 10800), gently=False) == {1, 3}


def test_blocks_are_thinned_apart() -> None:
    both = [
        *at(0, 10, 20),
        *(one._replace(place=one.place + 3) for one in at(0, 10, 20, block=WATER)),
    ]
    assert every_second(both, gently=True) == {1, 4}


@given(st.lists(st.integers(0, 2000), max_size=60, unique=True), st.integers(1, 8))
def test_thinned_again_and_again_a_covered_minute_stays_covered(
    seconds: list[int], rounds: int
) -> None:
    rows = at(*seconds)
    before = sorted(one.at for one in rows)
    kept = rows
    for _ in range(rounds):
        gone = every_second(kept, gently=True)
        assert len(gone) * 2 <= len(kept)
        kept = [one for one in kept if one.place not in gone]
    after = sorted(one.at for one in kept)
    assert after[:1] == before[:1]
    assert after[-1:] == before[-1:]
    for one, two in pairwise(after):
        if two - one > MINUTE:
            assert (one, two) in set(pairwise(before)), "a hole that was not there"
