"""All devices of a site on their real wires, in one living building."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from config.broker import Broker
from config.links import LibrarySystem, ModbusTcp, TagReaderDevice
from config.site import Site
from contracts.instants import SECOND, Instant, moment
from runtime.mqtt.client import Io
from runtime.mqtt.connect import connect_to
from simulators.activity import Activity
from simulators.building.visitors import People, expected
from simulators.building.world import World
from simulators.control import orders, serve_control
from simulators.errors import refusals
from simulators.faults import LIBRARY_SYSTEM, TAG_READER, WIRE, Faults, What, mishaps
from simulators.ground_truth import Ledger
from simulators.modbus.devices.adam_6051 import CHANNELS
from simulators.modbus.server import demand_loopback
from simulators.modbus.site_devices import Bench, lanes
from simulators.readers.self_check import Surroundings, assemble
from simulators.readers.stack_requests import Ask, post
from simulators.robots.fleet import SimulatedRobot, robots, run_robots, under_way
from simulators.yesterday import read_yesterday

log = logging.getLogger(__name__)

LEDGER = "ledger.jsonl"
TICK = 0.25
"""Real seconds between two steps of the world."""
LONGEST_TICK = 5.0
"""Real seconds that one step makes up for at most, so that a clock that jumps does no harm."""

_WAYS = {LibrarySystem: LIBRARY_SYSTEM, TagReaderDevice: TAG_READER}

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Options:
    """How a site is simulated."""

    pace: float = 60.0
    """World seconds per second; what goes over a wire is always in real time."""
    seed: int = 1
    chance: bool = True
    """Whether something fails now and then."""
    log_polls: bool = True
    control_port: int | None = None
    """Loopback port for orders (`simulators.control`); 0 chooses one, None means none."""
    starts: datetime | None = None
    """Local time at which the world begins; None: ten o'clock of this day or the next weekday."""
    visits_per_day: float = 500.0
    gateway: str = ""
    """Address of the gateway's REST interface, for readers who ask for books; empty: nobody."""


def beginning(site: Site, now: Instant) -> datetime:
    """Give ten o'clock local time of today, or of Monday when today is a weekend."""
    day = moment(now).astimezone(site.zone).date()
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return datetime.combine(day, time(10), site.zone)


class _Day:
    """Drives world and people, tick by tick."""

    def __init__(
        self, world: World, bench: Bench, fleet: list[SimulatedRobot], options: Options
    ) -> None:
        self._world = world
        self._people = world.people
        self._bench = bench
        self.fleet = fleet
        self.activity = Activity()
        self.options = options
        self._until_samples = 0.0
        self.quiet = False
        """Nobody passes a gate or comes to a kiosk any more."""

    def step(self, real: float) -> None:
        """Let some real seconds pass."""
        seconds = real * self.options.pace
        self._bench.settle()
        self._world.step(seconds)
        if not self.quiet:
            for lane in self._people.step(self._world.local, seconds, real):
                self._bench.pulse(lane)
        self._until_samples -= real
        if self._until_samples <= 0:
            self._until_samples = 1.0
            self._bench.take()

    def hush(self) -> None:
        """Let nobody come any more."""
        self.quiet = True

    def busyness(self) -> float:
        """Say how busy the library is; 1 on an average open hour, 0 when closed or quiet."""
        if self.quiet:
            return 0.0
        average = self.options.visits_per_day / 12 / 3600
        return expected(self._world.local, self.options.visits_per_day) / average

    def state(self) -> dict[str, Any]:
        """Describe the world for whoever asks."""
        return {
            "world": self._world.local.isoformat(),
            "outdoor": {
                "temperature": round(self._world.outdoor.temperature, 1),
                "humidity": round(self._world.outdoor.humidity, 1),
            },
            "inside": self._people.inside,
            "quiet": self.quiet,
            "busy": self.activity.names() + under_way(self.fleet),
            "faults": {
                target: {"what": fault.what, "until": fault.until}
                for target, fault in self._bench.faults.active().items()
            },
        }


