"""Runs one robot's deliveries: durable, each at most once, whatever is restarted meanwhile.

Everything is written down before it is said: the question before the order, the order before it is
published. What was published is proven by the robot's state alone, and sent again, the same, until
then.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from config.links import Robot
from config.site import Fleet
from contracts.instants import Instant, span
from contracts.messages import Command
from contracts.records import DeliveryStep
from drivers.capabilities import Now, Vehicle
from drivers.errors import RefusedError
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Connection, State, Unreadable
from edge.fleet.delivery_request import wanted
from edge.fleet.job_rules import Do, Known, judge, left_running
from edge.fleet.job_store import Book
from edge.fleet.jobs import ENDS, Job
from edge.fleet.order_publisher import Voice
from edge.fleet.robot_state import Sight
from edge.fleet.routing import NoWayError, delivery_way
from edge.journal.port import Diary

TICK = 1.0
"""Seconds."""


class Dispatcher:
    """One robot's master."""

    def __init__(
        self,
        vehicle: Vehicle,
        robot: Robot,
        fleet: Fleet,
        diary: Diary,
        now: Now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.device = robot.id
        self.actions = frozenset({"deliver", "cancel", "release"})
        self._vehicle = vehicle
        self._voice = Voice(vehicle)
        self._fleet = fleet
        self._now = now
        self._sleep = sleep
        self._book = Book(robot.id, diary)
        self._sight = Sight(robot.id, span(robot.silent_after), diary)
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Listen and act until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name=f"fleet-{self.device}-listen")
            group.create_task(self._watch(), name=f"fleet-{self.device}-watch")

    async def _listen(self) -> None:
        async for message in self._vehicle.messages():
            await self.hear(message)

    async def _watch(self) -> None:
        while True:
            await self.tick()
            await self._sleep(TICK)

    async def execute(self, command: Command) -> None:
        """Take `deliver`, `cancel` or `release`. Raises RefusedError.

        This returns when the wish is on disk; what became of it comes as records of its own.
        """
        async with self._lock:
            at = self._now()
            if command.action == "deliver":
                job = wanted(command, self.device, self._fleet, self._book, at)
                if job is not None:
                    await self._book.ask(job)
            elif command.action == "cancel":
                await self._cancel(self._named(command), command.by, at)
            elif command.action == "release":
                await self._release(self._named(command), command.by, at)
            else:
                raise RefusedError(
                    f"{self.device}: no action {command.action!r}; there are {sorted(self.actions)}"
                )
            await self._work(at)

    async def hear(self, message: State | Connection | Unreadable) -> None:
        """Take what the robot says."""
        async with self._lock:
            at = self._now()
            if isinstance(message, Unreadable):
                await self._sight.refuse(message, at)
            elif isinstance(message, Connection):
                await self._sight.connected(message, at)
                await self._voice.ask_state(at)
            elif await self._sight.see(message, at):
                await self._work(at)

    async def tick(self) -> None:
        """Do what is due. Call it every second."""
        async with self._lock:
            at = self._now()
            await self._book.end_spoilt(at)
            await self._sight.watch(at)
            if not self._sight.present:
                await self._voice.ask_state(at)
            await self._work(at)

    async def _work(self, at: Instant) -> None:
        known = Known(self._sight.state, self._sight.present, self._sight.lively)
        if known.present and known.state and left_running(known.state, self._book.ended):
            await self._voice.stop(known.state.order_id, at)
        while (job := self._book.current) is not None:
            if not await self._pursue(job, known, at):
                return

    async def _pursue(self, job: Job, known: Known, at: Instant) -> bool:
        """Do what a job needs; say whether it has ended, and the next one may begin."""
        verdict = judge(job, known, at)
        if verdict.started and not job.started:
            job = replace(job, started=True)
            await self._book.keep(job)
        if verdict.goal is not None:
            job = await self._book.step(job, verdict.goal, at, self._node, verdict.reason)
        if verdict.do is Do.PLAN:
            job = await self._plan(job, at)
        if job.step in ENDS:
            return True
        if verdict.do in (Do.PLAN, Do.SEND) and job.order is not None:
            await self._voice.order(job.order, at)
        elif verdict.do is Do.STOP:
            await self._voice.stop(job.delivery, at)
        return False

    async def _plan(self, job: Job, at: Instant) -> Job:
        """Write the order down, or why there is none."""
        assert self._sight.state is not None
        begin = vda5050.starting_point(self._fleet, self._sight.state)
        if begin is None:
            reason = "the robot does not know where it is; drive it to a station and localise it"
            return await self._book.step(job, DeliveryStep.FAILED, at, self._node, reason)
        try:
            way = delivery_way(self._fleet, begin.station, job.origin, job.destination)
        except NoWayError as error:
            return await self._book.step(job, DeliveryStep.FAILED, at, self._node, str(error))
        order = vda5050.delivery_order(self._fleet, job.errand, begin, way)
        planned = replace(job, order=order)
        return await self._book.step(planned, DeliveryStep.SENT, at, self._node)

    async def _cancel(self, job: Job, by: str, at: Instant) -> None:
        if job.active:
            await self._book.keep(replace(job, stopping=by or "an operator"))
        else:
            reason = f"cancelled by {by or 'an operator'}"
            await self._book.step(job, DeliveryStep.CANCELLED, at, reason=reason)

    async def _release(self, job: Job, by: str, at: Instant) -> None:
        reason = f"released by {by or 'an operator'}"
        await self._book.step(job, DeliveryStep.FAILED, at, self._node, reason)
        if job.active:
            await self._voice.stop(job.delivery, at)

    def _named(self, command: Command) -> Job:
        """Find the delivery a command is about; without a name, the current one."""
        delivery = command.arguments.get("delivery", "")
        job = self._book.jobs.get(delivery) if delivery else self._book.current
        if job is None:
            open_ones = sorted(self._book.jobs) or "none"
            raise RefusedError(
                f"{self.device}: no open delivery {delivery!r}; open are: {open_ones}"
            )
        return job

    @property
    def _node(self) -> str:
        return (self._sight.state.last_node_id or "") if self._sight.state else ""
