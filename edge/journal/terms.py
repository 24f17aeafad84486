"""Spans of time that go on over a restart: the one place that resumes them.

Within a process a term runs on the monotonic clock, and a step of the wall clock moves nothing.
After a restart of the process the monotonic clock still counts; after one of the machine it is the
span that was left, less the wall time that passed where the wall clock is believed, never less
than none, never more than the span.
"""

from msgspec import Struct

from contracts.instants import SECOND, Instant
from runtime.clock import Clock


class Term(Struct, frozen=True, gc=False):
    """`left` seconds from the moment that three clocks describe."""

    left: float
    at: Instant
    """By the stamps."""
    boot: str = ""
    monotonic: float = 0.0
    """Seconds of the monotonic clock of that boot."""


class Terms:
    """Begins terms and resumes those that were remembered."""

    def __init__(self, clock: Clock, boot: str) -> None:
        """Take the clock of the stamps, and the kernel's boot id ("": not known)."""
        self._clock = clock
        self._boot = boot

    def begin(self, seconds: float) -> Term:
        """Begin a term now."""
        return Term(seconds, self._clock.wall(), self._boot, self._clock.monotonic())

    def between(self, begun: Instant, until: Instant) -> Term:
        """Make a term of what 0.1 remembered: two readings of the wall clock."""
        return Term(max(0, until - begun) / SECOND, begun)

    def shown_end(self, term: Term) -> Instant:
        """Give when a term ends if no clock is moved, for people to read."""
        return term.at + round(term.left * SECOND)

    def end(self, term: Term) -> float:
        """Give when a term ends, on the monotonic clock."""
        now = self._clock.monotonic()
        if term.boot and term.boot == self._boot and term.monotonic <= now:
            return term.monotonic + term.left
        passed = (self._clock.wall() - term.at) / SECOND
        # A wall clock from before the term began is wrong: nothing is known to have passed.
        return now + max(0.0, term.left - max(0.0, passed))
