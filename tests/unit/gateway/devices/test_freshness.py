"""What is live, late, ahead or UNKNOWN, told as timelines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import SECOND
from gateway.devices.freshness import (
    AHEAD,
    Arrival,
    Freshness,
    Value,
    arrival,
    rules_of,
    step,
)
from gateway.engine.facts import Tick

RULES = rules_of(2 * SECOND)


def play(*facts: tuple[float, str]) -> list[tuple[float, bool]]:
    """Feed (second, `good` or `tick`); return the changes of liveness."""
    state, changes = Freshness(), list[tuple[float, bool]]()
    for second, what in facts:
        at = round(second * SECOND) + 10**15
        fact = Value(at, at) if what == "good" else Tick(at)
        live = state.live
        state = step(state, fact, RULES).state
        if state.live != live:
            changes.append((second, state.live))
    return changes


def test_a_point_is_unknown_until_a_good_value_comes() -> None:
    assert play((0, "tick"), (100, "tick")) == []
    assert play((0, "tick"), (5, "good")) == [(5, True)]


def test_three_missed_polls_and_a_second_make_it_unknown() -> None:
    assert play((0, "good"), (7, "tick"), (7.1, "tick"), (8, "tick"), (9, "good")) == [
        (0, True),
        (7.1, False),
        (9, True),
    ]


def test_the_engine_says_when_to_look_again() -> None:
    at = 10**15
    state, _, wake_at = step(Freshness(), Value(at, at), RULES)
    assert wake_at is not None
    assert step(state, Tick(wake_at - 1), RULES).state.live
    assert not step(state, Tick(wake_at), RULES).state.live


def test_an_old_value_does_not_make_a_point_live() -> None:
    at = 10**15
    assert not step(Freshness(), Value(at, at + 8 * SECOND), RULES).state.live


def test_a_value_from_the_future_is_not_believed() -> None:
    at = 10**15
    early = Value(at + AHEAD + 1, at)
    assert step(Freshness(), early, RULES).state == Freshness()


@pytest.mark.parametrize(
    ("newest", "at", "received", "expected"),
    [
        (0, 100, 100, Arrival.LIVE),
        (90, 100, 110, Arrival.LIVE),
        (100, 100, 100, Arrival.LATE),
        (101, 100, 100, Arrival.LATE),
        (0, 100, 111, Arrival.LATE),
        (0, 106, 100, Arrival.AHEAD),
        (0, 105, 100, Arrival.LIVE),
    ],
)
def test_how_facts_are_sorted(newest: int, at: int, received: int, expected: Arrival) -> None:
    assert arrival(newest * SECOND, at * SECOND, received * SECOND, RULES) is expected


def test_a_slow_logger_may_be_three_periods_late() -> None:
    rules = rules_of(900 * SECOND)
    assert arrival(0, SECOND, 2701 * SECOND, rules) is Arrival.LIVE
    assert arrival(0, SECOND, 2702 * SECOND, rules) is Arrival.LATE


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=30))
def test_live_means_a_good_value_within_the_window(story: list[tuple[int, bool]]) -> None:
    state, good = Freshness(), 0
    for second, is_value in sorted(story):
        at = 10**15 + second * SECOND
        good = at if is_value else good
        state = step(state, Value(at, at) if is_value else Tick(at), RULES).state
        assert state.live == (bool(good) and at - good <= RULES.window)
