"""The alarm life cycle: what was raised is never forgotten without an operator."""

from itertools import product

import pytest

from gateway.alarms.lifecycle import State, Trigger, after, present

ORDINARY = (Trigger.RAISE, Trigger.CLEAR)


def follow(*triggers: Trigger) -> State:
    state = State.NORMAL
    for trigger in triggers:
        state = after(state, trigger) or state
    return state


@pytest.mark.parametrize("story", list(product(ORDINARY, repeat=6)))
def test_only_an_operator_ends_what_was_raised(story: tuple[Trigger, ...]) -> None:
    assert (follow(*story) is State.NORMAL) == (Trigger.RAISE not in story)


@pytest.mark.parametrize("story", list(product((*ORDINARY, Trigger.ACKNOWLEDGE), repeat=5)))
def test_a_condition_that_is_there_always_shows(story: tuple[Trigger, ...]) -> None:
    conditions = [one for one in story if one in ORDINARY]
    there = bool(conditions) and conditions[-1] is Trigger.RAISE
    assert present(follow(*story)) == there


def test_acknowledged_and_gone_needs_nobody() -> None:
    assert follow(Trigger.RAISE, Trigger.ACKNOWLEDGE, Trigger.CLEAR) is State.NORMAL


def test_what_comes_back_must_be_acknowledged_anew() -> None:
    assert follow(Trigger.RAISE, Trigger.CLEAR, Trigger.RAISE) is State.UNACKNOWLEDGED


def test_what_is_found_in_the_past_is_over_and_must_be_acknowledged() -> None:
    assert follow(Trigger.FIND) is State.RETURNED
    assert follow(Trigger.FIND, Trigger.ACKNOWLEDGE) is State.NORMAL


@pytest.mark.parametrize("state", [State.NORMAL, State.ACKNOWLEDGED])
def test_there_is_nothing_to_acknowledge(state: State) -> None:
    assert after(state, Trigger.ACKNOWLEDGE) is None
