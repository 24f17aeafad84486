"""The small troubles of the example's first minutes, each said as it happens, with where to look.

A card is refused, an alarm rings and clears, a hole is filled by a backlog, a robot waits. After
them probes fail by chance, every few minutes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from random import Random
from typing import Any, NamedTuple

from config.links import ModbusDevice, Robot, Vda5050
from config.site import Kiosk, Limit, Site, Space
from contracts.instants import Instant, instant, moment
from contracts.quantities import Quantity
from simulators.errors import SimulatorError
from simulators.faults import What, mishaps
from simulators.modbus.site_devices import PROBES
from wenlan.example.cable import Cable
from wenlan.example.fault_words import explain
from wenlan.example.library import Library
from wenlan.example.orders import send

LONGEST_DELAY = 60.0
"""Seconds; a limit with a longer delay does not ring while a newcomer waits for it."""
TOO_WARM = 2.5
"""°C above its limit that the air is brought to."""
PATIENCE = 90.0
"""Seconds after which a trouble is given up that does not show."""
LOOK = 0.5


class Pace(NamedTuple):
    """How long things last, in seconds: long enough to look around, all in less than 5 min."""

    first: float = 10.0
    """Until the first trouble."""
    between: float = 10.0
    """From the end of one trouble to the next."""
    ringing: float = 15.0
    """That an alarm rings before its cause goes away."""
    pulled: float = 30.0
    """That the network cable is out."""
    pressed: float = 25.0
    """That the robot's red button is pressed."""


class Showcase(NamedTuple):
    """Where an alarm can be made to ring soon."""

    space: Space
    limit: Limit
    probe: ModbusDevice


class Script:
    """Runs the script in one library until cancelled; then everything is mended."""

    def __init__(
        self,
        library: Library,
        cables: dict[str, Cable],
        say: Callable[[str], None],
        now: Callable[[], Instant],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        pace: Pace = Pace(),  # noqa: B008 - a constant
    ) -> None:
        self._house = library
        self._site = library.site
        self._cables = cables
        self._say = say
        self._now = now
        self._sleep = sleep
        self._pace = pace
        self._failing: set[str] = set()

    async def run(self, seed: int, *, planned: bool = True) -> None:
        """Play what is planned, as far as the site has the things for it; then leave it to chance.

        A building that goes on has had its planned troubles.
        """
        try:
            if planned and (self._cables or _has_something_planned(self._site)):
                text = "Small troubles come in the next minutes; each is told here (--calm: none)."
                self._say(text)
                await self.play()
            await self._chance(Random(f"{seed}/mishaps"))  # noqa: S311 - a story, not secrets
        finally:
            await self._mend()

    async def play(self) -> None:
        """Play every trouble once."""
        await self._sleep(self._pace.first)
        for scene in (self._card, self._alarm, self._hole, self._robot):
            try:
                if await scene():
                    await self._sleep(self._pace.between)
            except (SimulatorError, OSError) as error:
                self._tell(f"The simulators do not listen now: {error}")

    async def _mend(self) -> None:
        for cable in self._cables.values():
            cable.plug()
        for device in sorted(self._failing):
            with suppress(SimulatorError, OSError):
                await self._order({"do": "clear", "device": device})

    # --- the troubles --------------------------------------------------------------------------

    async def _card(self) -> bool:
        kiosk = next(_kiosks(self._site), None)
        if kiosk is None:
            return False
        page = f"{self._house.address}/kiosks"
        since = self._now()
        await self._begin(kiosk.id, What.BLOCKED_CARD)
        self._tell(f"The next reader at {kiosk.name.en} has a card that is blocked.")

        async def refused() -> dict[str, Any] | None:
            loans = await self._house.get("/api/v1/loans") or []
            mine = (one for one in loans if one["kiosk"] == kiosk.id and one["step"] == "refused")
            return next((one for one in mine if _read(one["changed"]) > since), None)

        loan = await self._wait_for(refused)
        await self._end(kiosk.id)
        if loan is None:
            self._tell("Nobody came to borrow: try again later in the day.")
        else:
            self._tell(f"The card was refused: {loan['reason']}. Nothing was lent.", page)
        return True

    async def _alarm(self) -> bool:
        place = _showcase(self._site)
        if place is None or place.limit.high is None:
            return False
        name, limit, wall = place.space.name.en, place.limit, self._house.address
        since = self._now()
        value = await _temperature(self._house, place.space.id)
        warmer = max(limit.high or 0, value) + TOO_WARM - value
        await self._begin(place.probe.id, What.WARM, value=warmer)
        delay = limit.delay.total_seconds()
        self._tell(
            f"A lamp was left on at {name}: it gets too warm. An alarm follows when that has lasted"
            f" {delay:.0f} s.",
            f"{wall}/spaces/{place.space.id}",
        )
        path = f"/api/v1/alarms?kind=limit&space={place.space.id}"

        async def alarm(state: str) -> dict[str, Any] | None:
            rows = await self._house.get(path) or []
            fresh = (one for one in rows if _read(one["noticed"]) > since)
            return next((one for one in fresh if one["state"].startswith(state)), None)

        if await self._wait_for(lambda: alarm("unacknowledged")) is not None:
            self._tell(
                f"It rings: {name} is above {limit.high:g} °C. The alarm says what to do.",
                f"{wall}/alarms",
            )
            await self._sleep(self._pace.ringing)
        await self._end(place.probe.id)
        if await self._wait_for(lambda: alarm("returned")) is not None:
            self._tell(
                "The lamp is off, the air is good again, the alarm is over. It stays on the page"
                " until somebody acknowledges it: do that."
            )
        return True

    async def _hole(self) -> bool:
        edge = next((one for one in self._site.edges if one.id in self._cables), None)
        if edge is None:
            return False
        cable, name = self._cables[edge.id], edge.name.en if edge.name else edge.id
        probe = next(one for one in edge.devices() if one.model in PROBES)
        curve = f"{self._house.address}/spaces/{probe.space}"
        begun = self._now()
        cable.pull()
        self._tell(
            f"The network cable of the edge {name} is out for {self._pace.pulled:.0f} s. What it"
            " measures is UNKNOWN on the wall; it goes on measuring, into its journal.",
            f"{self._house.address}/",
        )
        try:
            await self._sleep(self._pace.pulled)
        finally:
            cable.plug()
        ended = self._now()
        self._tell("The cable is in again.")
        wanted = self._pace.pulled / probe.period.total_seconds()

        async def filled() -> int | None:
            window = f"since={_written(begun)}&until={_written(ended)}"
            path = f"/api/v1/points/{probe.id}/temperature/series?{window}"
            series = await self._house.get(path)
            held = sum(series["n"]) if series else 0
            return held if held >= wanted - 1 else None

        held = await self._wait_for(filled)
        if held is not None:
            self._tell(
                f"The hole is filled by what the journal kept: {held} readings of {probe.id} from"
                " those seconds are in its curve, each once.",
                curve,
            )
        return True

    async def _robot(self) -> bool:
        robot = _robot_of(self._site)
        if robot is None:
            return False
        name = robot.name.en if robot.name else robot.id

        async def under_way() -> bool | None:
            state = await self._order({"do": "state"})
            return True if robot.id in state["busy"] else None

        if await self._wait_for(under_way) is None:
            return False
        await self._begin(robot.id, What.EMERGENCY_STOP, seconds=self._pace.pressed)
        self._tell(
            f"Somebody pressed the red button of {name} on its way. It waits"
            f" {self._pace.pressed:.0f} s; so does its delivery.",
            f"{self._house.address}/robots",
        )
        await self._sleep(self._pace.pressed)
        await self._end(robot.id)
        self._tell("The button is released; the robot goes on by itself.")
        return True

    async def _chance(self, random: Random) -> None:
        probes = sorted(one.id for _, one in self._site.devices() if one.model in PROBES)
        if not probes:
            return
        self._say("From now on a probe fails now and then, by chance.")
        # The first of them is meant for those who watch for a minute only.
        for pause, device, what, seconds in islice(mishaps(random, probes, probes), 1, None):
            await self._sleep(pause)
            with suppress(SimulatorError, OSError):
                await self._begin(device, what, seconds=seconds)
                told = explain(self._site, self._house.address, device, what, None)
                self._tell(f"By chance, for {seconds:.0f} s: {told.happens}", told.seen)

    # --- what they need ------------------------------------------------------------------------

    async def _begin(
        self, device: str, what: What, seconds: float | None = None, value: float | None = None
    ) -> None:
        self._failing.add(device)
        order = {"do": "fault", "device": device, "what": what, "for": seconds, "value": value}
        await self._order(order)

    async def _end(self, device: str) -> None:
        await self._order({"do": "clear", "device": device})
        self._failing.discard(device)

    async def _order(self, order: dict[str, Any]) -> dict[str, Any]:
        return await send(self._house.control_port, order)

    async def _wait_for(self, look: Callable[[], Awaitable[Any]]) -> Any:
        """Look until there is something to see; None when nothing comes."""
        for _ in range(round(PATIENCE / LOOK)):
            found = await look()
            if found is not None:
                return found
            await self._sleep(LOOK)
        return None

    def _tell(self, text: str, where: str = "") -> None:
        at = moment(self._now()).astimezone(self._site.zone).strftime("%H:%M:%S")
        self._say(f"{at}  {text}" + (f"\n          see  {where}" if where else ""))


