"""A robot that keeps few of the rules: its deliveries end all the same, and say why."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contracts.records import DeliveryChanged, InputRefused, RobotChanged
from edge.fleet.delivery_request import delivery_of
from tests.scenario.test_fleet_deliveries import STEPS, Building, wish

Play = Callable[..., Any]
BASE = "uagv/v2/Example/WL-001/"
YESTERDAY = "2020-01-01T08:00:00.000Z"
BEAT = 0.03


class SloppyRobot:
    """Never removes a node, writes null for what it lacks, counts as it likes.

    It says version 2.0.0 to a master of 2.1.0, and gives every message the same old time.
    """

    def __init__(self, client: aiomqtt.Client, fate: str) -> None:
        self._client = client
        self._fate = fate
        self._header = 0
        self._order: dict[str, Any] = {}
        self._statuses: dict[str, str] = {}
        self._errors: list[dict[str, Any]] | None = None
        self.orders = 0

    async def run(self) -> None:
        await self._client.subscribe(BASE + "order")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(), name="sloppy listens")
            group.create_task(self._babble(), name="sloppy babbles")

    async def _listen(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            order = json.loads(message.payload)
            self.orders += 1
            if self._fate == "refuses":
                self._errors = [
                    {
                        "errorType": "validationError",
                        "errorLevel": "WARNING",
                        "errorDescription": "no way there",
                        "errorReferences": [
                            {"referenceKey": "orderId", "referenceValue": order["orderId"]}
                        ],
                    }
                ]
            elif order["orderId"] != self._order.get("orderId"):
                self._order = order
                actions = [one for node in order["nodes"] for one in node["actions"]]
                self._statuses = {one["actionId"]: "WAITING" for one in actions}

    async def _babble(self) -> None:
        while True:
            await self._say()
            await asyncio.sleep(BEAT)
            self._header += 1
            if self._header % 7 == 0:
                self._header = 0  # and nobody is told
            if self._order and self._header % 2:
                self._work()

    def _work(self) -> None:
        after = {"WAITING": "RUNNING", "RUNNING": "FINISHED"}
        for action, status in self._statuses.items():
            if status in after:
                self._statuses[action] = after[status]
                if self._fate == "forgets" and after[status] == "FINISHED":
                    self._order, self._statuses = {}, {}
                return

    async def _say(self) -> None:
        nodes = [
            {"nodeId": n["nodeId"], "sequenceId": n["sequenceId"], "released": True}
            for n in self._order.get("nodes", ())
        ]
        done = all(one == "FINISHED" for one in self._statuses.values())
        last = nodes[-1] if nodes and done else {"nodeId": "dock", "sequenceId": 0}
        state = {
            **header(self._header),
            "orderId": self._order.get("orderId", ""),
            "orderUpdateId": self._order.get("orderUpdateId", 0),
            "zoneSetId": None,
            "lastNodeId": last["nodeId"],
            "lastNodeSequenceId": last["sequenceId"],
            "driving": False,
            "paused": None,
            "newBaseRequest": None,
            "distanceSinceLastNode": None,
            "operatingMode": "AUTOMATIC",
            "nodeStates": nodes or None,
            "edgeStates": None,
            "agvPosition": None,
            "velocity": None,
            "loads": None,
            "actionStates": [
                {
                    "actionId": one,
                    "actionType": None,
                    "actionStatus": status,
                    "resultDescription": None,
                }
                for one, status in self._statuses.items()
            ],
            "batteryState": {"batteryCharge": 55.5, "charging": False, "reach": None},
            "errors": self._errors,
            "information": None,
            "safetyState": {"eStop": "NONE", "fieldViolation": False},
        }
        await self._client.publish(BASE + "state", json.dumps(state))


def header(number: int) -> dict[str, Any]:
    return {
        "headerId": number,
        "timestamp": YESTERDAY,
        "version": "2.0.0",
        "manufacturer": "Example",
        "serialNumber": "WL-001",
    }


@asynccontextmanager
async def sloppy(building: Building, fate: str, connection: str) -> AsyncIterator[SloppyRobot]:
    with building.broker:
        async with aiomqtt.Client("127.0.0.1", building.broker.port) as client:
            old = json.dumps({**header(99), "connectionState": connection})
            await client.publish(BASE + "connection", old, qos=1, retain=True)
            robot = SloppyRobot(client, fate)
            task = asyncio.create_task(robot.run(), name="sloppy robot")
            try:
                yield robot
            finally:
                task.cancel()
                await asyncio.wait([task])


@pytest.mark.parametrize("connection", ["ONLINE", "OFFLINE", "CONNECTIONBROKEN"])
def test_a_sloppy_robot_delivers(play: Play, tmp_path: Path, connection: str) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        async with sloppy(building, "delivers", connection), building.edge() as dispatcher:
            for command in ("c1", "c2"):
                await dispatcher.execute(wish(command))
                await building.come_to("delivered", delivery_of(command))
                assert building.steps(delivery_of(command)) == STEPS
        assert not [one for one in building.records if isinstance(one, InputRefused)]
        seen = [one.connection for one in building.records if isinstance(one, RobotChanged)]
        assert seen[-1] == "ONLINE"

    play(story())


@pytest.mark.parametrize(
    ("fate", "reason"), [("refuses", "no way there"), ("forgets", "no longer knows the order")]
)
def test_a_sloppy_robots_failure_is_told(
    play: Play, tmp_path: Path, fate: str, reason: str
) -> None:
    async def story() -> None:
        building = Building(tmp_path)
        delivery = delivery_of("c1")
        async with sloppy(building, fate, "ONLINE") as robot, building.edge() as dispatcher:
            await dispatcher.execute(wish("c1"))
            await building.come_to("failed", delivery)
            assert robot.orders == 1
        (last,) = (
            one
            for one in building.records
            if isinstance(one, DeliveryChanged) and one.step == "failed"
        )
        assert reason in last.reason

    play(story())
