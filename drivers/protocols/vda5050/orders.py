"""Orders over a site's graph: what to do on a way, and updates that stitch.

Nodes and edges share one sequence: nodes are even, edges odd. The released prefix is the base,
which the robot may drive; the rest is the horizon, which it only knows of (VDA5050_EN.md 6.6.1).
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import hypot
from typing import NamedTuple
from uuid import UUID, uuid5

from msgspec.structs import replace

from config.site import Fleet
from drivers.protocols.vda5050.messages import (
    Action,
    ActionParameter,
    BlockingType,
    Edge,
    InstantActions,
    Node,
    NodePosition,
    Order,
    State,
)

NAMES = UUID("6f0c5b6e-58a1-5d2e-9d34-5a1c7f2f6b10")
"""The name space of our order and action ids, which are the same every time they are made."""
DEVIATION = 0.5
"""Metres from a node at which it counts as reached."""


class Errand(NamedTuple):
    """What to carry. `order_id` is the delivery's."""

    order_id: str
    item: str
    origin: str
    destination: str


class Start(NamedTuple):
    """The station from which a robot sets out, and how far from it the robot stands."""

    station: str
    distance: float


def fixed_id(*parts: str) -> str:
    """Make an id that is the same for the same parts, everywhere and every time."""
    return str(uuid5(NAMES, "\n".join(parts)))


def starting_point(fleet: Fleet, state: State) -> Start | None:
    """Say where a robot sets out: the nearest station, else the one it passed last."""
    position = state.agv_position
    if position is not None and position.map_id not in ("", fleet.map):
        position = None
    if position is not None and position.position_initialized and fleet.stations:
        away, nearest = min(
            (hypot(one.x - position.x, one.y - position.y), one.id) for one in fleet.stations
        )
        return Start(nearest, away)
    if any(state.last_node_id == one.id for one in fleet.stations):
        return Start(state.last_node_id or "", 0.0)
    return None


def delivery_order(fleet: Fleet, errand: Errand, begin: Start, way: Sequence[str]) -> Order:
    """Build the order: go to the origin, pick, go to the destination, drop.

    `way` is the stations from the robot's own through the origin to the destination.
    """
    actions = {way.index(errand.origin): _handling("pick", errand, errand.origin)}
    actions[len(way) - 1] = _handling("drop", errand, errand.destination)
    places = {station.id: station for station in fleet.stations}
    nodes = []
    for index, place in enumerate(way):
        # A robot may have stopped between two stations: the first node's range takes it in.
        reach = DEVIATION + (begin.distance if index == 0 else 0.0)
        position = NodePosition(
            places[place].x, places[place].y, fleet.map, allowed_deviation_xy=round(reach, 2)
        )
        todo = (actions[index],) if index in actions else ()
        nodes.append(Node(place, 2 * index, released=True, actions=todo, node_position=position))
    edges = tuple(
        Edge(
            f"{one}--{other}",
            2 * index + 1,
            released=True,
            start_node_id=one,
            end_node_id=other,
            actions=(),
            length=round(
                hypot(places[one].x - places[other].x, places[one].y - places[other].y), 3
            ),
        )
        for index, (one, other) in enumerate(pairwise(way))
    )
    return Order(errand.order_id, 0, tuple(nodes), edges)


def _handling(what: str, errand: Errand, place: str) -> Action:
    parameters = (
        ActionParameter("stationType", "desk"),
        ActionParameter("stationName", place),
        ActionParameter("loadType", "book"),
        ActionParameter("loadId", errand.item),
    )
    return Action(
        what,
        fixed_id(errand.order_id, what),
        BlockingType.HARD,
        action_parameters=parameters,
    )


def handling(order: Order, what: str) -> Action:
    """Find the order's `pick` or `drop`."""
    for node in order.nodes:
        for action in node.actions:
            if action.action_type == what:
                return action
    raise ValueError(f"order {order.order_id} has no {what}")


def released_to(order: Order, sequence: int) -> Order:
    """Give the same order with its base ending at node `sequence`; the rest is horizon."""
    if sequence not in {node.sequence_id for node in order.nodes}:
        raise ValueError(f"order {order.order_id} has no node with sequence {sequence}")
    return replace(
        order,
        nodes=tuple(replace(node, released=node.sequence_id <= sequence) for node in order.nodes),
        edges=tuple(replace(edge, released=edge.sequence_id <= sequence) for edge in order.edges),
    )


def decision_point(order: Order) -> Node:
    """Give the last node of the base, where the robot stops until it is told more."""
    return [node for node in order.nodes if node.released][-1]


def extended(order: Order, sequence: int, *, repeat_actions: bool = False) -> Order:
    """Build the update that moves the end of the base on to node `sequence`.

    The update begins at the stitching node, the last of the old base, and resends nothing before
    it. Its actions were given before and are not repeated: a robot built on vda-5050-lib adds them
    a second time and then waits for ever. `repeat_actions` is for robots of version 3, which want
    them back.
    """
    stitch = decision_point(order)
    if sequence < stitch.sequence_id:
        raise ValueError(f"order {order.order_id}: the base already reaches {stitch.sequence_id}")
    whole = released_to(order, sequence)
    first = replace(stitch, actions=stitch.actions if repeat_actions else ())
    return replace(
        whole,
        order_update_id=order.order_update_id + 1,
        nodes=(first, *(node for node in whole.nodes if node.sequence_id > stitch.sequence_id)),
        edges=tuple(edge for edge in whole.edges if edge.sequence_id > stitch.sequence_id),
    )


def instant_action(
    kind: str, action_id: str, parameters: Iterable[ActionParameter] = ()
) -> InstantActions:
    """Build one instant action such as cancelOrder or stateRequest."""
    action = Action(
        kind,
        action_id,
        BlockingType.HARD if kind == "cancelOrder" else BlockingType.NONE,
        action_parameters=tuple(parameters) or None,
    )
    return InstantActions((action,))


def cancel_id(order_id: str) -> str:
    """Give the id of the cancelOrder action for an order: the same however often it is sent."""
    return fixed_id(order_id, "cancelOrder")
