"""Readers come and go: how many, when, and through which gate. Pure, with a seed."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from random import Random

OPENS, CLOSES = 9, 21
"""Hours of the day."""
SHARES = (0.10, 0.13, 0.09, 0.05, 0.09, 0.12, 0.12, 0.09, 0.06, 0.08, 0.05, 0.02)
"""Of a day's visits, in each hour from opening."""
STAY = 95 * 60.0
"""Seconds that a visit lasts on average."""
BETWEEN_PERSONS = 1.1
"""Real seconds between two persons in one direction of one gate: below two a second in any span."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One direction of one gate, as the counter sees it."""

    gate: str
    device: str
    channel: int


@dataclass(slots=True)
class _Queue:
    lane: Lane
    waiting: deque[str] = field(default_factory=deque)
    free_in: float = 0.0


def expected(local: datetime, visits_per_day: float) -> float:
    """Give arrivals per second at a moment in local time."""
    if not OPENS <= local.hour < CLOSES:
        return 0.0
    weekend = 1.3 if local.weekday() >= 5 else 1.0
    return visits_per_day * weekend * SHARES[local.hour - OPENS] / 3600


class People:
    """Everybody in the building. `on_arrival` are told the name of who has just come in."""

    def __init__(
        self,
        entries: Sequence[Lane],
        exits: Sequence[Lane],
        random: Random,
        visits_per_day: float = 500.0,
    ) -> None:
        self._entries = [_Queue(lane) for lane in entries]
        self._exits = [_Queue(lane) for lane in exits]
        self._random = random
        self._visits_per_day = visits_per_day
        self._leaving: list[tuple[float, str]] = []
        self._names = count(1)
        self._world = 0.0
        self.inside = 0
        self.on_arrival: list[Callable[[str], None]] = []

    def step(self, local: datetime, world: float, real: float) -> list[Lane]:
        """Let `world` seconds of the world and `real` seconds of the clock pass.

        Gives the lanes in which a person passed.
        """
        self._world += world
        if self._entries:
            for _ in range(self._arrivals(expected(local, self._visits_per_day) * world)):
                queue = self._random.choice(self._entries)
                queue.waiting.append(f"reader-{next(self._names)}")
        closed = not OPENS <= local.hour < CLOSES
        while self._leaving and self._exits and (closed or self._leaving[0][0] <= self._world):
            _, name = heappop(self._leaving)
            self._random.choice(self._exits).waiting.append(name)
        passed = [queue.lane for queue in self._entries if self._pass(queue, real, self._come_in)]
        return passed + [
            queue.lane for queue in self._exits if self._pass(queue, real, self._go_out)
        ]

    def _arrivals(self, mean: float) -> int:
        """Draw from a Poisson distribution: unit-rate waiting times until `mean` is used up."""
        arrivals, used = 0, self._random.expovariate(1)
        while used < mean:
            arrivals += 1
            used += self._random.expovariate(1)
        return arrivals

    def _pass(self, queue: _Queue, real: float, passed: Callable[[str], None]) -> bool:
        queue.free_in -= real
        if queue.free_in > 0 or not queue.waiting:
            return False
        queue.free_in = BETWEEN_PERSONS
        passed(queue.waiting.popleft())
        return True

    def _come_in(self, name: str) -> None:
        self.inside += 1
        stay = self._random.expovariate(1 / STAY)
        heappush(self._leaving, (self._world + stay, name))
        for hook in self.on_arrival:
            hook(name)

    def _go_out(self, _name: str) -> None:
        self.inside -= 1