def io_for(broker: Broker) -> Io:
    """Give the world to a client of these brokers."""

    def seconds() -> float:
        return asyncio.get_running_loop().time()

    return Io(connect_to(broker), asyncio.sleep, seconds, Random())  # noqa: S311 - pauses, not secrets


async def run_simulators(
    site: Site,
    data: Path,
    options: Options,
    now: Callable[[], Instant],
    sleep: Sleep = asyncio.sleep,
) -> None:
    """Run every device of every edge until cancelled; the ledger is `data/ledger.jsonl`.

    Where there is a ledger already, counters and loans go on from where it left them.
    Raises SimulatorError for a site that cannot be simulated, or a port that is taken. A part that
    fails ends them all.
    """
    links = [link for edge in site.edges for link in edge.links if isinstance(link, ModbusTcp)]
    for link in links:
        demand_loopback(link.id, link.host)
    yesterday = read_yesterday(data / LEDGER, CHANNELS)
    with Ledger(data / LEDGER, now, polls=options.log_polls) as ledger:
        random = Random(f"{options.seed}/people")  # noqa: S311 - a simulation, not secrets
        people = People(*lanes(site), random, options.visits_per_day)
        world = World(site, options.starts or beginning(site, now()), options.seed, people)
        bench = Bench(
            world,
            Faults(ledger, now),
            ledger,
            options.seed,
            passed=dict(yesterday.passed),
            yesterday=yesterday,
        )
        servers = [(link, bench.server(link)) for link in links]
        token = partial(secrets.token_hex, 6)
        fleet = robots(site, ledger, bench.faults, now, io_for, token)
        for _, device in site.devices():
            if device.id not in bench.faults.targets():
                bench.faults.admit(device.id, _WAYS.get(type(device), WIRE))
        for kiosk in (kiosk for edge in site.edges for kiosk in edge.kiosks):
            bench.faults.admit(kiosk.id, {What.BLOCKED_CARD})
        day = _Day(world, bench, fleet, options)
        try:
            async with asyncio.TaskGroup() as group:
                for link, server in servers:
                    group.create_task(server.run(link.host, link.port), name=f"link {link.id}")
                _inhabit(group, day, bench, now, sleep)
                around = Surroundings(
                    site,
                    ledger,
                    now,
                    bench.faults,
                    day.busyness,
                    _asking(options.gateway),
                    day.activity,
                    yesterday,
                )
                group.create_task(assemble(around).run(), name="circulation")
                group.create_task(run_robots(fleet), name="robots")
        except BaseExceptionGroup as failed:
            refused = refusals(failed)
            if refused is None:
                raise
            raise refused from failed


def _asking(gateway: str) -> Ask | None:
    """Ask at an address, which may be empty, in threads of the loop's own."""
    return (lambda request: asyncio.to_thread(post, gateway, request)) if gateway else None


def _inhabit(
    group: asyncio.TaskGroup,
    day: _Day,
    bench: Bench,
    now: Callable[[], Instant],
    sleep: Sleep,
) -> None:
    """Start what happens in the building: the day, mishaps, and orders from outside."""
    options = day.options
    group.create_task(_live(day, now, sleep), name="the world")
    if options.chance and bench.probes:
        group.create_task(_mishaps(bench, options.seed, sleep), name="mishaps")
    if options.control_port is not None:
        obey = orders(bench.faults, day.hush, day.state)
        group.create_task(serve_control(options.control_port, obey), name="control")


async def _live(day: _Day, now: Callable[[], Instant], sleep: Sleep) -> None:
    before = now()
    while True:
        await sleep(TICK)
        at = now()
        day.step(min(LONGEST_TICK, max(0.0, (at - before) / SECOND)))
        before = at


async def _mishaps(bench: Bench, seed: int, sleep: Sleep) -> None:
    """Let probes fail now and then."""
    random = Random(f"{seed}/mishaps")  # noqa: S311 - a simulation, not secrets
    probes = sorted(bench.probes)
    noticed = sorted(bench.often_polled) or probes
    for pause, device, what, seconds in mishaps(random, probes, noticed):
        await sleep(pause)
        log.info("%s fails by chance: %s for %.0f s", device, what, seconds)
        bench.faults.begin(device, what, seconds)
