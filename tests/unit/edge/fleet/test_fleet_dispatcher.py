"""Deliveries told as timelines: what the journal says, what the robot was told."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from contracts.records import DeliveryStep, InputRefused, RobotChanged
from drivers.errors import RefusedError
from drivers.protocols import vda5050
from edge.fleet.delivery_request import delivery_of
from edge.fleet.jobs import ENDS, FOLLOWING, way
from tests.unit.edge.fleet.fleet_world import FleetWorld

Play = Callable[..., Any]
ASKED, SENT, ACCEPTED, LOADED, DELIVERED, FAILED, CANCELLED = DeliveryStep


def reasons(world: FleetWorld, delivery: str) -> str:
    return world.changes(delivery)[-1].reason


def test_every_way_through_the_table_ends_and_no_end_is_left() -> None:
    assert set(FOLLOWING) == set(DeliveryStep)
    assert {DELIVERED, FAILED, CANCELLED} == ENDS
    for step in DeliveryStep:
        for goal in DeliveryStep:
            path = way(step, goal)
            assert all(
                after in FOLLOWING[before]
                for before, after in zip((step, *path), path, strict=False)
            )
            if step in ENDS:
                assert path == ()
            elif goal in ENDS:
                assert path[-1] is goal


def test_a_delivery_goes_through_all_its_steps(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        assert world.steps(delivery) == [ASKED]
        await world.run(60)
        assert world.steps(delivery) == [ASKED, SENT, ACCEPTED, LOADED, DELIVERED]
        assert {(one.item, one.origin, one.destination) for one in world.changes(delivery)} == {
            ("book of c1", "lift", "desk")
        }
        assert [step for _, step in world.vehicle.log] == ["accepted", "picked", "dropped"]
        assert not world.disk.memory.get("job")

    play(story())


def test_a_doubled_command_makes_one_delivery_even_after_its_end(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.deliver()
        await world.run(60)
        await world.deliver()
        world.restart()
        await world.deliver()
        await world.run(60)
        assert world.ends(delivery) == [DELIVERED]
        assert world.vehicle.done("dropped") == 1

    play(story())


def test_a_busy_robot_is_waited_for(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        first, second = await world.deliver("c1"), await world.deliver("c2", "desk", "hall")
        await world.until(LOADED, first)
        assert world.steps(second) == [ASKED]
        await world.until(DELIVERED, second)
        assert world.vehicle.done("dropped") == 2

    play(story())


def test_the_same_order_is_sent_again_until_it_is_echoed(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.second()
        before = world.vehicle.state()
        await world.dispatcher.hear(before)
        await world.deliver()
        for _ in range(20):  # the robot goes on to say what it said before
            world.seconds += 1
            world.time.seconds += 1
            await world.dispatcher.hear(
                world.vehicle.state(
                    orderId="", nodeStates=[], edgeStates=[], actionStates=[], driving=False
                )
            )
            await world.dispatcher.tick()
        assert len(world.vehicle.orders) == 4 + 1
        assert len(set(world.vehicle.orders)) == 1

    play(story())


def test_impossible_wishes_are_refused_with_what_to_do(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        with pytest.raises(RefusedError, match=r"no station 'attic' as origin.*'dock', 'lift'"):
            await world.deliver(origin="attic")
        with pytest.raises(RefusedError, match="both 'desk'"):
            await world.deliver(origin="desk", destination="desk")
        with pytest.raises(RefusedError, match="no way leads from 'lift' to 'island'"):
            await world.deliver(destination="island")
        with pytest.raises(RefusedError, match="name the item"):
            await world.order("c1", "deliver", origin="lift", destination="desk")
        with pytest.raises(RefusedError, match=r"there are .*'cancel', 'deliver', 'release'"):
            await world.order("c1", "dance")
        with pytest.raises(RefusedError, match="open are: none"):
            await world.order("c1", "cancel", delivery="nothing")
        assert world.disk.records == []

    play(story())


def test_a_refused_order_fails_with_the_robots_reason(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        error = {
            "errorType": "noRouteError",
            "errorLevel": "WARNING",
            "errorDescription": "the corridor is closed",
            "errorReferences": [{"referenceKey": "orderId", "referenceValue": delivery}],
        }
        await world.dispatcher.hear(world.vehicle.state())
        await world.dispatcher.hear(
            world.vehicle.state(errors=[error], orderId="", nodeStates=[], edgeStates=[])
        )
        assert world.ends(delivery) == [FAILED]
        assert "the corridor is closed" in reasons(world, delivery)

    play(story())


def test_a_failed_pick_fails_the_delivery_and_frees_the_robot(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        first, second = await world.deliver("c1"), await world.deliver("c2")
        world.vehicle.body.next_failure = "the shelf is empty"
        await world.until(FAILED, first)
        assert "the shelf is empty" in reasons(world, first)
        await world.until(DELIVERED, second)
        assert world.vehicle.done("cancelled") == 1

    play(story())


def test_a_silent_robot_is_unknown_once_and_its_delivery_waits(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.until(ACCEPTED, delivery)
        world.vehicle.linked = False
        await world.run(3600)
        assert world.connections() == ["ONLINE", "UNKNOWN"]
        unknown = world.records(RobotChanged)[-1]
        assert unknown.battery is None
        assert world.ends(delivery) == []
        world.vehicle.linked = True
        await world.run(60)
        assert world.connections() == ["ONLINE", "UNKNOWN", "ONLINE"]
        assert world.ends(delivery) == [DELIVERED]

    play(story())


def test_a_lost_connection_freezes_and_a_late_will_is_overruled_by_the_next_state(
    play: Play,
) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.run(2)
        await world.dispatcher.hear(world.vehicle.connection("CONNECTIONBROKEN"))
        await world.dispatcher.hear(world.vehicle.connection("CONNECTIONBROKEN"))
        delivery = await world.deliver()
        assert world.steps(delivery) == [ASKED]
        await world.second()
        assert world.connections() == ["ONLINE", "CONNECTIONBROKEN", "ONLINE"]
        assert world.steps(delivery)[-1] == SENT
        await world.dispatcher.hear(world.vehicle.connection("SOMETHING_NEW"))
        assert world.connections()[-1] == "ONLINE"

    play(story())


def test_a_retained_online_is_no_sign_of_life(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        world.vehicle.linked = False
        await world.dispatcher.hear(world.vehicle.connection("ONLINE"))
        delivery = await world.deliver()
        await world.run(60)
        assert world.connections() == ["UNKNOWN"]
        assert world.steps(delivery) == [ASKED]

    play(story())


def test_a_robot_that_never_moves_on_fails_its_delivery(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.until(ACCEPTED, delivery)
        world.vehicle.body.e_stop = "MANUAL"
        await world.until(FAILED, delivery, within=700)
        assert "emergency stop (MANUAL)" in reasons(world, delivery)

    play(story())


def test_an_emergency_stop_is_written_down_at_once(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.run(3)
        world.vehicle.body.e_stop = "MANUAL"
        await world.second()
        last = world.disk.records[-1]
        assert isinstance(last, RobotChanged)
        assert last.errors == ("emergency stop (MANUAL)",)

    play(story())


def test_a_robot_in_manual_mode_gets_nothing_and_the_wait_has_an_end(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        world.vehicle.body.mode = "MANUAL"
        delivery = await world.deliver()
        await world.run(7300)
        assert world.vehicle.orders == []
        assert world.ends(delivery) == [FAILED]
        assert "mode MANUAL" in reasons(world, delivery)

    play(story())


def test_an_operator_cancels_what_waits_and_what_runs(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        first, second = await world.deliver("c1"), await world.deliver("c2")
        await world.until(LOADED, first)
        await world.order("c3", "cancel", delivery=second)
        assert world.ends(second) == [CANCELLED]
        await world.order("c4", "cancel", delivery=first)
        await world.run(5)
        assert world.ends(first) == [CANCELLED]
        assert reasons(world, first) == "cancelled by ann; the item is on the robot"
        assert world.vehicle.acts.count("cancelOrder") == 1

    play(story())


def test_after_a_cancel_on_the_way_the_next_delivery_begins_where_the_robot_stands(
    play: Play,
) -> None:
    async def story() -> None:
        world = FleetWorld()
        first = await world.deliver("c1")
        await world.run(5)
        await world.order("c2", "cancel", delivery=first)
        second = await world.deliver("c3")
        await world.until(DELIVERED, second)

    play(story())


def test_release_frees_the_dispatcher_from_a_robot_that_hangs(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        first, second = await world.deliver("c1"), await world.deliver("c2")
        await world.until(ACCEPTED, first)
        world.vehicle.body.e_stop = "MANUAL"
        await world.order("c3", "release")
        assert world.ends(first) == [FAILED]
        assert reasons(world, first) == "released by ann"
        world.vehicle.body.e_stop = "NONE"
        await world.until(DELIVERED, second)

    play(story())


def test_after_loading_a_forgotten_order_is_for_staff_and_the_queue_goes_on(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        first, second = await world.deliver("c1"), await world.deliver("c2")
        await world.until(LOADED, first)
        world.vehicle.reboot()
        world.vehicle.body.load = ""
        await world.dispatcher.hear(world.vehicle.connection("ONLINE"))
        await world.second()
        assert world.ends(first) == [FAILED]
        assert "look for the item" in reasons(world, first)
        await world.until(DELIVERED, second)
        assert [order.order_id for order in world.vehicle.orders].count(first) == 1

    play(story())


def test_an_order_forgotten_while_picking_is_for_staff_even_after_a_restart(play: Play) -> None:
    async def story() -> None:
        for restart in (False, True):
            world = FleetWorld()
            delivery = await world.deliver()
            task = None
            while task is None or task.status != "RUNNING":
                await world.second()
                task = world.vehicle.agenda.due()
            await world.second()
            if restart:
                world.restart()
            world.vehicle.reboot()
            await world.dispatcher.hear(world.vehicle.connection("ONLINE"))
            await world.second()
            assert world.steps(delivery) == [ASKED, SENT, ACCEPTED, FAILED]
            assert len(world.vehicle.orders) == 1

    play(story())


def test_a_delivery_that_was_done_before_it_could_be_stopped_counts_as_done(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.until(LOADED, delivery)
        world.vehicle.linked = False
        await world.run(5)
        await world.order("c2", "cancel", delivery=delivery)
        await world.run(60)
        assert world.ends(delivery) == []
        world.vehicle.linked = True
        await world.run(5)
        assert world.ends(delivery) == [DELIVERED]

    play(story())


def test_a_robot_that_comes_back_has_all_its_time_again(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.until(ACCEPTED, delivery)
        world.vehicle.body.e_stop = "MANUAL"
        world.vehicle.linked = False
        await world.run(3600)
        world.vehicle.linked = True
        await world.run(5)
        world.vehicle.body.e_stop = "NONE"
        await world.until(DELIVERED, delivery)

    play(story())


def test_a_restarted_robot_with_a_wrong_clock_is_believed_after_its_connection(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.run(40)
        world.vehicle.reboot()
        await world.dispatcher.hear(world.vehicle.connection("CONNECTIONBROKEN"))
        await world.dispatcher.hear(world.vehicle.connection("ONLINE"))
        await world.dispatcher.hear(world.vehicle.state(timestamp="1970-01-01T00:00:00Z"))
        assert world.connections() == ["ONLINE", "CONNECTIONBROKEN", "ONLINE"]

    play(story())


def test_a_state_from_before_the_order_that_comes_late_changes_nothing(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.second()
        old = world.vehicle.state()
        delivery = await world.deliver()
        await world.until(LOADED, delivery)
        await world.dispatcher.hear(old)
        await world.dispatcher.hear(old)
        await world.until(DELIVERED, delivery)
        assert len(world.vehicle.orders) == 1

    play(story())


def test_a_robot_at_no_known_place_fails_the_delivery_with_what_to_do(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        await world.dispatcher.hear(world.vehicle.state(agvPosition=None, lastNodeId="nowhere"))
        assert world.ends(delivery) == [FAILED]
        assert "drive it to a station" in reasons(world, delivery)

    play(story())


def test_unreadable_messages_are_counted_and_reported_once_a_minute(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        reports = asyncio.create_task(world.dispatcher._refused.run(), name="reports")
        for _ in range(130):
            await world.second()
            await world.time.after(0)
            await world.dispatcher.hear(vda5050.Unreadable("uagv/v2/Example/WL-001/state", "no"))
        reports.cancel()
        told = world.records(InputRefused)
        assert [one.count for one in told] == [1, 59, 60]

    play(story())


def test_a_job_that_cannot_be_read_back_ends_for_staff_and_harms_no_other(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        world.disk.memory["job"]["robot-1/spoilt"] = b"{"
        world.disk.memory["job"]["robot-2/spoilt"] = b"{"
        world.restart()
        await world.until(DELIVERED, delivery)
        assert world.ends("spoilt") == [FAILED]
        world.restart()
        await world.run(3)
        assert world.ends("spoilt") == [FAILED]

    play(story())


def test_a_quiet_robot_is_written_down_every_half_minute(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.run(300)
        lines = world.records(RobotChanged)
        assert 9 <= len(lines) <= 13

    play(story())


def test_run_listens_and_acts_until_cancelled(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        await world.dispatcher.hear(world.vehicle.state())

        ended = asyncio.Event()

        async def sleep(_: float) -> None:
            world.seconds += 1
            world.time.seconds += 1
            world.vehicle.clock = world.seconds
            world.vehicle.body.step(1.0)
            if world.ends(delivery):
                ended.set()
            await asyncio.sleep(0)

        world.time.sleep = sleep  # type: ignore[method-assign, assignment]
        world.restart()
        delivery = await world.deliver()
        task = asyncio.create_task(world.dispatcher.run(), name="fleet")
        await ended.wait()
        task.cancel()
        await asyncio.wait([task])
        assert world.ends(delivery) == [DELIVERED]

    play(story())


def test_a_wish_that_cannot_be_written_down_is_refused_and_never_driven(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        world.disk.sick, world.disk.gateway = True, False
        with pytest.raises(RefusedError, match=r"nothing was begun.*I/O error"):
            await world.deliver()
        await world.run(60)
        assert world.vehicle.orders == []
        world.disk.sick = False
        await world.run(60)
        assert world.vehicle.orders == []
        assert world.ends(delivery_of("c1")) == [CANCELLED]

    play(story())


def test_an_order_goes_out_when_it_is_written_down_and_not_before(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        world.disk.sick, world.disk.gateway = True, False
        await world.run(30)
        assert world.vehicle.orders == []
        world.disk.gateway = True  # its word is as good as a disk
        await world.until(DELIVERED, delivery)

    play(story())


def test_a_robots_driver_with_a_bug_costs_a_sending(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        sound = world.vehicle.send

        async def buggy(order: vda5050.Order) -> None:
            raise UnicodeEncodeError("ascii", "藏", 0, 1, "ordinal not in range")

        world.vehicle.send = buggy  # type: ignore[method-assign]
        delivery = await world.deliver()
        await world.run(10)
        world.vehicle.send = sound  # type: ignore[method-assign]
        await world.until(DELIVERED, delivery)

    play(story())


@pytest.mark.parametrize("step", [7200.0, -7200.0, -1e9])
def test_steps_of_the_wall_clock_overtake_no_patience(play: Play, step: float) -> None:
    async def story() -> None:
        world = FleetWorld()
        delivery = await world.deliver()
        for number in range(60):
            world.time.step_wall(step if number % 2 else -step)
            await world.second()
        assert world.ends(delivery) == [DELIVERED]

    play(story())


def test_a_wish_waits_two_hours_over_restarts_and_no_longer(play: Play) -> None:
    async def story() -> None:
        world = FleetWorld()
        world.vehicle.body.paused = True
        delivery = await world.deliver()
        hindered = {"operatingMode": "MANUAL"}
        for minute in range(130):
            world.time.seconds += 60
            world.time.step_wall(-3600 if minute % 2 else 3600)
            world.restart()
            await world.dispatcher.hear(world.vehicle.state(**hindered))
            assert (minute >= 120) == bool(world.ends(delivery)), minute
        assert "waited 120 min" in reasons(world, delivery)

    play(story())
