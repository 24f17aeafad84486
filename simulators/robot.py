"""A delivery robot that speaks VDA 5050 2.1.0 over a real broker (MQTT 3.1.1)."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiomqtt

from config.broker import broker_address
from config.links import Vda5050
from config.site import Site
from contracts.instants import SECOND, Instant, moment
from simulators.robot_agenda import Agenda
from simulators.robot_body import Body

T = TypeVar("T")

log = logging.getLogger(__name__)

VERSION = "2.1.0"
KEEP_ALIVE = 15
TICK = 0.1
"""Seconds between two steps of the body."""
LONGEST_TICK = 5.0
STATE_EVERY = 3.0
"""Seconds after which a state goes out though nothing happened."""
RECONNECT = 0.5
BOOTING = 2.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class RobotModel:
    """Who a robot is and where it lives.

    `stations` are places in metres by node id; `dock` is the one where it begins and charges.
    `pace` makes it drive and work so many times faster; what goes over the wire is in real time.
    """

    broker_url: str
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.model = model
        self._ledger = ledger
        self._now = now
        self._sleep = sleep
        self.agenda = Agenda(self._log)
        self.body = Body(model.stations, model.map_id, model.dock, self.agenda)
        self._headers: dict[str, int] = {}
        self._client: aiomqtt.Client | None = None
        self._leash: asyncio.Timeout | None = None
        self._deaf_until: Instant = 0
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
            group.create_task(self._talk(), name=f"robot {self.model.serial} radio")

    # --- faults on demand ----------------------------------------------------------------------

    def fail_next_action(self, reason: str = "the gripper found nothing") -> None:
        """Let the next pick or drop end in FAILED."""
        self.body.next_failure = reason

    def go_silent(self, seconds: float) -> None:
        """Say and hear nothing for so long, connected, while driving on."""
        self._deaf_until = self._now() + round(seconds * SECOND)

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
        self._headers.clear()
        if self._leash is not None and self._client is not None:
            self._leash.reschedule(asyncio.get_running_loop().time())

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
                if not await self._say("state", self.body.state()):
                    said, self.agenda.changed = 0, True
            if self._wants_factsheet:
                self._wants_factsheet = not await self._say("factsheet", _FACTSHEET, retain=True)

    def _log(self, order: str, step: str) -> None:
        self._ledger("delivery", robot=self.model.serial, order=order, step=step)

    # --- the radio -----------------------------------------------------------------------------

    async def _talk(self) -> None:
        while True:
            try:
                await self._stay()
                await self._sleep(BOOTING)
            except (aiomqtt.MqttError, OSError) as error:
                log.debug("robot %s lost its broker: %s", self.model.serial, error)
                await self._sleep(RECONNECT)

    async def _stay(self) -> None:
        client = self._make()
        async with _connection(client):
            for channel in ("order", "instantActions"):
                await _heeding(client.subscribe(self._topic(channel), qos=0))
            await _heeding(self._announce(client, "ONLINE"))
            self._client = client
            self.agenda.changed = True
            try:
                await self._listen(client)
                # A reboot: the line goes dead without a goodbye, and the broker tells our will.
                client._client._sock_close()  # noqa: SLF001 - aiomqtt has no other way
            except asyncio.CancelledError:
                with suppress(aiomqtt.MqttError):
                    await self._announce(client, "OFFLINE")
                raise
            finally:
                self._client = self._leash = None

    async def _listen(self, client: aiomqtt.Client) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as self._leash:
                async for message in client.messages:
                    if self._now() >= self._deaf_until:
                        self._hear(message.topic.value, bytes(message.payload))

    def _hear(self, topic: str, payload: bytes) -> None:
        try:
            message = json.loads(payload)
            if topic.endswith("/order"):
                self.body.take_order(message)
                return
            for action in message["actions"]:
                self.body.take_instant(action)
                if action["actionType"] == "factsheetRequest":
                    self._wants_factsheet = True
        except (ValueError, KeyError, TypeError) as error:
            log.warning("robot %s cannot read %s: %r", self.model.serial, topic, error)

    async def _say(self, channel: str, body: Mapping[str, Any], *, retain: bool = False) -> bool:
        if self._client is None or self._now() < self._deaf_until:
            return False
        payload = json.dumps({**self._header(channel), **body}).encode()
        try:
            await _heeding(self._client.publish(self._topic(channel), payload, retain=retain))
        except aiomqtt.MqttError:
            return False
        return True

    async def _announce(self, client: aiomqtt.Client, how: str) -> None:
        payload = json.dumps({**self._header("connection"), "connectionState": how}).encode()
        await client.publish(self._topic("connection"), payload, qos=1, retain=True)

    def _header(self, channel: str) -> dict[str, Any]:
        number = self._headers.get(channel, 0)
        self._headers[channel] = (number + 1) % 2**32
        stamp = moment(self._now()).isoformat(timespec="milliseconds")
        return {
            "headerId": number,
            "timestamp": stamp.replace("+00:00", "Z"),
            "version": VERSION,
            "manufacturer": self.model.manufacturer,
            "serialNumber": self.model.serial,
        }

    def _topic(self, channel: str) -> str:
        model = self.model
        return f"{model.interface}/v2/{model.manufacturer}/{model.serial}/{channel}"

    def _make(self) -> aiomqtt.Client:
        address = broker_address(self.model.broker_url)
        will = json.dumps({**self._header("connection"), "connectionState": "CONNECTIONBROKEN"})
        return aiomqtt.Client(
            address.host,
            address.port,
            identifier=f"robot-{secrets.token_hex(6)}",
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=5.0,
            will=aiomqtt.Will(self._topic("connection"), will.encode(), qos=1, retain=True),
        )


@asynccontextmanager
async def _connection(client: aiomqtt.Client) -> AsyncIterator[None]:
    """Connect, and leave nothing behind in the end, which aiomqtt 2.5 alone does not see to."""
    connecting = asyncio.create_task(client.__aenter__(), name="mqtt connecting")
    try:
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # A thread is connecting and cannot be stopped; what it opens must be closed.
            await asyncio.wait((connecting,))
            raise
        try:
            yield
        finally:
            with suppress(aiomqtt.MqttError):
                await client.__aexit__(None, None, None)
    finally:
        client._client._sock_close()  # noqa: SLF001 - nobody answered on it; no public way
        ticking = client._misc_task  # noqa: SLF001
        if ticking is not None:
            ticking.cancel()
            await asyncio.wait((ticking,))
        for future in (connecting, client._connected, client._disconnected):  # noqa: SLF001
            if future.done() and not future.cancelled():
                future.exception()


async def _heeding(call: Awaitable[T]) -> T:
    """Wait for aiomqtt, and be cancelled even if the answer came at the same moment.

    Before Python 3.12 `asyncio.wait_for`, which aiomqtt uses, may swallow a cancellation.
    """
    result = await call
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return result


def site_robots(
    site: Site, ledger: Callable[..., None], now: Callable[[], Instant], pace: float = 1.0
) -> dict[str, RobotSimulator]:
    """Make every robot of a site, by device id. Its dock is the station `dock`, else the first."""
    stations = {one.id: (one.x, one.y) for one in site.fleet.stations}
    if not stations:
        return {}
    dock = "dock" if "dock" in stations else next(iter(stations))
    return {
        robot.id: RobotSimulator(
            RobotModel(
                link.broker,
                link.interface,
                robot.manufacturer,
                robot.serial,
                stations,
                dock,
                site.fleet.map,
                pace,
            ),
            ledger,
            now,
        )
        for edge in site.edges
        for link in edge.links
        if isinstance(link, Vda5050)
        for robot in link.devices
    }


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
