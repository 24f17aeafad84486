"""Terms over steps, restarts and reboots, against what truly passed."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.instants import SECOND
from edge.journal.terms import Term, Terms
from tests.unit.edge.simulated import SimulatedTime

SPANS = st.floats(0, 100_000)


def terms_at(time: SimulatedTime) -> Terms:
    return Terms(time.clock, time.boot)


def remembered(term: Term) -> Term:
    return msgspec.json.decode(msgspec.json.encode(term), type=Term)


@given(SPANS, SPANS, st.floats(-1e9, 1e9))
def test_within_a_boot_only_the_monotonic_clock_counts(
    length: float, passed: float, step: float
) -> None:
    time = SimulatedTime()
    term = remembered(terms_at(time).begin(length))
    begun = time.seconds
    time.seconds += passed
    time.step_wall(step)
    assert terms_at(time).end(term) == pytest.approx(begun + length, abs=1e-3)


@given(SPANS, SPANS, SPANS)
def test_over_a_reboot_it_is_what_was_left_less_the_wall_time_that_passed(
    length: float, up: float, off: float
) -> None:
    time = SimulatedTime()
    term = remembered(terms_at(time).begin(length))
    time.seconds += up
    time.reboot(off)
    left = terms_at(time).end(term) - time.seconds
    assert left == pytest.approx(max(0.0, length - up - off), abs=0.01)


@given(SPANS, st.floats(-1e9, 1e9), st.booleans())
def test_never_less_than_none_and_never_more_than_the_span(
    length: float, wall: float, known: bool
) -> None:
    time = SimulatedTime()
    term = remembered(terms_at(time).begin(length))
    time.reboot(0.0, wall)
    boot = time.boot if known else ""
    left = Terms(time.clock, boot).end(term) - time.seconds
    assert 0.0 <= left <= length + 1e-6


def test_what_0_1_remembered_is_a_term_by_its_wall_clock() -> None:
    time = SimulatedTime()
    terms = terms_at(time)
    begun = time.wall() - 30 * SECOND
    assert terms.end(terms.between(begun, begun + 100 * SECOND)) - time.seconds == 70.0
    assert terms.end(terms.between(begun, begun - 100 * SECOND)) - time.seconds == 0.0
