"""Loans and deliveries: whatever order their steps come in, the same row results."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.records import DeliveryStep, LoanStep
from gateway.engine.ranked_steps import (
    DELIVERY_RANKS,
    LOAN_RANKS,
    Progress,
    merge,
)


def join(steps: list[Progress], ranks: dict[str, int]) -> Progress:
    row: Progress | None = None
    for one in steps:
        row = merge(row, one, ranks)
    assert row is not None
    return row


def test_every_step_has_a_rank() -> None:
    assert set(LOAN_RANKS) == set(LoanStep)
    assert set(DELIVERY_RANKS) == set(DeliveryStep)


@pytest.mark.parametrize("end", [LoanStep.CLOSED, LoanStep.REFUSED, LoanStep.STAFF])
def test_a_late_step_never_moves_an_end_back(end: LoanStep) -> None:
    steps = [
        Progress(LoanStep.INTENT, 1, 1, ("title", "")),
        Progress(LoanStep.GRANTED, 2, 2, ("", "due")),
        Progress(end, 3, 3, ("", "")),
    ]
    for order in permutations(steps):
        assert join(list(order), LOAN_RANKS) == Progress(end, 1, 3, ("title", "due"))


def test_a_repeated_step_changes_nothing() -> None:
    row = Progress("loaded", 1, 4, ("x",))
    assert merge(row, Progress("loaded", 4, 4, ("x",)), DELIVERY_RANKS) == row


def test_of_two_ends_the_later_one_counts() -> None:
    staff, closed = Progress("staff", 5, 5), Progress("closed", 9, 9)
    assert join([staff, closed], LOAN_RANKS).step == "closed"
    assert join([closed, staff], LOAN_RANKS).step == "closed"


def test_a_step_of_a_later_version_moves_nothing_back() -> None:
    novel, closed = Progress("renewed", 9, 9), Progress("closed", 5, 5)
    assert join([closed, novel], LOAN_RANKS) == Progress("closed", 5, 5)
    assert join([novel, closed], LOAN_RANKS) == Progress("closed", 5, 5)
    assert join([novel], LOAN_RANKS) == novel


steps = st.builds(
    lambda step, at: Progress(step, at, at),
    st.sampled_from(sorted(DELIVERY_RANKS)),
    st.integers(1, 9),
)


@given(st.lists(steps, min_size=1, max_size=5), st.randoms())
def test_any_order_gives_the_same_row(story: list[Progress], chance: object) -> None:
    shuffled = list(story)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random
    assert join(story, DELIVERY_RANKS) == join(shuffled, DELIVERY_RANKS)
