"""What a state proves, also of robots that follow the standard only roughly."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from config.site import Fleet
from contracts.records import DeliveryStep
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import (
    ActionState,
    EdgeState,
    Errand,
    ErrorReference,
    NodeState,
    RobotError,
    Sequence,
    Start,
    State,
)

FLEET = Fleet.model_validate(
    {
        "stations": [{"id": name, "x": x, "y": 0} for x, name in enumerate("abc")],
        "ways": [["a", "b"], ["b", "c"]],
    }
)
ORDER = vda5050.delivery_order(FLEET, Errand("o-1", "book", "b", "c"), Start("a", 0.0), "abc")
PICK = vda5050.handling(ORDER, "pick").action_id
DROP = vda5050.handling(ORDER, "drop").action_id
ALL_NODES = tuple(NodeState(one.node_id, one.sequence_id) for one in ORDER.nodes)
ALL_EDGES = tuple(EdgeState(one.edge_id, one.sequence_id) for one in ORDER.edges)
STATUSES = ["WAITING", "INITIALIZING", "RUNNING", "PAUSED", "FINISHED", "FAILED", "RETRIABLE"]


def state(pick: str | None = None, drop: str | None = None, **other: Any) -> State:
    actions = [ActionState(PICK, pick)] if pick else []
    actions += [ActionState(DROP, drop)] if drop else []
    base = State(1, "", "", "", "", "o-1", 0, False, "AUTOMATIC", (), (), tuple(actions))
    return replace(base, **other)


@pytest.mark.parametrize(
    ("pick", "drop", "step", "started"),
    [
        ("WAITING", "WAITING", DeliveryStep.ACCEPTED, False),
        ("INITIALIZING", "WAITING", DeliveryStep.ACCEPTED, True),
        ("FINISHED", "WAITING", DeliveryStep.LOADED, True),
        ("FINISHED", "RUNNING", DeliveryStep.LOADED, True),
        ("FINISHED", "FINISHED", DeliveryStep.DELIVERED, True),
        (None, "FINISHED", DeliveryStep.DELIVERED, True),
        ("FAILED", "WAITING", DeliveryStep.FAILED, True),
        ("FINISHED", "FAILED", DeliveryStep.FAILED, True),
        (None, None, DeliveryStep.ACCEPTED, False),
    ],
)
def test_the_orders_own_actions_tell_how_far_it_is(
    pick: str | None, drop: str | None, step: DeliveryStep, *, started: bool
) -> None:
    seen = vda5050.progress(ORDER, state(pick, drop))
    assert (seen.step, seen.started) == (step, started)
    sloppy = state(pick, drop, node_states=ALL_NODES, edge_states=ALL_EDGES, last_node_id=None)
    assert vda5050.progress(ORDER, sloppy) == seen
    assert bool(seen.reason) == (step is DeliveryStep.FAILED)


def test_a_state_with_another_order_proves_nothing() -> None:
    assert vda5050.progress(ORDER, state("FINISHED", "FINISHED", order_id="")).step is None
    assert vda5050.progress(ORDER, state("FINISHED", "FINISHED", order_id="o-2")).step is None


def test_an_update_is_proven_by_its_number_but_actions_count_before() -> None:
    update = vda5050.extended(vda5050.released_to(ORDER, 2), 4)
    whole = replace(ORDER, order_update_id=update.order_update_id)
    assert vda5050.progress(whole, state("WAITING")).step is None
    assert vda5050.progress(whole, state("FINISHED")).step is DeliveryStep.LOADED
    assert vda5050.progress(whole, state("WAITING", order_update_id=1)).step is (
        DeliveryStep.ACCEPTED
    )


@pytest.mark.parametrize("key", ["orderId", "order.orderId", "OrderID"])
def test_a_refusal_names_the_order_it_is_about(key: str) -> None:
    error = RobotError("noRouteError", "WARNING", "no way", (ErrorReference(key, "o-1"),))
    seen = vda5050.progress(ORDER, state(order_id="", errors=(error,)))
    assert seen.step is DeliveryStep.FAILED
    assert seen.reason == "the robot refused the order: WARNING noRouteError: no way"
    assert vda5050.progress(ORDER, state("WAITING", errors=(error,))).step is (
        DeliveryStep.ACCEPTED
    ), "a complaint about the second copy of an order that runs is no refusal"
    about_another = RobotError("orderError", "WARNING", None, (ErrorReference(key, "o-9"),))
    assert vda5050.progress(ORDER, state(order_id="", errors=(about_another,))).step is None


@given(st.sampled_from(STATUSES), st.sampled_from(STATUSES), st.booleans())
def test_idle_means_nothing_can_still_happen(pick: str, drop: str, driving: object) -> None:
    calm = vda5050.idle(state(pick, drop, driving=driving))
    assert calm == ({pick, drop} <= {"FINISHED", "FAILED"} and not driving)


def test_a_robot_that_never_removes_passed_nodes_comes_to_rest_all_the_same() -> None:
    left = {"node_states": ALL_NODES, "edge_states": ALL_EDGES}
    done = state("FINISHED", "FINISHED", last_node_id="c", last_node_sequence_id=4, **left)
    assert vda5050.idle(done)
    on_the_way = state("FINISHED", "FINISHED", last_node_id="b", last_node_sequence_id=2, **left)
    assert not vda5050.idle(on_the_way)
    fresh = state(last_node_id="", last_node_sequence_id=0, node_states=ALL_NODES[:1])
    assert not vda5050.idle(fresh)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({}, ""),
        ({"operating_mode": "MANUAL"}, "the robot is in mode MANUAL"),
        ({"operating_mode": "SEMIAUTOMATIC"}, ""),
        ({"paused": True}, "the robot is paused"),
        ({"driving": True}, "the robot is busy with order 'o-1'"),
        ({"errors": (RobotError("motor", "FATAL"),)}, "FATAL motor"),
        ({"errors": (RobotError("lamp", "WARNING"),)}, ""),
    ],
)
def test_what_keeps_a_robot_from_taking_an_order(other: dict[str, Any], reason: str) -> None:
    assert vda5050.hindrance(state(**other)) == reason


def stamped(header: int, second: int) -> State:
    return state(header_id=header, timestamp=f"2026-01-01T00:00:{second:02}.5Z")


def take(*messages: State) -> list[bool]:
    sequence, taken = Sequence(), []
    for message in messages:
        sequence, news = sequence.take(message)
        taken.append(news)
    return taken


def test_doubled_and_late_states_are_told_from_new_ones() -> None:
    one, two, three = stamped(1, 1), stamped(2, 2), stamped(3, 3)
    assert take(one, two, two, one, three) == [True, True, False, False, True]


def test_a_robot_that_counts_anew_is_believed_by_its_clock() -> None:
    assert take(stamped(900, 1), stamped(0, 5), stamped(1, 6)) == [True, True, True]


def test_a_robot_that_counts_anew_with_a_wrong_clock_is_not_mute_for_long() -> None:
    old = [state(header_id=n, timestamp="1970-01-01T00:00:00Z") for n in range(5)]
    assert take(stamped(900, 1), *old) == [True, False, False, True, True, True]


def test_a_clock_that_cannot_be_read_leaves_the_numbers() -> None:
    sloppy = [state(header_id=n, timestamp="today") for n in (1, 2, 2, 1, 3)]
    assert take(*sloppy) == [True, True, False, False, True]
