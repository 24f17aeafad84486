"""What a robot's state proves of an order, however sloppy the robot.

Only the echo of the order's id and the states of its own actions count as proof: some robots
never remove the nodes they passed, send the first one again, or clear what they finished.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

from contracts.records import DeliveryStep
from drivers.protocols.vda5050.messages import (
    ENDED_ACTION,
    ActionState,
    ActionStatus,
    Mode,
    Order,
    RobotError,
    State,
)
from drivers.protocols.vda5050.orders import handling

LONGEST_TEXT = 200
WORKING_MODES = frozenset({Mode.AUTOMATIC, Mode.SEMIAUTOMATIC})
STRAYS = 3
"""So many messages in a row that look old are believed: the robot was restarted."""


class Progress(NamedTuple):
    """How far a state proves a delivery to be; `step` is None when it says nothing of it."""

    step: DeliveryStep | None
    started: bool = False
    """Whether the robot has begun to handle the item."""
    reason: str = ""


def progress(order: Order, state: State) -> Progress:
    """Read what a state proves of an order.

    `step` is ACCEPTED, LOADED, DELIVERED, FAILED (with the reason) or None.
    """
    if state.order_id != order.order_id:
        reason = rejection(order, state)
        return Progress(DeliveryStep.FAILED, reason=reason) if reason else Progress(None)
    known = {one.action_id: one for one in state.action_states or ()}
    pick = known.get(handling(order, "pick").action_id)
    drop = known.get(handling(order, "drop").action_id)
    if drop is not None and drop.action_status == ActionStatus.FINISHED:
        return Progress(DeliveryStep.DELIVERED, started=True)
    for what, action in (("pick", pick), ("drop", drop)):
        if action is not None and action.action_status == ActionStatus.FAILED:
            return Progress(DeliveryStep.FAILED, started=True, reason=_failure(what, action, state))
    if pick is not None and pick.action_status == ActionStatus.FINISHED:
        return Progress(DeliveryStep.LOADED, started=True)
    if state.order_update_id < order.order_update_id:
        reason = rejection(order, state)
        return Progress(DeliveryStep.FAILED, reason=reason) if reason else Progress(None)
    begun = pick is not None and pick.action_status != ActionStatus.WAITING
    return Progress(DeliveryStep.ACCEPTED, started=begun)


def _failure(what: str, action: ActionState, state: State) -> str:
    said = action.result_description or "; ".join(complaints(state))
    return f"the robot's {what} failed: {said}"[:LONGEST_TEXT] if said else f"{what} failed"


def rejection(order: Order, state: State) -> str:
    """Give the robot's reason for refusing this order, or nothing."""
    for error in state.errors or ():
        for reference in error.error_references or ():
            about_order = reference.reference_key.lower().endswith("orderid")
            if about_order and str(reference.reference_value) == order.order_id:
                return f"the robot refused the order: {_words(error)}"[:LONGEST_TEXT]
    return ""


def complaints(state: State) -> tuple[str, ...]:
    """Give all that is wrong with a robot, for people."""
    stop = state.safety_state.e_stop if state.safety_state else "NONE"
    first = (f"emergency stop ({stop})",) if stop != "NONE" else ()
    return (*first, *(_words(error)[:LONGEST_TEXT] for error in (state.errors or ())[:20]))


def _words(error: RobotError) -> str:
    text = f"{error.error_level} {error.error_type}".strip()
    return f"{text}: {error.error_description}" if error.error_description else text


def idle(state: State) -> bool:
    """Say whether a robot has nothing left to do, even if it keeps nodes that it passed."""
    if state.driving:
        return False
    if any(one.action_status not in ENDED_ACTION for one in state.action_states or ()):
        return False
    last = state.last_node_sequence_id or 0
    ahead = [node.sequence_id for node in state.node_states or ()]
    ahead += [edge.sequence_id for edge in state.edge_states or ()]
    return not ahead or (bool(state.last_node_id) and max(ahead) <= last)


def hindrance(state: State) -> str:
    """Say why a robot cannot take an order now, or nothing when it can."""
    if state.operating_mode not in WORKING_MODES:
        return f"the robot is in mode {state.operating_mode}"
    if state.safety_state is not None and state.safety_state.e_stop != "NONE":
        return f"emergency stop ({state.safety_state.e_stop})"
    fatal = [error for error in state.errors or () if error.error_level == "FATAL"]
    if fatal:
        return _words(fatal[0])[:LONGEST_TEXT]
    if state.paused:
        return "the robot is paused"
    return "" if idle(state) else f"the robot is busy with order {state.order_id!r}"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Tells new states from old and doubled ones; begin a new one at each connection message."""

    header: int = -1
    stamp: str = ""
    strays: int = 0

    def take(self, state: State) -> "tuple[Sequence, bool]":
        """Say whether a state is news, and give the sequence to go on with."""
        if (state.header_id, state.timestamp) == (self.header, self.stamp):
            return self, False
        newer = state.header_id > self.header or _later(state.timestamp, self.stamp)
        if newer or self.strays + 1 >= STRAYS:
            return Sequence(state.header_id, state.timestamp), True
        return replace(self, strays=self.strays + 1), False


def _later(one: str, other: str) -> bool:
    first, second = _moment(one), _moment(other)
    return first is not None and second is not None and first > second


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
