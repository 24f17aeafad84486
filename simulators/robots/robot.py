"""A delivery robot that speaks VDA 5050 2.1.0 over a real broker (MQTT 3.1.1)."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from config.broker import Broker
from contracts.instants import SECOND, Instant
from runtime.mqtt.client import Io
from simulators.robots.motion import Body
from simulators.robots.mqtt import Identity, RobotClient
from simulators.robots.order_state import OrderState

log = logging.getLogger(__name__)

TICK = 0.1
"""Seconds between two steps of the body."""
LONGEST_TICK = 5.0
STATE_EVERY = 3.0
"""Seconds after which a state goes out though nothing happened."""


@dataclass(frozen=True, slots=True)
class RobotModel:
    """Who a robot is and where it lives.

    `stations` are places in metres by node id; `dock` is the one where it begins and charges.
    `pace` makes it drive and work so many times faster; what goes over the wire is in real time.
    """

    broker: Broker
    interface: str
    manufacturer: str
    serial: str
    stations: Mapping[str, tuple[float, float]]
    dock: str
    map_id: str = "ground"
    pace: float = 1.0


class RobotSimulator:
    """Runs until cancelled, through every loss of its broker.

    `ledger` is called as `ledger("delivery", robot=serial, order=orderId, step=...)` with step
    accepted, picked, dropped, failed or cancelled, at the moment it happens.
    """

    def __init__(
        self,
        model: RobotModel,
        ledger: Callable[..., None],
        now: Callable[[], Instant],
        io: Io,
        token: str,
    ) -> None:
        self.model = model
        self._ledger = ledger
        self._now = now
        self._sleep = io.sleep
        self._radio = RobotClient(
            Identity(model.broker, model.interface, model.manufacturer, model.serial),
            self._hear,
            self._greet,
            now,
            io,
            token,
        )
        self.agenda = OrderState(self._log)
        self.body = Body(model.stations, model.map_id, model.dock, self.agenda)
        self._stopped_until: Instant | None = None
        self._wants_factsheet = False

    @property
    def busy(self) -> bool:
        """Whether the robot is in the middle of an order."""
        return self.agenda.busy

    async def run(self) -> None:
        """Live until cancelled; then say goodbye."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._live(), name=f"robot {self.model.serial} body")
            group.create_task(self._radio.run(), name=f"robot {self.model.serial} radio")

    # --- faults on demand ----------------------------------------------------------------------

    def fail_next_action(self, reason: str = "the gripper found nothing") -> None:
        """Let the next pick or drop end in FAILED."""
        self.body.next_failure = reason

    def go_silent(self, seconds: float) -> None:
        """Say and hear nothing for so long, connected, while driving on."""
        self._radio.go_silent(seconds)

    def emergency_stop(self, seconds: float | None = None) -> None:
        """Press the button; somebody releases it after so many seconds, or `resume` does."""
        self.body.e_stop, self.agenda.changed = "MANUAL", True
        self._stopped_until = None if seconds is None else self._now() + round(seconds * SECOND)

    def resume(self) -> None:
        """Release the emergency stop."""
        self.body.e_stop, self.agenda.changed, self._stopped_until = "NONE", True, None

    def reboot(self) -> None:
        """Cut the power: the order is forgotten, header ids begin anew."""
        self.body.forget()
        self._radio.lose_power()

    # --- the body ------------------------------------------------------------------------------

    async def _live(self) -> None:
        before, said = self._now(), 0
        while True:
            await self._sleep(TICK)
            now = self._now()
            if self._stopped_until is not None and now >= self._stopped_until:
                self.resume()
            passed = min(max((now - before) / SECOND, 0.0), LONGEST_TICK)
            before = now
            self.body.step(passed * self.model.pace)
            due = self.agenda.changed or now - said >= STATE_EVERY * SECOND
            if due:
                said, self.agenda.changed = now, False
                if not await self._radio.say("state", self.body.state()):
                    said, self.agenda.changed = 0, True
            if self._wants_factsheet:
                self._wants_factsheet = not await self._radio.say(
                    "factsheet", _FACTSHEET, retain=True
                )

    def _log(self, order: str, step: str) -> None:
        self._ledger("delivery", robot=self.model.serial, order=order, step=step)

    def _hear(self, channel: str, payload: bytes) -> None:
        try:
            message = json.loads(payload)
            if channel == "order":
                self.body.take_order(message)
                return
            for action in message["actions"]:
                self.body.take_instant(action)
                if action["actionType"] == "factsheetRequest":
                    self._wants_factsheet = True
        except (ValueError, KeyError, TypeError) as error:
            log.warning("robot %s cannot read %s: %r", self.model.serial, channel, error)

    def _greet(self) -> None:
        self.agenda.changed = True


_FACTSHEET: Mapping[str, Any] = {
    "typeSpecification": {
        "seriesName": "Wenlan book robot",
        "agvKinematic": "DIFF",
        "agvClass": "CARRIER",
        "maxLoadMass": 30,
        "localizationTypes": ["NATURAL"],
        "navigationTypes": ["AUTONOMOUS"],
    },
    "physicalParameters": {
        "speedMin": 0.05,
        "speedMax": 1.0,
        "accelerationMax": 0.5,
        "decelerationMax": 1.0,
        "heightMax": 1.2,
        "width": 0.6,
        "length": 0.8,
    },
    "protocolLimits": {
        "maxStringLens": {},
        "maxArrayLens": {},
        "timing": {"minOrderInterval": 1.0, "minStateInterval": 0.1},
    },
    "protocolFeatures": {
        "optionalParameters": [],
        "agvActions": [
            # Schema 2.1.0 of the optional field blockingTypes contradicts itself: left out.
            {"actionType": kind, "actionScopes": scopes}
            for kind, scopes in (
                ("pick", ["NODE"]),
                ("drop", ["NODE"]),
                ("cancelOrder", ["INSTANT"]),
                ("startPause", ["INSTANT"]),
                ("stopPause", ["INSTANT"]),
                ("stateRequest", ["INSTANT"]),
                ("factsheetRequest", ["INSTANT"]),
            )
        ],
    },
    "agvGeometry": {},
    "loadSpecification": {},
}
