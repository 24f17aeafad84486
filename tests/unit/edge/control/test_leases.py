"""Leases as timelines: over steps of the clock, restarts, reboots, sick disks and rot."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts.instants import SECOND
from contracts.records import InputRefused
from drivers.errors import LinkDownError, RefusedError
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


def test_leases_that_were_lost_with_their_journal_lead_to_the_safe_values(play: Play) -> None:
    async def plot(story: Story) -> None:
        await story.send(story.write())
        await story.kill()
        story.disk.memory = {"forgotten": {"forgotten": b'{"reason":"it vanished"}'}}
        await story.start()
        await story.after(1)
        assert story.ac.writes == [20.0, 19.0]
        assert not story.disk.memory["forgotten"], "it is done once"
        await story.send(story.write("c2", 21.0))
        await story.restart()
        await story.after(1)
        assert story.ac.writes == [20.0, 19.0, 21.0]

    story = tell(play, plot)
    (refused,) = story.disk.of(InputRefused)
    assert refused.source == "journal"
    assert "it vanished" in refused.reason


def test_an_old_copy_of_the_journal_leaves_no_output_without_a_lease(play: Play) -> None:
    """The lease that the copy knows holds on; what it does not know is over."""

    async def plot(story: Story) -> None:
        await story.send(story.write(lease=100.0))
        await story.kill()
        story.disk.memory["forgotten"] = {"forgotten": b"?"}
        await story.start()
        await story.after(1)
        assert story.ac.writes == [20.0]
        await story.after(100)

    assert tell(play, plot).ac.writes == [20.0, 19.0]


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
