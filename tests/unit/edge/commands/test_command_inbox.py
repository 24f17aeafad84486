"""Commands and leases as timelines, with kills in between."""

import asyncio
import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from contracts.codec import encode
from contracts.instants import MINUTE, SECOND
from contracts.messages import Command
from contracts.records import CommandOutcome, InputRefused, OutcomeStatus
from drivers.capabilities import WriteLimits
from drivers.errors import LinkDownError, RefusedError
from edge.commands.commandable import Targets
from edge.commands.inbox import ANSWERED_EVERY, MOST_WAITING, Hearing, Inbox
from edge.commands.known import AFTERWARDS, KnownCommands
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
        self.inbox = Inbox(
            targets, self.outputs, known, self.journal, clock, hearing, refused
        )
        self.inbox.resume()
        self.outputs.resume()
        work = [self.inbox.run(), refused.run(), *(self.inbox.serve(one) for one in self.inbox.devices)]
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


def test_a_write_is_done_once_and_reverted_when_its_lease_ends(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.send(story.write())
        assert story.ac.writes == [20.0]
        await story.after(599)
        assert story.ac.writes == [20.0]
        await story.after(1)
        await story.after(HOUR)

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 19.0]
    assert story.outcomes() == [("c1", DONE), ("c1", REVERTED)]


