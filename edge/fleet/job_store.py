"""The deliveries of one robot as they stand on disk: each step and its record in one write."""

from collections.abc import Iterable, Mapping

import msgspec

from contracts.instants import Instant
from contracts.records import DeliveryChanged, DeliveryStep, Record
from edge.fleet.jobs import ENDS, Job, advance, read_back, write_down
from edge.journal.port import Diary

ENDED_KEPT = 500
"""Ended deliveries by which a doubled command or a left-over order is known."""

_endings = msgspec.json.Decoder(dict[str, DeliveryStep])


class Book:
    """Reads what was remembered when it is made, and writes every change down before it counts."""

    def __init__(self, robot: str, diary: Diary) -> None:
        self.robot = robot
        self.jobs: dict[str, Job] = {}
        self.ended: dict[str, DeliveryStep] = {}
        self._diary = diary
        self._spoilt: dict[str, str] = {}
        self._jobs_key = f"fleet/{robot}/job/"
        self._ended_key = f"fleet/{robot}/ended"
        for key, value in diary.recall(self._jobs_key).items():
            delivery = key.removeprefix(self._jobs_key)
            try:
                self.jobs[delivery] = read_back(value)
            except msgspec.MsgspecError as error:
                self._spoilt[delivery] = str(error)
        for key, value in diary.recall(self._ended_key).items():
            if key == self._ended_key:
                self._read_ended(value)

    def _read_ended(self, value: bytes) -> None:
        try:
            self.ended = _endings.decode(value)
        except msgspec.MsgspecError as error:
            self._spoilt[""] = str(error)

    @property
    def current(self) -> Job | None:
        """The job the robot was told of, else the one that waits longest."""
        jobs = sorted(self.jobs.values(), key=lambda job: (not job.active, job.asked))
        return jobs[0] if jobs else None

    def knows(self, delivery: str) -> bool:
        """Say whether a delivery was asked for before."""
        return delivery in self.jobs or delivery in self.ended

    async def ask(self, job: Job) -> None:
        """Begin a delivery."""
        await self._write(job, (self._change(job, job.asked, DeliveryStep.ASKED),))

    async def keep(self, job: Job) -> None:
        """Remember more of a job, without a step."""
        await self._write(job, ())

    async def step(
        self, job: Job, goal: DeliveryStep, at: Instant, node: str = "", reason: str = ""
    ) -> Job:
        """Bring a job to a step; nothing happens when that does not lie ahead."""
        job, changes = advance(job, goal, self._change(job, at, goal, node, reason))
        if changes:
            await self._write(job, changes)
        return job

    async def end_spoilt(self, at: Instant) -> None:
        """End what was remembered in a form that cannot be read: staff must look."""
        for delivery, reason in list(self._spoilt.items()):
            change = DeliveryChanged(
                delivery,
                at,
                self.robot,
                DeliveryStep.FAILED,
                reason=f"what was remembered of it cannot be read ({reason}); ask for it again",
            )
            ended = self._with_end(delivery, DeliveryStep.FAILED)
            remember = {self._jobs_key + delivery: None, self._ended_key: _encode(ended)}
            await self._diary.append([change] if delivery else [], remember)
            self.ended = ended
            del self._spoilt[delivery]

    def _change(
        self, job: Job, at: Instant, step: DeliveryStep, node: str = "", reason: str = ""
    ) -> DeliveryChanged:
        return DeliveryChanged(
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

    async def _write(self, job: Job, changes: Iterable[Record]) -> None:
        key = self._jobs_key + job.delivery
        remember: dict[str, bytes | None] = {key: write_down(job)}
        ended = self.ended
        if job.step in ENDS:
            ended = self._with_end(job.delivery, job.step)
            remember = {key: None, self._ended_key: _encode(ended)}
        await self._diary.append(list(changes), remember)
        self.ended = ended
        if job.step in ENDS:
            self.jobs.pop(job.delivery, None)
        else:
            self.jobs[job.delivery] = job

    def _with_end(self, delivery: str, step: DeliveryStep) -> dict[str, DeliveryStep]:
        ended = {**self.ended, delivery: step}
        return dict(list(ended.items())[-ENDED_KEPT:])


def _encode(ended: Mapping[str, DeliveryStep]) -> bytes:
    return msgspec.json.encode(ended)
