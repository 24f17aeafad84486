"""A delivery robot as a thing in space: it drives, picks, drops, drains. No wire, no clock.

Written from VDA5050_EN.md 2.1.0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import atan2, hypot
from typing import Any

from simulators.robots.order_check import OrderFault
from simulators.robots.order_state import Message, OrderState, Task

SPEED = 1.0
"""Metres per second."""
ACTION_PHASES = (("INITIALIZING", 2.0), ("RUNNING", 8.0))
"""What an action goes through after WAITING, and for how many seconds."""
PERCENT_PER_METRE = 0.01
PERCENT_PER_IDLE_SECOND = 1 / 3600
PERCENT_PER_CHARGING_SECOND = 100 / 3600
LOW_BATTERY = 15.0
ATTENDANT = 300.0
"""Seconds after which somebody takes a stranded item off, or changes an empty battery."""
ON_NODE = 0.05
RANGE = 0.5
"""Metres; the range about a node that gives none of its own."""


@dataclass
class Body:
    """A robot at its dock. Time comes in by `step` alone."""

    stations: Mapping[str, tuple[float, float]]
    map_id: str
    dock: str
    agenda: OrderState
    x: float = 0.0
    y: float = 0.0
    theta: float = 0.0
    battery: float = 90.0
    driving: bool = False
    paused: bool = False
    mode: str = "AUTOMATIC"
    e_stop: str = "NONE"
    load: str = ""
    next_failure: str = ""
    stranded: float = 0.0

    def __post_init__(self) -> None:
        self.x, self.y = self.stations[self.dock]
        self.agenda.last_node = self.dock

    def take_order(self, order: Message) -> None:
        """Accept or reject an order."""
        before = self.agenda.order
        self.agenda.take_order(order, self._hindrance)
        begun = self.agenda.order != before
        if begun and hypot(*self._offset(self.agenda.nodes[0])) <= ON_NODE:
            self.agenda.arrive()

    def _hindrance(self, order: Message) -> OrderFault | None:
        if self.mode != "AUTOMATIC":
            return OrderFault("orderError", f"the robot is in mode {self.mode}")
        if self.agenda.busy:
            return OrderFault("orderError", f"order {self.agenda.order} is not finished")
        first = order["nodes"][0]
        away = hypot(*self._offset(first))
        reach = (first.get("nodePosition") or {}).get("allowedDeviationXY") or RANGE
        if away > reach and first["nodeId"] != self.agenda.last_node:
            return OrderFault("noRouteError", f"{first['nodeId']} is {away:.1f} m away")
        return None

    def take_instant(self, action: Message) -> None:
        """Carry out an instant action (6.9)."""
        task = self.agenda.take_instant(action)
        if task is None:
            return
        kind = action["actionType"]
        if kind in ("startPause", "stopPause"):
            self.paused = kind == "startPause"
        elif kind not in ("cancelOrder", "stateRequest", "factsheetRequest"):
            task.status, task.result = "FAILED", f"{kind} is not supported"
            self.agenda.complain(OrderFault("instantActionError", task.result), action)

    def step(self, seconds: float) -> None:
        """Let time pass."""
        before, self.driving = self.driving, False
        left = seconds
        if self.e_stop == "NONE" and not self.paused and self.mode == "AUTOMATIC":
            while left > 0:
                left = self._work(left)
        if before != self.driving:
            self.agenda.changed = True
        self._live(seconds)

    def _work(self, seconds: float) -> float:
        """Do one thing for at most so long; give the time that is left."""
        if self.agenda.stuck:
            return 0.0
        task = self.agenda.due()
        if task is not None:
            return self._handle(task, seconds)
        if self.agenda.nodes and self.agenda.nodes[0]["released"]:
            return self._drive(seconds)
        return 0.0

    def _handle(self, task: Task, seconds: float) -> float:
        if task.status == "WAITING":
            task.status, task.left = ACTION_PHASES[0]
            self.agenda.changed = True
        used = min(seconds, task.left)
        task.left -= used
        if task.left <= 0:
            task.phase += 1
            self.agenda.changed = True
            if task.phase < len(ACTION_PHASES):
                task.status, task.left = ACTION_PHASES[task.phase]
            else:
                self._finish(task)
        return seconds - used

    def _finish(self, task: Task) -> None:
        kind = task.action["actionType"]
        failure, self.next_failure = self.next_failure, ""
        if not failure and kind == "pick" and self.load:
            failure = f"{self.load} is still on the robot"
        if not failure and kind == "drop" and not self.load:
            failure = "there is nothing on the robot"
        if failure:
            task.status, task.result = "FAILED", failure
            reference = {"orderId": self.agenda.order, "actionId": task.action["actionId"]}
            self.agenda.complain(OrderFault("actionError", failure), reference)
            self.agenda.log(self.agenda.order, "failed")
            return
        task.status = "FINISHED"
        if kind == "pick":
            self.load = task.argument("loadId") or "an item"
            self.agenda.log(self.agenda.order, "picked")
        elif kind == "drop":
            self.load = ""
            self.agenda.log(self.agenda.order, "dropped")

    def _drive(self, seconds: float) -> float:
        if self.battery <= 0:
            return 0.0
        dx, dy = self._offset(self.agenda.nodes[0])
        away = hypot(dx, dy)
        reach = min(away, seconds * SPEED)
        if away > ON_NODE:
            self.driving = True
            self.theta = atan2(dy, dx)
            self.x += dx / away * reach
            self.y += dy / away * reach
            self.battery = max(0.0, self.battery - reach * PERCENT_PER_METRE)
        if away - reach <= ON_NODE:
            self.agenda.arrive()
            return seconds - reach / SPEED
        return 0.0

    def _offset(self, node: Mapping[str, Any]) -> tuple[float, float]:
        position = node.get("nodePosition")
        if position:
            return position["x"] - self.x, position["y"] - self.y
        x, y = self.stations.get(node["nodeId"], (self.x, self.y))
        return x - self.x, y - self.y

    @property
    def charging(self) -> bool:
        """Whether it stands at the dock with nothing to do."""
        return self.agenda.last_node == self.dock and not self.agenda.busy and self.battery < 100

    def _live(self, seconds: float) -> None:
        """Let the battery and the people around do their part."""
        if self.charging:
            self.battery = min(100.0, self.battery + seconds * PERCENT_PER_CHARGING_SECOND)
        else:
            self.battery = max(0.0, self.battery - seconds * PERCENT_PER_IDLE_SECOND)
        stuck = not self.agenda.busy and bool(self.load)
        empty = self.battery < LOW_BATTERY and not self.charging and not self.driving
        self.stranded = self.stranded + seconds if stuck or empty else 0.0
        if self.stranded >= ATTENDANT:
            self.stranded, self.agenda.changed = 0.0, True
            if stuck:
                self.load = ""
            if empty:
                self.battery = 100.0

    def forget(self) -> None:
        """Lose what a reboot loses."""
        self.agenda.forget()
        self.driving = self.paused = False

    def state(self) -> dict[str, Any]:
        """Describe everything (6.10), without a header."""
        return {
            **self.agenda.words(),
            "driving": self.driving,
            "paused": self.paused,
            "newBaseRequest": False,
            "operatingMode": self.mode,
            "agvPosition": {
                "x": round(self.x, 3),
                "y": round(self.y, 3),
                "theta": round(self.theta, 4),
                "mapId": self.map_id,
                "positionInitialized": True,
            },
            "loads": [{"loadId": self.load, "loadType": "book"}] if self.load else [],
            "batteryState": {"batteryCharge": round(self.battery, 1), "charging": self.charging},
            "information": [],
            "safetyState": {"eStop": self.e_stop, "fieldViolation": False},
        }