def test_a_later_command_renews_the_lease(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c1"))
        await story.after(500)
        await story.send(story.write("c2", 20.5))
        await story.after(500)
        assert story.ac.writes == [20.0, 20.5]
        await story.after(100)

    story = tell(play, plot)
    assert story.outcomes() == [("c1", DONE), ("c2", DONE), ("c2", REVERTED)]


def test_a_lease_that_ends_while_the_edge_is_down_is_reverted_at_its_start(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.kill()
        story.time.seconds += HOUR
        await story.start()

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 19.0]
    assert story.outcomes() == [("c1", DONE), ("c1", REVERTED)]


def test_a_safe_value_that_cannot_be_written_is_tried_until_it_can(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        story.ac.error = LinkDownError("ac: no answer")
        for _ in range(100):
            await story.after(10)
        assert story.ac.value == 20.0
        story.ac.error = None
        await story.after(31)

    story = tell(play, plot)
    assert story.ac.value == 19.0
    assert story.outcomes() == [("c1", DONE), ("c1", REVERTED)]


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
    assert story.outcomes() == [("c1", FAILED), ("c1", REVERTED)]


def test_a_write_that_was_refused_leaves_the_lease_before_it(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c1"))
        story.ac.error = RefusedError("ac: illegal value")
        await story.send(story.write("c2", 22.0, lease=3600.0))
        story.ac.error = None
        await story.after(601)

    story = tell(play, plot)
    assert story.outcomes() == [("c1", DONE), ("c2", REFUSED), ("c1", REVERTED)]


def test_a_write_without_an_answer_keeps_its_lease(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.error = LinkDownError("ac: no answer")
        await story.send(story.write())
        story.ac.error = None
        await story.after(601)

    story = tell(play, plot)
    assert story.outcomes() == [("c1", FAILED), ("c1", REVERTED)]
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
    assert story.outcomes() == [("c1", REFUSED)]
    assert why in story.reason()
    assert story.ac.writes == []
    assert not story.disk.memory.get("lease")


def test_a_command_that_expires_while_it_waits_is_refused(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        await story.send(story.write("c1"))
        await story.send(story.write("c2", 21.0))
        await story.after(120)
        story.ac.gate.set()
        await story.settle()

    story = tell(play, plot)
    assert story.outcomes() == [("c1", DONE), ("c2", REFUSED)]


def test_too_many_waiting_commands_are_refused(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        for number in range(MOST_WAITING + 5):
            await story.send(story.write(f"c{number}"))
        story.ac.gate.set()
        await story.settle()
        for _ in range(20):
            await story.settle()

    outcomes = tell(play, plot).outcomes()
    assert len(outcomes) == MOST_WAITING + 5
    assert len({command for command, _ in outcomes}) == MOST_WAITING + 5
    assert sum(status == REFUSED for _, status in outcomes) == 4


def test_an_order_is_carried_out_once(play: Play) -> None:
    async def plot(story: Story) -> None:
        order = story.write("d1", device="robot", action="deliver", arguments={"item": "book"})
        for _ in range(3):
            await story.send(order)

    story = tell(play, plot)
    assert story.robot.orders == ["book"]
    assert story.outcomes() == [("d1", DONE)]


def test_nonsense_is_refused_and_never_ends_the_edge(play: Play) -> None:
    async def plot(story: Story) -> None:
        for payload in (
            b"{nonsense",
            encode(story.write("")),
            encode(story.write("x", device="d" * 480_000)),
            encode(story.write("x", action="a" * 900_000)),
        ):
            story.inbox.take(payload)
        story.inbox.refuse_input("Ack: no")
        await story.after(200)
        await story.send(story.write())

    story = tell(play, plot)
    told = [(one.source, one.count) for one in story.disk.of(InputRefused)]
    assert told == [("command", 1), ("gateway", 1), ("command", 3)]
    assert story.outcomes() == [("c1", DONE)]


def test_a_command_for_another_session_is_left_alone_without_a_word(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write(session="life-0"))
        assert story.outcomes() == []
        assert not story.disk.memory.get("command")
        await story.send(story.write(session="life-1"))

    assert tell(play, plot).outcomes() == [("c1", DONE)]


def test_an_ended_command_is_forgotten_soon_after_it_expired(play: Play) -> None:
    async def plot(story: Story) -> None:
        command = story.write()
        await story.send(command)
        await story.after(60 + AFTERWARDS - 1)
        assert story.disk.memory["command"]
        await story.after(2)
        assert not story.disk.memory["command"]
        await story.send(command)

    story = tell(play, plot)
    assert story.outcomes()[-1] == ("c1", REFUSED)
    assert story.ac.writes == [20.0]


def test_a_restart_forgets_no_sooner_and_no_later(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write(expires=story.now + 10 * MINUTE))
        for _ in range(5):
            await story.after(120)
            await story.restart()
        assert story.disk.memory["command"]
        await story.after(AFTERWARDS + 1)
        assert not story.disk.memory["command"]

    tell(play, plot)


def test_expiry_is_judged_in_the_gateways_time(play: Play) -> None:
    async def plot(story: Story) -> None:
        hour = 3600 * SECOND
        # The edge's clock is an hour fast: by it both would be long over.
        early = story.now - hour
        await story.send(story.write("c1", sent=early, expires=early + 30 * SECOND))
        # Sent with 30 s left, and delivered when the gateway had been heard saying a later time.
        story.gateway_ahead = -hour + 40 * SECOND
        await story.send(story.write("c2", sent=early, expires=early + 30 * SECOND))

    assert tell(play, plot).outcomes() == [("c1", DONE), ("c2", REFUSED)]


def test_what_is_left_of_a_command_runs_on_the_monotonic_clock(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        await story.send(story.write("c1"))
        await story.send(story.write("c2", 21.0))
        story.time.step_wall(-3600)
        await story.after(59)
        story.time.step_wall(7200)
        story.ac.gate.set()
        await story.settle()

    assert tell(play, plot).outcomes() == [("c1", DONE), ("c2", DONE)]


def test_a_gateway_that_asks_on_is_answered_again_now_and_then(play: Play) -> None:
    async def plot(story: Story) -> None:
        command = story.write(expires=story.now + 10 * MINUTE)
        for _ in range(100):
            await story.send(command)
            await story.after(2)

    story = tell(play, plot)
    assert story.ac.writes == [20.0]
    answers = story.disk.of(CommandOutcome)
    assert {(one.command, one.status, one.value) for one in answers} == {("c1", DONE, 20.0)}
    assert 200 / ANSWERED_EVERY - 1 <= len(answers) <= 200 / ANSWERED_EVERY + 2


@pytest.mark.parametrize("step", [3600.0, -3600.0, -40 * 365 * 86_400.0, 12 * 365 * 86_400.0])
def test_no_step_of_the_wall_clock_moves_a_lease(play: Play, step: float) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.after(300)
        story.time.step_wall(step)
        await story.after(299)
        assert story.ac.writes == [20.0]
        await story.after(1)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


def test_a_revert_that_fails_is_tried_on_through_a_step_back(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        story.ac.error = LinkDownError("ac: no answer")
        await story.after(700)
        story.time.step_wall(-3000)
        story.ac.error = None
        await story.after(31)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


def test_a_lease_goes_on_over_a_restart_whatever_the_wall_clock_says(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.after(200)
        story.time.step_wall(-3600)
        await story.restart()
        await story.after(399)
        assert story.ac.writes == [20.0]
        await story.after(1)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


@pytest.mark.parametrize(
    ("wall", "left"),
    [(100.0, 300.0), (1e6, 0.0), (-3600.0, 600.0)],
    ids=["believed", "long off", "clock before the lease"],
)
def test_after_a_reboot_the_wall_clock_is_believed_within_bounds(
    play: Play, wall: float, left: float
) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.after(200)
        await story.kill()
        story.time.reboot(100, wall)
        await story.start()
        await story.after(left - 1)
        assert story.ac.writes == ([20.0] if left else [20.0, 19.0])
        await story.after(1)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


def test_what_0_1_remembered_goes_on(play: Play) -> None:
    async def plot(story: Story) -> None:
        now = story.now
        story.disk.memory["lease"] = {
            "ac/setpoint": b'{"device":"ac","point":"setpoint","command":"c0","granted":%d,'
            b'"until":%d,"safe":19.0}' % (now - 100 * SECOND, now + 100 * SECOND)
        }
        story.disk.memory["command"] = {
            "c0": b'{"device":"ac","action":"write","expires":%d,"finished":true}'
            % (now + 10 * SECOND),
            "c00": b'{"device":"ac","action":"write","expires":%d,"finished":false}' % now,
        }
        await story.restart()
        assert story.outcomes() == [("c00", FAILED)]
        await story.after(99)
        assert story.ac.writes == []
        await story.after(2)
        assert not story.disk.memory["command"]

    story = tell(play, plot)
    assert story.ac.writes == [19.0]
    assert story.outcomes() == [("c00", FAILED), ("c0", REVERTED)]


def test_a_lease_that_rots_leads_to_the_safe_value(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.kill()
        story.disk.rot("lease", "ac/setpoint")
        await story.start()
        await story.after(1)
        assert story.ac.writes == [20.0, 19.0]
        await story.restart()
        await story.after(HOUR)

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 19.0]
    (refused,) = story.disk.of(InputRefused)
    assert "safe value of ac is written" in refused.reason


def test_a_key_that_rots_leads_to_the_safe_values_of_its_device(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.kill()
        story.disk.memory["lease"] = {"ac/setpo#nt": b"{", "gone/setpoint": b"{"}
        await story.start()
        await story.after(1)

    story = tell(play, plot)
    assert story.ac.writes == [19.0]
    assert not story.disk.memory["lease"]


def test_a_command_that_rots_has_an_outcome_and_is_not_begun_again(play: Play) -> None:
    async def plot(story: Story) -> None:
        command = story.write()
        story.ac.gate.clear()
        await story.send(command)
        await story.kill()
        story.disk.rot("command", "c1")
        story.ac.gate.set()
        await story.start()
        await story.send(command)

    story = tell(play, plot)
    assert story.outcomes() == [("c1", FAILED)]
    assert "cannot be read" in story.reason()
    assert 20.0 not in story.ac.writes


def test_a_disk_that_is_sick_begins_nothing(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c0"))
        story.disk.sick = True
        await story.send(story.write("c1", 22.0))
        order = story.write("d1", device="robot", action="deliver", arguments={"item": "book"})
        await story.send(order)
        await story.after(6)
        story.disk.sick = False
        await story.send(story.write("c2", 23.0))

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 23.0]
    assert story.robot.orders == []
    assert story.outcomes() == [("c0", DONE), ("c1", REFUSED), ("d1", REFUSED), ("c2", DONE)]
    assert "nothing was begun" in story.disk.of(CommandOutcome)[1].reason
    assert "I/O error" in story.disk.of(CommandOutcome)[1].reason


def test_a_lease_that_cannot_be_remembered_leaves_the_one_before_it(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write("c0"))
        story.ac.gate.clear()
        await story.send(story.write("c1", 21.0))
        await story.send(story.write("c2", 22.0, lease=3600.0))
        story.disk.sick = True  # c2 was taken, its lease will not be
        story.ac.gate.set()
        await story.after(6)
        story.disk.sick = False
        await story.after(600)

    story = tell(play, plot)
    assert story.ac.writes == [20.0, 21.0, 19.0]
    assert story.outcomes()[-1] == ("c1", REVERTED)


def test_a_bug_in_a_driver_costs_its_own_command(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.error = OverflowError("float too large to pack")
        await story.send(story.write("c1"))
        story.ac.error = None
        await story.send(story.write("c2"))

    story = tell(play, plot)
    assert story.outcomes() == [("c1", FAILED), ("c2", DONE)]
    assert "float too large" in story.disk.of(CommandOutcome)[0].reason


def test_a_very_long_cause_is_cut(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.error = LinkDownError("x" * 100_000)
        await story.send(story.write("c1"))

    story = tell(play, plot)
    assert story.outcomes() == [("c1", FAILED)]
    assert story.reason().endswith("x…")


def test_a_part_that_falls_while_it_works_leaves_one_outcome(play: Play) -> None:
    async def plot(story: Story) -> None:
        story.ac.gate.clear()
        await story.send(story.write())
        serving = story.tasks[2]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        story.ac.gate.set()
        story.tasks[2] = asyncio.create_task(story.inbox.serve("ac"), name="story")
        await story.settle()
        await story.send(story.write("c2", 21.0))

    assert tell(play, plot).outcomes() == [("c1", FAILED), ("c2", DONE)]


def test_nothing_ticks_while_many_commands_are_remembered(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.kill()
        expires = story.now + 20 * 3600 * SECOND
        story.disk.memory["command"] = {
            f"c{n}": b'{"device":"ac","action":"write","expires":%d,"finished":true}'
            % (expires + n % 7 * SECOND)
            for n in range(20_000)
        }
        await story.start()
        assert await story.after(19 * HOUR) == 0
        await story.after(2 * HOUR)
        assert not story.disk.memory["command"]

    tell(play, plot)


@pytest.mark.parametrize("kill_after", range(12))
def test_killed_anywhere_each_command_ends_exactly_once(play: Play, kill_after: int) -> None:
    async def plot(story: Story) -> None:
        command = story.write()
        story.inbox.take(encode(command))
        for _ in range(kill_after):
            await asyncio.sleep(0)
        await story.restart()
        await story.send(command)
        await story.after(2 * HOUR)

    story = tell(play, plot)
    ends = [status for _, status in story.outcomes() if status != REVERTED]
    assert len(ends) == 1
    assert story.ac.writes.count(20.0) <= 1
    if story.ac.writes:
        assert story.ac.value == 19.0
