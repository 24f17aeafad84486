"""Commands and leases as timelines, with kills in between."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from contracts.codec import encode
from contracts.instants import HOUR, MINUTE, SECOND, Instant
from contracts.messages import Command
from contracts.records import CommandOutcome, InputRefused, OutcomeStatus, Record
from drivers.capabilities import WriteLimits
from drivers.errors import DriverError, LinkDownError, RefusedError
from edge.commands.inbox import MOST_WAITING, REMEMBERED, Commands, Pace, Targets

Play = Callable[..., Any]
DONE, REFUSED, FAILED, REVERTED = (
    OutcomeStatus.DONE,
    OutcomeStatus.REFUSED,
    OutcomeStatus.FAILED,
    OutcomeStatus.REVERTED,
)


class Disk:
    """What survives a kill: the records and the memory."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.memory: dict[str, bytes] = {}

    async def append(
        self, records: Sequence[Record], remember: Mapping[str, bytes | None] | None = None
    ) -> None:
        self.records += records
        for key, value in (remember or {}).items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value

    def recall(self, prefix: str) -> dict[str, bytes]:
        return {key: value for key, value in self.memory.items() if key.startswith(prefix)}

    def outcomes(self) -> list[tuple[str, OutcomeStatus]]:
        return [
            (one.command, one.status) for one in self.records if isinstance(one, CommandOutcome)
        ]

    def reason(self) -> str:
        return next(one.reason for one in reversed(self.records) if isinstance(one, CommandOutcome))