def cables(library: Library) -> dict[str, Cable]:
    """Give the edge whose network cable can be pulled one: it has probes, and no robots."""
    if "WENLAN_BROKER_PORT" not in library.environment:
        return {}
    for edge in library.site.edges:
        links_robots = any(isinstance(link, Vda5050) for link in edge.links)
        if not links_robots and any(one.model in PROBES for one in edge.devices()):
            return {edge.id: Cable(library.broker_port)}
    return {}


async def _temperature(library: Library, space: str) -> float:
    told = await library.get(f"/api/v1/spaces/{space}") or {"gauges": []}
    values = (
        one["value"]
        for one in told["gauges"]
        if one["quantity"] == Quantity.AIR_TEMPERATURE and one["value"] is not None
    )
    return next(values, 0.0)


def _has_something_planned(site: Site) -> bool:
    able = _showcase(site) is not None or _robot_of(site) is not None
    return able or any(True for _ in _kiosks(site))


def _kiosks(site: Site) -> Iterator[Kiosk]:
    for edge in site.edges:
        yield from edge.kiosks


def _robot_of(site: Site) -> Robot | None:
    """Give a robot that has somewhere to go."""
    robots = (one for _, one in site.devices() if isinstance(one, Robot))
    return next(robots, None) if site.fleet.stations else None


def _showcase(site: Site) -> Showcase | None:
    for space in site.spaces:
        for limit in space.limits:
            if limit.quantity is not Quantity.AIR_TEMPERATURE or limit.high is None:
                continue
            if limit.delay.total_seconds() > LONGEST_DELAY:
                continue
            for _, device in site.devices():
                if not isinstance(device, ModbusDevice) or device.model not in PROBES:
                    continue
                if device.space == space.id:
                    return Showcase(space, limit, device)
    return None


def _read(text: str) -> Instant:
    return instant(datetime.fromisoformat(text))


def _written(at: Instant) -> str:
    return moment(at).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
