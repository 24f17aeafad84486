"""What a delivery robot was told and what became of it (VDA5050_EN.md 2.1.0, 6.6, 6.9, 6.10).

Messages are plain dictionaries, as they come and go on the wire.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.robots.order_check import OrderFault, continuation_fault, order_fault

ENDED = ("FINISHED", "FAILED")
Message = Mapping[str, Any]
Log = Callable[[str, str], None]
"""Told of (order, step): accepted, picked, dropped, failed, cancelled."""


@dataclass
class Task:
    """An action and what became of it."""

    action: Message
    sequence: int | None
    """Of its node; None for an instant action."""
    status: str = "WAITING"
    result: str = ""
    left: float = 0.0
    phase: int = 0

    def state(self) -> dict[str, Any]:
        """Describe it as in `actionStates`."""
        described = {
            "actionId": self.action["actionId"],
            "actionType": self.action["actionType"],
            "actionStatus": self.status,
        }
        return {**described, "resultDescription": self.result} if self.result else described

    def argument(self, key: str) -> str:
        """Give a parameter of the action."""
        for one in self.action.get("actionParameters") or []:
            if one.get("key") == key:
                return str(one.get("value", ""))
        return ""


@dataclass
class OrderState:
    """The order, its actions, instant actions and complaints."""

    log: Log
    order: str = ""
    update: int = 0
    nodes: list[Message] = field(default_factory=list)
    edges: list[Message] = field(default_factory=list)
    decision: tuple[str, int] = ("", 0)
    """The last node of the base: where an update must begin."""
    cancelled: bool = False
    tasks: list[Task] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    last_node: str = ""
    last_sequence: int = 0
    changed: bool = True
    """Something happened that the master must hear of at once."""

    @property
    def busy(self) -> bool:
        """Whether an order is not finished."""
        return bool(self.nodes or self.edges) or any(one.status not in ENDED for one in self.tasks)

    def take_order(self, order: Message, hindrance: Callable[[Message], OrderFault | None]) -> None:
        """Accept or reject an order (6.6.4); `hindrance` says what speaks against a new one."""
        fault = order_fault(order)
        if fault is None and order["orderId"] == self.order:
            if order["orderUpdateId"] == self.update:
                return  # sent again: nothing to do
            fault = continuation_fault(order, self.update, self.decision, cancelled=self.cancelled)
            if fault is None:
                self._extend(order)
        elif fault is None:
            fault = hindrance(order)
            if fault is None:
                self._begin(order)
        if fault is not None:
            self.complain(fault, order)

    def _begin(self, order: Message) -> None:
        self.order, self.update, self.cancelled = order["orderId"], order["orderUpdateId"], False
        self.nodes, self.edges = list(order["nodes"]), list(order["edges"])
        self.errors = [one for one in self.errors if one["errorLevel"] == "FATAL"]
        self.tasks = []
        self._add(self.nodes)
        self.log(self.order, "accepted")

    def _extend(self, order: Message) -> None:
        self.update = order["orderUpdateId"]
        stitch = self.decision[1]
        self.nodes = [one for one in self.nodes if one["sequenceId"] <= stitch]
        self.edges = [one for one in self.edges if one["sequenceId"] < stitch]
        self.tasks = [one for one in self.tasks if (one.sequence or 0) <= stitch]
        self.nodes += order["nodes"][1:]
        self.edges += order["edges"]
        self._add(order["nodes"][1:])

    def _add(self, nodes: list[Message]) -> None:
        for one in nodes:
            self.tasks += [Task(action, one["sequenceId"]) for action in one["actions"]]
            if one["released"]:
                self.decision = (one["nodeId"], one["sequenceId"])
        self.changed = True

    def arrive(self) -> None:
        """Pass the next node."""
        node = self.nodes.pop(0)
        self.last_node, self.last_sequence = node["nodeId"], node["sequenceId"]
        self.edges = [one for one in self.edges if one["sequenceId"] > node["sequenceId"]]
        self.changed = True

    def due(self) -> Task | None:
        """Give the action to work on before driving on."""
        ahead = {one["sequenceId"] for one in self.nodes}
        for one in self.tasks:
            if one.sequence is not None and one.sequence not in ahead and one.status not in ENDED:
                return one
        return None

    @property
    def stuck(self) -> bool:
        """Whether an action of the order failed: the master must decide."""
        return any(one.status == "FAILED" for one in self.tasks if one.sequence is not None)

    def complain(self, fault: OrderFault, about: object) -> None:
        """Report an error with what it is about."""
        references = [
            {"referenceKey": key, "referenceValue": str(about[key])}
            for key in ("headerId", "orderId", "orderUpdateId", "actionId")
            if isinstance(about, Mapping) and key in about
        ]
        error = {
            "errorType": fault.kind,
            "errorLevel": "WARNING",
            "errorDescription": fault.text,
            "errorReferences": references,
        }
        self.errors = [*self.errors[-9:], error]
        self.changed = True

    def take_instant(self, action: Message) -> Task | None:
        """Note an instant action; None when it was sent before."""
        if any(one.action["actionId"] == action["actionId"] for one in self.tasks):
            return None
        recent = [one for one in self.tasks if one.sequence is None][-9:]
        self.tasks = [one for one in self.tasks if one.sequence is not None or one in recent]
        task = Task(action, None, "FINISHED")
        if action["actionType"] == "cancelOrder":
            self._cancel(task)
        self.tasks.append(task)
        self.changed = True
        return task

    def _cancel(self, task: Task) -> None:
        if not self.busy:
            task.status = "FAILED"
            self.complain(OrderFault("noOrderToCancel", "there is nothing to cancel"), task.action)
            return
        for one in self.tasks:
            if one.status not in ENDED:
                one.status, one.result = "FAILED", "cancelled"
        self.nodes, self.edges, self.cancelled = [], [], True
        self.log(self.order, "cancelled")

    def forget(self) -> None:
        """Lose what a reboot loses: the order, not the place."""
        self.order, self.update, self.last_sequence, self.cancelled = "", 0, 0, False
        self.nodes, self.edges, self.tasks, self.errors = [], [], [], []
        self.changed = True

    def words(self) -> dict[str, Any]:
        """Describe it as parts of a state (6.10)."""
        return {
            "orderId": self.order,
            "orderUpdateId": self.update,
            "lastNodeId": self.last_node,
            "lastNodeSequenceId": self.last_sequence,
            "nodeStates": [_named(one, "nodeId") for one in self.nodes],
            "edgeStates": [_named(one, "edgeId") for one in self.edges],
            "actionStates": [one.state() for one in self.tasks],
            "errors": self.errors,
        }


def _named(one: Message, key: str) -> dict[str, Any]:
    return {key: one[key], "sequenceId": one["sequenceId"], "released": one["released"]}
