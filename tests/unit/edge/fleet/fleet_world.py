"""A robot in memory (the simulator's own body) and its dispatcher, which can be killed."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

from config.links import Robot
from config.site import Fleet
from contracts.instants import SECOND
from contracts.messages import Command
from contracts.records import DeliveryChanged, DeliveryStep, RobotChanged
from drivers.errors import NotSentError
from drivers.protocols import vda5050
from edge.fleet.delivery_request import delivery_of
from edge.fleet.dispatcher import Dispatcher
from edge.fleet.jobs import ENDS
from edge.journal.terms import Terms
from runtime.clock import Clock
from simulators.robots.motion import Body
from simulators.robots.order_state import OrderState
from tests.unit.edge.simulated import MemoryDisk, MemoryJournal, R, SimulatedTime

ROBOT = Robot(id="robot-1", model="vda5050", manufacturer="Example", serial="WL-001")
FLEET = Fleet.model_validate(
    {
        "stations": [
            {"id": "dock", "x": 0, "y": 0},
            {"id": "lift", "x": 8, "y": 0},
            {"id": "desk", "x": 8, "y": 10},
            {"id": "hall", "x": 20, "y": 0},
            {"id": "island", "x": 99, "y": 99},
        ],
        "ways": [["dock", "lift"], ["lift", "desk"], ["lift", "hall"]],
    }
)
STATIONS = {one.id: (one.x, one.y) for one in FLEET.stations}


class KilledError(BaseException):
    """The process is gone."""


class Fuse:
    """Kills the process at the n-th place where it could be killed."""

    def __init__(self) -> None:
        self.left: int | None = None

    @property
    def blown(self) -> bool:
        return self.left is None

    def burn(self) -> None:
        if self.left is None:
            return
        if self.left == 0:
            self.left = None
            raise KilledError
        self.left -= 1


class MemoryVehicle:
    """A real body without a wire. `linked` False: nothing passes, either way."""

    device = ROBOT.id

    def __init__(self, fuse: Fuse) -> None:
        self.log: list[tuple[str, str]] = []
        self.linked = True
        self.orders: list[vda5050.Order] = []
        self.acts: list[str] = []
        self.header = 0
        self.clock = 0
        self.agenda = OrderState(lambda order, step: self.log.append((order, step)))
        self.body = Body(STATIONS, "ground", "dock", self.agenda)
        self.witness: Callable[[str], None] = lambda _: None
        self._fuse = fuse

    async def send(self, order: vda5050.Order) -> None:
        self._fuse.burn()
        if not self.linked:
            raise NotSentError("the link is cut")
        self.witness(order.order_id)
        self.orders.append(order)
        self.body.take_order(json.loads(vda5050.encode(self._head(), order)))
        self._fuse.burn()

    async def act(self, actions: vda5050.InstantActions) -> None:
        self._fuse.burn()
        if not self.linked:
            raise NotSentError("the link is cut")
        for action in json.loads(vda5050.encode(self._head(), actions))["actions"]:
            self.acts.append(action["actionType"])
            self.body.take_instant(action)
        self._fuse.burn()

    async def messages(self) -> AsyncIterator[vda5050.State]:
        while True:
            await asyncio.sleep(0)
            yield self.state()

    def state(self, **instead: object) -> vda5050.State:
        self.header += 1
        head = json.loads(vda5050.encode(self._head(), vda5050.InstantActions(())))
        return vda5050.states.decode(json.dumps({**head, **self.body.state(), **instead}).encode())

    def connection(self, how: str) -> vda5050.Connection:
        head = self._head()
        return vda5050.Connection(0, head.timestamp, "2.1.0", ROBOT.manufacturer, ROBOT.serial, how)

    def reboot(self) -> None:
        self.body.forget()
        self.header = 0

    def done(self, step: str) -> int:
        return sum(what == step for _, what in self.log)

    def _head(self) -> vda5050.Header:
        stamp = (
            f"2026-01-01T{self.clock // 3600:02}:{self.clock // 60 % 60:02}:{self.clock % 60:02}Z"
        )
        return vda5050.Header(self.header, stamp, "2.1.0", ROBOT.manufacturer, ROBOT.serial)


class FleetWorld:
    """One robot and its dispatcher, which may be killed and started again."""

    def __init__(self) -> None:
        self.seconds = 0
        self.fuse = Fuse()
        self.time = SimulatedTime()
        self.disk = MemoryDisk()
        self.disk.burn = self.fuse.burn
        self.vehicle = MemoryVehicle(self.fuse)
        self.restarts = 0
        self.vehicle.witness = self._is_on_disk
        self.start()

    def start(self) -> None:
        clock = self.time.clock
        # A deadline on the journal passes at once: nobody else is waiting for it.
        self.journal = MemoryJournal(self.disk, Clock(clock.monotonic, clock.wall, self._pass))
        terms = Terms(clock, self.time.boot)
        self.dispatcher = Dispatcher(self.vehicle, ROBOT, FLEET, self.journal, clock, terms)

    def restart(self) -> None:
        self.journal.kill()
        self.start()

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def _is_on_disk(self, delivery: str) -> None:
        """What goes out must have been written down, as it goes out."""
        assert DeliveryStep.SENT in self.steps(delivery)
        if not self.disk.sick:
            assert b'"nodes"' in self.disk.memory["job"][f"robot-1/{delivery}"]

    def now(self) -> int:
        return self.time.wall()

    async def deliver(
        self, command: str = "c1", origin: str = "lift", destination: str = "desk"
    ) -> str:
        arguments = {"item": f"book of {command}", "origin": origin, "destination": destination}
        await self.order(command, "deliver", **arguments)
        return delivery_of(command)

    async def order(self, command: str, action: str, **arguments: str) -> None:
        at = self.now()
        await self.dispatcher.execute(
            Command(command, ROBOT.id, action, at, at + 60 * SECOND, "ann", arguments=arguments)
        )

    async def second(self) -> None:
        """Let a second pass for everybody; a killed dispatcher is started again."""
        self.seconds += 1
        self.time.seconds += 1
        self.vehicle.clock = self.seconds
        self.vehicle.body.step(1.0)
        try:
            if self.vehicle.linked:
                await self.dispatcher.hear(self.vehicle.state())
            await self.dispatcher.tick()
        except KilledError:
            self.restarts += 1
            self.restart()
        await asyncio.sleep(0)  # an idle journal writes at once

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            await self.second()

    async def until(self, step: DeliveryStep, delivery: str, within: int = 300) -> None:
        for _ in range(within):
            if step in self.steps(delivery):
                return
            await self.second()
        raise AssertionError(f"{delivery} never came to {step}: {self.steps(delivery)}")

    def records(self, kind: type[R]) -> list[R]:
        self.journal.flush()
        return self.disk.of(kind)

    def changes(self, delivery: str) -> list[DeliveryChanged]:
        return [one for one in self.records(DeliveryChanged) if one.delivery == delivery]

    def steps(self, delivery: str) -> list[str]:
        return [one.step for one in self.changes(delivery)]

    def ends(self, delivery: str) -> list[str]:
        return [step for step in self.steps(delivery) if step in ENDS]

    def connections(self) -> list[str]:
        """Give how the robot's connection changed."""
        said: list[str] = []
        for one in self.records(RobotChanged):
            if not said or said[-1] != one.connection:
                said.append(str(one.connection))
        return said
