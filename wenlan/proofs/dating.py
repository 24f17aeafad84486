"""From the stamps of an edge to the time of this machine, by what was done to the edge's clock."""

from contracts.instants import SECOND, Instant
from wenlan.proofs.notes import NEVER

TURNING = 3 * SECOND
"""An edge looks at its wall clock once a second: so long may it go by the one before."""
EARLY = SECOND // 10
"""A clock is noted just before it is set, or just after."""


class Dating:
    """How far an edge's clock was ahead, from when to when; nothing was said after `end`."""

    def __init__(self, steps: list[tuple[Instant, int]], end: Instant = NEVER) -> None:
        turns = [(0, 0), *sorted(steps)]
        ends = [at + TURNING for at, _ in turns[1:]] + [end]
        self._spans = [
            (at - EARLY, end, ahead) for (at, ahead), end in zip(turns, ends, strict=True)
        ]
        self.stepped = len(turns) > 1

    def real(self, stamp: Instant) -> Instant | None:
        """Give when it was on this machine's clock; None when the edge's clock never said so."""
        found = [
            stamp - ahead for since, until, ahead in self._spans if since <= stamp - ahead <= until
        ]
        # Of two that are possible the later one: what was said last was said of the present.
        return max(found, default=None)