class Conditioner:
    """An air conditioner whose setpoint can be written."""

    device = "ac"
    writable: Mapping[str, WriteLimits] = {
        "setpoint": WriteLimits(16, 24, 19),
        "unsafe": WriteLimits(0, 1, None),
    }

    def __init__(self) -> None:
        self.value = 21.0
        self.error: DriverError | None = None
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
        self.now: Instant = 1_000_000 * SECOND
        self.disk = Disk()
        self.ac = Conditioner()
        self.robot = Robot()
        self.tasks: list[asyncio.Task[None]] = []
        self.ticks: list[asyncio.Future[None]] = []

    async def start(self) -> None:
        targets = Targets({"ac": self.ac}, {"robot": self.robot})
        self.commands = Commands(
            targets, self.disk, lambda: self.now, Pace(self._sleep, lambda: 1.0)
        )
        await self.commands.resume()
        work = [self.commands.run(), *(self.commands.serve(one) for one in self.commands.devices)]
        self.tasks = [asyncio.create_task(one, name="story") for one in work]
        await self.settle()

    async def kill(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _sleep(self, _: float) -> None:
        tick: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ticks.append(tick)
        await tick

    async def settle(self) -> None:
        for _ in range(30):
            await asyncio.sleep(0)

    async def after(self, span: int) -> None:
        self.now += span
        ticks, self.ticks = self.ticks, []
        for tick in ticks:
            if not tick.done():
                tick.set_result(None)
        await self.settle()

    async def send(self, command: Command) -> None:
        await self.commands.take(encode(command))
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


def tell(play: Play, plot: Callable[[Story], Any]) -> Story:
    async def told() -> Story:
        story = Story()
        await story.start()
        await plot(story)
        await story.kill()
        return story

    result: Story = play(told())
    return result


def test_a_write_is_done_once_and_reverted_when_its_lease_ends(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.send(story.write())
        assert story.ac.writes == [20.0]
        await story.after(599 * SECOND)
        assert story.ac.writes == [20.0]
        await story.after(1 * SECOND)
        await story.after(HOUR)

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 19.0]
    assert story.disk.outcomes() == [("c1", DONE), ("c1", REVERTED)]


def test_a_later_command_renews_the_lease(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c1"))
        await story.after(500 * SECOND)
        await story.send(story.write("c2", 20.5))
        await story.after(500 * SECOND)
        assert story.ac.writes == [20.0, 20.5]
        await story.after(100 * SECOND)

    story = tell(play, plot)
    assert story.disk.outcomes() == [("c1", DONE), ("c2", DONE), ("c2", REVERTED)]


def test_a_lease_that_ends_while_the_edge_is_down_is_reverted_at_its_start(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.kill()
        story.now += HOUR
        await story.start()

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 19.0]
    assert story.disk.outcomes() == [("c1", DONE), ("c1", REVERTED)]


def test_a_safe_value_that_cannot_be_written_is_tried_until_it_can(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        story.ac.error = LinkDownError("ac: no answer")
        for _ in range(100):
            await story.after(10 * SECOND)
        assert story.ac.value == 20.0
        story.ac.error = None
        await story.after(31 * SECOND)

    story = tell(play, plot)
    assert story.ac.value == 19.0
    assert story.disk.outcomes() == [("c1", DONE), ("c1", REVERTED)]


def test_a_clock_put_back_does_not_prolong_a_lease(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.after(-24 * HOUR)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


def test_killed_between_start_and_outcome(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        await story.send(story.write())
        await story.kill()
        story.ac.gate.set()
        await story.start()
        await story.send(story.write())
        assert story.ac.writes == []
        await story.after(HOUR)

    story = tell(play, plot)
    # It may have been written before the kill, so the lease stands, and the safe value goes back.
    assert story.ac.writes == [19.0]
    assert story.disk.outcomes() == [("c1", FAILED), ("c1", REVERTED)]


def test_a_write_that_was_refused_leaves_the_lease_before_it(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c1"))
        story.ac.error = RefusedError("ac: illegal value")
        await story.send(story.write("c2", 22.0, lease=3600.0))
        story.ac.error = None
        await story.after(601 * SECOND)

    story = tell(play, plot)
    assert story.disk.outcomes() == [("c1", DONE), ("c2", REFUSED), ("c1", REVERTED)]


def test_a_write_without_an_answer_keeps_its_lease(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.error = LinkDownError("ac: no answer")
        await story.send(story.write())
        story.ac.error = None
        await story.after(601 * SECOND)

    story = tell(play, plot)
    assert story.disk.outcomes() == [("c1", FAILED), ("c1", REVERTED)]
    assert story.ac.writes == [19.0]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"device": "nobody"}, "no device 'nobody'"),
        ({"action": "dance"}, "no action 'dance'"),
        ({"point": "nothing"}, "ac/nothing cannot be written"),
        ({"value": None}, "needs a value"),
        ({"value": 24.1}, "outside 16..24"),
        ({"value": 15.9}, "outside 16..24"),
        ({"lease": 0.0}, "needs a lease"),
        ({"lease": -5.0}, "needs a lease"),
        ({"lease": 86_401.0}, "needs a lease"),
        ({"point": "unsafe", "value": 1.0}, "no safe value"),
        ({"expires": 1}, "expired"),
        ({"expires": 2**60}, "more than 24 h"),
        ({"device": "robot"}, "robot/setpoint cannot be written"),
        ({"device": "robot", "action": "deliver"}, "deliver what?"),
    ],
)
def test_what_is_refused_and_why(play: Play, changes: dict[str, Any], why: str) -> None:
    async def plot(story: Story) -> None:
        command = story.write(**changes)
        await story.send(command)
        await story.send(command)

    story = tell(play, plot)
    assert story.disk.outcomes() == [("c1", REFUSED)]
    assert why in story.disk.reason()
    assert story.ac.writes == []
    assert not story.disk.recall("lease/")


def test_a_command_that_expires_while_it_waits_is_refused(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        await story.send(story.write("c1"))
        await story.send(story.write("c2", 21.0))
        await story.after(2 * MINUTE)
        story.ac.gate.set()
        await story.settle()

    story = tell(play, plot)
    assert story.disk.outcomes() == [("c1", DONE), ("c2", REFUSED)]


def test_too_many_waiting_commands_are_refused(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        for number in range(MOST_WAITING + 5):
            await story.send(story.write(f"c{number}"))
        story.ac.gate.set()
        await story.settle()
        for _ in range(20):
            await story.settle()

    outcomes = tell(play, plot).disk.outcomes()
    assert len(outcomes) == MOST_WAITING + 5
    assert len({command for command, _ in outcomes}) == MOST_WAITING + 5
    assert sum(status is REFUSED for _, status in outcomes) == 4


def test_an_order_is_carried_out_once(play: Play) -> None:
    async def plot(story: Story) -> None:
        order = story.write("d1", device="robot", action="deliver", arguments={"item": "book"})
        for _ in range(3):
            await story.send(order)

    story = tell(play, plot)
    assert story.robot.orders == ["book"]
    assert story.disk.outcomes() == [("d1", DONE)]


def test_nonsense_is_counted_and_reported_once_a_minute(play: Play) -> None:
    async def plot(story: Story) -> None:
        for _ in range(10):
            await story.commands.take(b"{nonsense")
        await story.commands.take(encode(story.write("")))
        await story.after(MINUTE)
        await story.after(MINUTE)

    refused = [one for one in tell(play, plot).disk.records if isinstance(one, InputRefused)]
    assert [one.count for one in refused] == [1, 10]


def test_finished_commands_are_forgotten_after_a_week(play: Play) -> None:
    async def plot(story: Story) -> None:
        command = story.write()
        await story.send(command)
        await story.after(REMEMBERED - HOUR)
        assert story.disk.recall("command/")
        await story.after(3 * HOUR)
        assert not story.disk.recall("command/")
        await story.send(command)

    story = tell(play, plot)
    assert story.disk.outcomes()[-1] == ("c1", REFUSED)
    assert story.ac.writes == [20.0, 19.0]


@pytest.mark.parametrize("kill_after", range(12))
def test_killed_anywhere_each_command_ends_exactly_once(play: Play, kill_after: int) -> None:
    async def plot(story: Story) -> None:
        command = story.write()
        taking = asyncio.create_task(story.commands.take(encode(command)), name="taking")
        for _ in range(kill_after):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
        await story.kill()
        await story.start()
        await story.send(command)
        await story.after(2 * HOUR)

    story = tell(play, plot)
    ends = [status for _, status in story.disk.outcomes() if status is not REVERTED]
    assert len(ends) == 1
    assert story.ac.writes.count(20.0) <= 1
    if story.ac.writes:
        assert story.ac.value == 19.0
