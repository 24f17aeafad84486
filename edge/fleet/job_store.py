"""The deliveries of one robot as they stand on disk: each step and its record in one write."""

from collections.abc import Iterable
from math import inf

from msgspec import Struct

from contracts.bounds import shortened
from contracts.instants import Instant
from contracts.records import DeliveryChanged, DeliveryStep, Record
from edge.fleet.jobs import ENDS, Job, advance
from edge.journal.port import Journal, Ticket
from edge.journal.tickets import written
from runtime.clock import Clock

ENDED_KEPT = 500
"""Ended deliveries by which a doubled command or a left-over order is known."""
JOB = "job"
ENDED = "ended"


class Ended(Struct, frozen=True):
    """How the last deliveries of a robot ended, by id, the newest last."""

    steps: dict[str, DeliveryStep]


class JobStore:
    """Reads what was remembered when it is made, and writes every change down."""

    def __init__(self, robot: str, journal: Journal, clock: Clock) -> None:
        self.robot = robot
        self._journal = journal
        self._clock = clock
        self._memory = journal.memory(JOB, Job)
        self._endings = journal.memory(ENDED, Ended)
        self._prefix = f"{robot}/"
        ended = self._endings.values.get(robot)
        self.ended: dict[str, DeliveryStep] = {} if ended is None else dict(ended.steps)
        self.jobs: dict[str, Job] = {}
        self._since: dict[str, float] = {}
        self._tickets: dict[str, Ticket] = {}
        self.take_up()

    def take_up(self) -> None:
        """Take up what was remembered, also when a sick disk gives it up late."""
        for key, job in self._memory.values.items():
            if key.startswith(self._prefix):
                self.jobs.setdefault(key.removeprefix(self._prefix), job)

    @property
    def current(self) -> Job | None:
        """The job the robot was told of, else the one that waits longest."""
        jobs = sorted(self.jobs.values(), key=lambda job: (not job.active, job.place, job.asked))
        return jobs[0] if jobs else None

    @property
    def next_place(self) -> int:
        """Give the place behind all that wait."""
        return max((job.place for job in self.jobs.values()), default=0) + 1

    def knows(self, delivery: str) -> bool:
        """Say whether a delivery was asked for before."""
        return delivery in self.jobs or delivery in self.ended

    def since(self, delivery: str) -> float:
        """Give when it took its last step, on the monotonic clock; -inf: before the start."""
        return self._since.get(delivery, -inf)

    def ask(self, job: Job) -> None:
        """Begin a delivery."""
        self._write(job, (self._change(job, job.asked, DeliveryStep.ASKED),))

    def keep(self, job: Job) -> None:
        """Remember more of a job, without a step."""
        self._write(job, ())

    def step(self, job: Job, goal: DeliveryStep, node: str = "", reason: str = "") -> Job:
        """Bring a job to a step; nothing happens when that does not lie ahead."""
        at = self._clock.wall()
        job, changes = advance(job, goal, self._change(job, at, goal, node, reason))
        if changes:
            self._since[job.delivery] = self._clock.monotonic()
            self._write(job, changes)
        return job

    def withdraw(self, job: Job, reason: str) -> None:
        """End a delivery that could not be written down when it was asked for."""
        self.step(job, DeliveryStep.CANCELLED, reason=reason)

    async def written(self, delivery: str, within: float) -> None:
        """Wait until the last step of a job is durable; raise UnwrittenError."""
        ticket = self._tickets.get(delivery)
        if ticket is not None:
            await written(ticket, self._journal, within)
            self._tickets.pop(delivery, None)

    def end_damaged(self) -> None:
        """End what was remembered in a form that cannot be read: staff must look."""
        for key, reason in list(self._memory.damaged.items()):
            if not key.startswith(self._prefix):
                continue
            delivery = key.removeprefix(self._prefix)
            changed = DeliveryChanged(
                delivery,
                self._clock.wall(),
                self.robot,
                DeliveryStep.FAILED,
                reason=f"what was remembered of it cannot be read ({reason}); ask for it again",
            )
            self._note_end(delivery, DeliveryStep.FAILED)
            changes = [self._memory.drop(key), self._endings.put(self.robot, Ended(self.ended))]
            self._journal.append([shortened(changed)], changes)
        if self.robot in self._endings.damaged:
            self._journal.append([], [self._endings.put(self.robot, Ended(self.ended))])

    def _change(
        self, job: Job, at: Instant, step: DeliveryStep, node: str = "", reason: str = ""
    ) -> DeliveryChanged:
        changed = DeliveryChanged(
            job.delivery,
            at,
            self.robot,
            step,
            item=job.item,
            origin=job.origin,
            destination=job.destination,
            node=node,
            reason=reason,
        )
        return shortened(changed)

    def _write(self, job: Job, changes: Iterable[Record]) -> None:
        key = self._prefix + job.delivery
        if job.step in ENDS:
            self._note_end(job.delivery, job.step)
            remember = [self._memory.drop(key), self._endings.put(self.robot, Ended(self.ended))]
            for kept in (self.jobs, self._since, self._tickets):
                kept.pop(job.delivery, None)
            self._journal.append(list(changes), remember)
        else:
            self.jobs[job.delivery] = job
            records = list(changes)
            ticket = self._journal.append(records, [self._memory.put(key, job)])
            if records:
                self._tickets[job.delivery] = ticket

    def _note_end(self, delivery: str, step: DeliveryStep) -> None:
        ended = {**self.ended, delivery: step}
        self.ended = dict(list(ended.items())[-ENDED_KEPT:])
