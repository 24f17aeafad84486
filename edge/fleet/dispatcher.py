"""Runs one robot's deliveries: durable, each at most once, whatever is restarted meanwhile.

Everything is written down before it is said: the question before the order, the order before it is
published. What was published is proven by the robot's state alone, and sent again, the same, until
then.
"""

import asyncio
import logging

from msgspec.structs import replace

from config.links import Robot
from config.site import Fleet
from contracts.messages import Command
from contracts.records import DeliveryStep
from drivers.capabilities import Vehicle
from drivers.errors import RefusedError
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Connection, Order, State, Unreadable
from edge.fleet.delivery_request import wanted
from edge.fleet.job_rules import PATIENCE, Do, Known, judge, left_running
from edge.fleet.job_store import JobStore
from edge.fleet.jobs import ENDS, Job
from edge.fleet.order_publisher import OrderPublisher
from edge.fleet.robot_state import RobotStatus
from edge.fleet.routing import NoWayError, delivery_way
from edge.journal.port import Journal
from edge.journal.refused_input import RefusedInput
from edge.journal.terms import Term, Terms
from edge.journal.tickets import UnwrittenError
from runtime.clock import Clock

log = logging.getLogger(__name__)

TICK = 1.0
"""Seconds."""
ASKED_WITHIN = 5.0
"""Seconds that a wish may wait for the journal before it is refused."""
SENT_WITHIN = 1.0
"""Seconds that an order may wait for it; a later tick tries again."""


