"""The life of a delivery as a table, and the job that is remembered while it lasts."""

from collections import deque

from msgspec import Struct
from msgspec.structs import replace

from contracts.instants import Instant
from contracts.records import DeliveryChanged, DeliveryStep
from drivers.protocols.vda5050 import Errand, Order
from edge.journal.terms import Term

FOLLOWING: dict[DeliveryStep, tuple[DeliveryStep, ...]] = {
    DeliveryStep.ASKED: (DeliveryStep.SENT, DeliveryStep.FAILED, DeliveryStep.CANCELLED),
    DeliveryStep.SENT: (DeliveryStep.ACCEPTED, DeliveryStep.FAILED, DeliveryStep.CANCELLED),
    DeliveryStep.ACCEPTED: (DeliveryStep.LOADED, DeliveryStep.FAILED, DeliveryStep.CANCELLED),
    DeliveryStep.LOADED: (DeliveryStep.DELIVERED, DeliveryStep.FAILED, DeliveryStep.CANCELLED),
    DeliveryStep.DELIVERED: (),
    DeliveryStep.FAILED: (),
    DeliveryStep.CANCELLED: (),
}
ENDS = frozenset(step for step, following in FOLLOWING.items() if not following)


class Job(Struct, frozen=True):
    """A delivery under way. It is written down with every step, and forgotten with the last."""

    delivery: str
    item: str
    origin: str
    destination: str
    asked: Instant
    by: str = ""
    step: DeliveryStep = DeliveryStep.ASKED
    since: Instant = 0
    """When it took this step."""
    order: Order | None = None
    """As sent: the same order goes out again until the robot's state echoes it."""
    started: bool = False
    """The robot was seen to handle the item: it must not be told a second time."""
    stopping: str = ""
    """Who asked to cancel it."""
    place: int = 0
    """Among those that were asked for: the lowest is next."""
    wait: Term | None = None
    """How long it may wait for its robot; of 0.1, None."""

    @property
    def active(self) -> bool:
        """Whether the robot was told of it."""
        return self.step is not DeliveryStep.ASKED

    @property
    def errand(self) -> Errand:
        """What to carry from where to where."""
        return Errand(self.delivery, self.item, self.origin, self.destination)


def way(step: DeliveryStep, goal: DeliveryStep) -> tuple[DeliveryStep, ...]:
    """Give the shortest way through the table, without `step`; empty when there is none."""
    ahead: deque[tuple[DeliveryStep, ...]] = deque([(step,)])
    while ahead:
        path = ahead.popleft()
        if path[-1] is goal:
            return path[1:]
        ahead.extend((*path, following) for following in FOLLOWING[path[-1]])
    return ()


def advance(
    job: Job, goal: DeliveryStep, change: DeliveryChanged
) -> tuple[Job, tuple[DeliveryChanged, ...]]:
    """Bring a job to a step; give it with one record for each step on the way.

    A robot may take several steps between two states. `change` is the record of the last one; its
    reason belongs to that one alone. Nothing happens when the goal does not lie ahead.
    """
    steps = way(job.step, goal)
    if not steps:
        return job, ()
    passed = tuple(replace(change, step=step, reason="") for step in steps[:-1])
    return replace(job, step=goal, since=change.at), (*passed, replace(change, step=goal))
