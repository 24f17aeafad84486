"""Commands as timelines, with kills in between."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from contracts.codec import encode
from contracts.instants import MINUTE, SECOND
from contracts.records import CommandOutcome, InputRefused
from drivers.errors import LinkDownError
from edge.commands.inbox import ANSWERED_EVERY, MOST_WAITING
from edge.commands.known import AFTERWARDS
from tests.unit.edge.commands.command_world import (
    DONE,
    FAILED,
    HOUR,
    REFUSED,
    REVERTED,
    Story,
    tell,
)

Play = Callable[..., Any]


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
