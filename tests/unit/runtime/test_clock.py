"""The machine's clock: what is read from it has the units it says."""

import time

from contracts.instants import SECOND
from runtime.clock import system_clock


def test_the_wall_is_microseconds_in_whole_milliseconds() -> None:
    clock = system_clock()
    before = time.time() * SECOND - 1_000
    at = clock.wall()
    assert before <= at <= time.time() * SECOND
    assert at % 1_000 == 0


def test_intervals_are_seconds_and_never_run_backwards() -> None:
    clock = system_clock()
    begun = clock.monotonic()
    assert 0 <= clock.monotonic() - begun < 5
    assert abs(begun - time.monotonic()) < 5
