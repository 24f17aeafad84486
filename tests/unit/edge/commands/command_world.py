"""An edge with an air conditioner and a robot, which can be killed, and a clock moved by hand."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

from contracts.codec import encode
from contracts.instants import MINUTE
from contracts.messages import Command
from contracts.records import CommandOutcome, OutcomeStatus
from drivers.capabilities import WriteLimits
from drivers.errors import RefusedError
from edge.commands.commandable import Targets
from edge.commands.inbox import Hearing, Inbox
from edge.commands.known import KnownCommands
from edge.control.outputs import Outputs
from edge.journal.refused_input import RefusedInput
from edge.journal.terms import Terms
from tests.unit.edge.simulated import MemoryDisk, MemoryJournal, SimulatedTime

Play = Callable[..., Any]
DONE, REFUSED, FAILED, REVERTED = (
    OutcomeStatus.DONE,
    OutcomeStatus.REFUSED,
    OutcomeStatus.FAILED,
    OutcomeStatus.REVERTED,
)
HOUR = 3600.0


class Conditioner:
    """An air conditioner whose setpoint can be written."""

    device = "ac"
    writable: Mapping[str, WriteLimits] = {
        "setpoint": WriteLimits(16, 24, 19),
        "unsafe": WriteLimits(0, 1, None),
    }

    def __init__(self) -> None:
        self.value = 21.0
        self.error: Exception | None = None
        self.writes: list[float] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def write(self, point: str, value: float) -> float:
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        self.writes.append(value)
        self.value = value
        return value


class Robot:
    """Takes orders."""

    device = "robot"
    actions = frozenset({"deliver"})

    def __init__(self) -> None:
        self.orders: list[str] = []

    async def execute(self, command: Command) -> float | None:
        if "item" not in command.arguments:
            raise RefusedError("robot: deliver what?")
        self.orders.append(command.arguments["item"])
        return None


class Story:
    """An edge that can be killed, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = SimulatedTime()
        self.disk = MemoryDisk()
        self.ac = Conditioner()
        self.robot = Robot()
        self.lives = 0
        self.gateway_ahead: int | None = None
        """By how much the gateway's clock differs from the edge's, in µs; None: never heard."""
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.lives += 1
        clock = self.time.clock
        self.journal = MemoryJournal(self.disk, clock)
        targets = Targets({"ac": self.ac}, {"robot": self.robot})
        terms = Terms(clock, self.time.boot)
        self.outputs = Outputs(targets.writable, self.journal, clock, terms, random.Random(1))
        known = KnownCommands(self.journal, clock, terms)
        hearing = Hearing(self.session, self.gateway_now)
        refused = RefusedInput(self.journal, clock)
        self.inbox = Inbox(targets, self.outputs, known, self.journal, clock, hearing, refused)
        self.inbox.resume()
        self.outputs.resume()
        work = [
            self.inbox.run(),
            refused.run(),
            *(self.inbox.serve(one) for one in self.inbox.devices),
        ]
        self.tasks = [asyncio.create_task(one, name="story") for one in work]
        await self.settle()

    @property
    def session(self) -> str:
        return f"life-{self.lives}"

    def gateway_now(self) -> int | None:
        return None if self.gateway_ahead is None else self.now + self.gateway_ahead

    @property
    def now(self) -> int:
        return self.time.wall()

    async def kill(self) -> None:
        self.journal.kill()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def restart(self) -> None:
        await self.kill()
        await self.start()

    async def settle(self) -> None:
        await self.time.settle()

    async def after(self, seconds: float) -> int:
        return await self.time.after(seconds)

    async def send(self, command: Command) -> None:
        self.inbox.take(encode(command))
        await self.settle()

    def write(self, name: str = "c1", value: float | None = 20.0, **changes: Any) -> Command:
        basis: dict[str, Any] = {
            "device": "ac",
            "action": "write",
            "issued": self.now,
            "expires": self.now + MINUTE,
            "by": "me",
            "point": "setpoint",
            "value": value,
            "lease": 600.0,
        }
        return Command(name, **(basis | changes))

    def outcomes(self) -> list[tuple[str, str]]:
        return [(one.command, one.status) for one in self.disk.of(CommandOutcome)]

    def reason(self) -> str:
        return self.disk.of(CommandOutcome)[-1].reason


def tell(play: Play, plot: Callable[[Story], Any]) -> Story:
    async def told() -> Story:
        story = Story()
        await story.start()
        await plot(story)
        await story.kill()
        return story

    result: Story = play(told())
    return result