class Dispatcher:
    """One robot's master."""

    def __init__(
        self,
        vehicle: Vehicle,
        robot: Robot,
        fleet: Fleet,
        journal: Journal,
        clock: Clock,
        terms: Terms,
    ) -> None:
        self.device = robot.id
        self.actions = frozenset({"deliver", "cancel", "release"})
        self._vehicle = vehicle
        self._publisher = OrderPublisher(vehicle, clock)
        self._fleet = fleet
        self._clock = clock
        self._terms = terms
        self._job_store = JobStore(robot.id, journal, clock)
        silent_after = robot.silent_after.total_seconds()
        self._status = RobotStatus(robot.id, silent_after, journal, clock)
        self._refused = RefusedInput(journal, clock)
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Listen and act until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name=f"fleet-{self.device}-listen")
            group.create_task(self._watch(), name=f"fleet-{self.device}-watch")
            group.create_task(self._refused.run(), name=f"fleet-{self.device}-refused")

    async def _listen(self) -> None:
        async for message in self._vehicle.messages():
            await self.hear(message)

    async def _watch(self) -> None:
        while True:
            await self.tick()
            await self._clock.sleep(TICK)

    async def execute(self, command: Command) -> None:
        """Take `deliver`, `cancel` or `release`. Raises RefusedError.

        This returns when the wish is on disk; what became of it comes as records of its own.
        """
        async with self._lock:
            if command.action == "deliver":
                job = wanted(command, self._fleet, self._job_store, self._terms)
                if job is not None:
                    await self._ask(job)
            elif command.action == "cancel":
                _cancel(self._job_store, _named(self._job_store, command), command.by)
            elif command.action == "release":
                await self._release(_named(self._job_store, command), command.by)
            else:
                raise RefusedError(
                    f"{self.device}: no action {command.action!r}; there are {sorted(self.actions)}"
                )
            await self._work()

    async def hear(self, message: State | Connection | Unreadable) -> None:
        """Take what the robot says."""
        async with self._lock:
            if isinstance(message, Unreadable):
                self._refused.refuse(message.topic, message.reason)
            elif isinstance(message, Connection):
                self._status.connected(message)
                await self._publisher.ask_state()
            elif self._status.see(message):
                await self._work()

    async def tick(self) -> None:
        """Do what is due. Call it every second."""
        async with self._lock:
            self._job_store.take_up()
            self._job_store.end_damaged()
            self._status.watch()
            if not self._status.present:
                await self._publisher.ask_state()
            await self._work()

    async def _ask(self, job: Job) -> None:
        self._job_store.ask(job)
        try:
            await self._job_store.written(job.delivery, ASKED_WITHIN)
        except UnwrittenError as error:
            self._job_store.withdraw(job, f"nothing was begun: {error}")
            raise RefusedError(f"{self.device}: nothing was begun: {error}") from error

    async def _work(self) -> None:
        state = self._status.state
        if self._status.present and state and left_running(state, self._job_store.ended):
            await self._publisher.stop(state.order_id)
        while (job := self._job_store.current) is not None:
            if not await self._pursue(job):
                return

    def _known(self, job: Job) -> Known:
        return Known(
            self._status.state,
            self._status.present,
            self._status.lively,
            self._job_store.since(job.delivery),
            self._terms.end(job.wait or Term(PATIENCE[DeliveryStep.ASKED], job.asked)),
            self._clock.monotonic(),
        )

    async def _pursue(self, job: Job) -> bool:
        """Do what a job needs; say whether it has ended, and the next one may begin."""
        verdict = judge(job, self._known(job))
        if verdict.started and not job.started:
            job = replace(job, started=True)
            self._job_store.keep(job)
        if verdict.goal is not None:
            job = self._job_store.step(job, verdict.goal, self._node, verdict.reason)
        if verdict.do is Do.PLAN:
            job = self._plan(job)
        if job.step in ENDS:
            return True
        if verdict.do in (Do.PLAN, Do.SEND) and job.order is not None:
            await self._send(job.delivery, job.order)
        elif verdict.do is Do.STOP:
            await self._publisher.stop(job.delivery)
        return False

    async def _send(self, delivery: str, order: Order) -> None:
        try:
            await self._job_store.written(delivery, SENT_WITHIN)
        except UnwrittenError as error:
            log.debug("order %s goes out later: %s", delivery, error)
            return
        await self._publisher.order(order)

    def _plan(self, job: Job) -> Job:
        """Write the order down, or why there is none."""
        assert self._status.state is not None
        begin = vda5050.starting_point(self._fleet, self._status.state)
        if begin is None:
            reason = "the robot does not know where it is; drive it to a station and localise it"
            return self._job_store.step(job, DeliveryStep.FAILED, self._node, reason)
        try:
            way = delivery_way(self._fleet, begin.station, job.origin, job.destination)
        except NoWayError as error:
            return self._job_store.step(job, DeliveryStep.FAILED, self._node, str(error))
        order = vda5050.delivery_order(self._fleet, job.errand, begin, way)
        planned = replace(job, order=order)
        return self._job_store.step(planned, DeliveryStep.SENT, self._node)

    async def _release(self, job: Job, by: str) -> None:
        reason = f"released by {by or 'an operator'}"
        self._job_store.step(job, DeliveryStep.FAILED, self._node, reason)
        if job.active:
            await self._publisher.stop(job.delivery)

    @property
    def _node(self) -> str:
        return (self._status.state.last_node_id or "") if self._status.state else ""


def _cancel(job_store: JobStore, job: Job, by: str) -> None:
    """Ask a robot to stop, or end a delivery of which it was not told."""
    if job.active:
        job_store.keep(replace(job, stopping=by or "an operator"))
    else:
        reason = f"cancelled by {by or 'an operator'}"
        job_store.step(job, DeliveryStep.CANCELLED, reason=reason)


def _named(job_store: JobStore, command: Command) -> Job:
    """Find the delivery a command is about; without a name, the current one."""
    delivery = command.arguments.get("delivery", "")
    job = job_store.jobs.get(delivery) if delivery else job_store.current
    if job is None:
        open_ones = sorted(job_store.jobs) or "none"
        raise RefusedError(
            f"{job_store.robot}: no open delivery {delivery!r}; open are: {open_ones}"
        )
    return job
