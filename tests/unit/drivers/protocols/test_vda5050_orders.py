"""Orders over any graph: numbered as the standard asks, with updates that stitch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.site import Fleet
from drivers.protocols import vda5050
from drivers.protocols.vda5050 import Errand, Order, Position, Start, State
from edge.fleet.routing import NoWayError, delivery_way
from tests.unit.edge.fleet.station_graphs import PLACES, fleets


def check_form(order: Order) -> None:
    assert len(order.edges) == len(order.nodes) - 1
    first = order.nodes[0].sequence_id
    assert [one.sequence_id for one in order.nodes] == [
        first + 2 * index for index in range(len(order.nodes))
    ]
    assert first % 2 == 0
    for index, edge in enumerate(order.edges):
        before, after = order.nodes[index], order.nodes[index + 1]
        assert edge.sequence_id == before.sequence_id + 1
        assert (edge.start_node_id, edge.end_node_id) == (before.node_id, after.node_id)
        assert edge.released == (before.released and after.released)
    released = [one.released for one in order.nodes]
    assert released == sorted(released, reverse=True)
    assert released[0]


@given(fleets(), st.permutations(PLACES))
def test_an_order_picks_at_the_origin_and_drops_at_the_destination(
    fleet: Fleet, places: list[str]
) -> None:
    start, origin, destination = places[:3]
    try:
        way = delivery_way(fleet, start, origin, destination)
    except NoWayError:
        return
    errand = Errand("o", "book", origin, destination)
    order = vda5050.delivery_order(fleet, errand, Start(start, 0.0), way)
    check_form(order)
    assert order.nodes[0].node_id == start
    todo = [(one.node_id, action.action_type) for one in order.nodes for action in one.actions]
    assert todo == [(origin, "pick"), (destination, "drop")]
    assert order.nodes[-1].node_id == destination
    assert all(action.blocking_type == "HARD" for one in order.nodes for action in one.actions)


@given(fleets(), st.integers(0, 6), st.integers(0, 6))
def test_an_update_begins_at_the_last_released_node_and_moves_the_base_on(
    fleet: Fleet, first: int, second: int
) -> None:
    try:
        way = delivery_way(fleet, "a", "b", "c")
    except NoWayError:
        return
    whole = vda5050.delivery_order(fleet, Errand("o", "book", "b", "c"), Start("a", 0.0), way)
    last = len(whole.nodes) - 1
    low, high = sorted((min(first, last), min(second, last)))
    base = vda5050.released_to(whole, 2 * low)
    check_form(base)
    update = vda5050.extended(base, 2 * high)
    check_form(update)
    assert update.order_id == base.order_id
    assert update.order_update_id == base.order_update_id + 1
    stitch = vda5050.decision_point(base)
    assert (update.nodes[0].node_id, update.nodes[0].sequence_id) == (
        stitch.node_id,
        stitch.sequence_id,
    )
    assert update.nodes[0].actions == ()
    assert vda5050.extended(base, 2 * high, repeat_actions=True).nodes[0].actions == stitch.actions
    assert vda5050.decision_point(update).sequence_id == 2 * high
    # Base and update together are the whole order again.
    kept = [one.node_id for one in base.nodes if one.sequence_id < stitch.sequence_id]
    assert kept + [one.node_id for one in update.nodes] == [one.node_id for one in whole.nodes]


def test_ids_are_the_same_every_time_and_different_for_different_orders() -> None:
    assert vda5050.cancel_id("a") == vda5050.cancel_id("a") != vda5050.cancel_id("b")
    assert vda5050.fixed_id("ab", "c") != vda5050.fixed_id("a", "bc")


LINE = Fleet.model_validate(
    {
        "stations": [{"id": "a", "x": 0, "y": 0}, {"id": "b", "x": 10, "y": 0}],
        "ways": [["a", "b"]],
    }
)


def state_at(node: str | None, position: Position | None) -> State:
    return State(
        1, "", "", "", "", "", 0, False, "AUTOMATIC", (), (), (), last_node_id=node,
        agv_position=position,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("node", "position", "expected"),
    [
        ("a", None, Start("a", 0.0)),
        ("a", Position(9.0, 0.0, map_id="ground"), Start("b", 1.0)),
        ("a", Position(9.0, 0.0, position_initialized=False), Start("a", 0.0)),
        ("a", Position(9.0, 0.0, map_id="upstairs"), Start("a", 0.0)),
        ("", Position(0.0, 4.0), Start("a", 4.0)),
        ("elsewhere", None, None),
        (None, None, None),
    ],
)
def test_a_robot_sets_out_from_where_it_stands(
    node: str | None, position: Position | None, expected: Start | None
) -> None:
    assert vda5050.starting_point(LINE, state_at(node, position)) == expected


def test_the_first_node_takes_in_a_robot_that_stands_beside_it() -> None:
    order = vda5050.delivery_order(LINE, Errand("o", "book", "a", "b"), Start("a", 3.2), "ab")
    assert order.nodes[0].node_position is not None
    assert order.nodes[0].node_position.allowed_deviation_xy == 3.7
