"""A whole edge on a real broker, a small gateway, a bus of simulated devices, and a faulty host."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.site import Site
from contracts.instants import SECOND
from contracts.messages import Command, Presence
from edge.composition import run_edge
from runtime.host import Host
from simulators.building.air import Air, mixing_ratio
from simulators.faults import WIRE, Faults
from simulators.ground_truth import Ledger
from simulators.modbus.devices.adam_6051 import Counters, adam_6051
from simulators.modbus.devices.liebert_pac import Liebert
from simulators.modbus.devices.sensing import Sample
from simulators.modbus.devices.xy_md02 import xy_md02
from simulators.modbus.server import ModbusServer, Unit
from tests.scenario.acker import Gateway, Nats, clock, ended, site_at, until
from wenlan.proofs.faulty_files import FileLayer
from wenlan.proofs.faulty_host import Troubles, faulty_host


def now() -> int:
    return time.time_ns() // 1000


@dataclass
class EdgeWorld:
    """Everything around one edge; what is wrong with its host stands in `troubles`."""

    folder: Path
    nats: Nats
    gateway: Gateway
    site: Site
    troubles: Troubles = field(default_factory=Troubles)
    air: Sample = field(default_factory=lambda: Sample(21.4, 53.2))
    plant: Liebert = field(
        default_factory=lambda: Liebert(lambda: Air(21.5, mixing_ratio(21.5, 52.0)))
    )
    counters: Counters = field(default_factory=Counters)
    running: asyncio.Task[None] | None = None
    host: Host = field(init=False)
    _layer: FileLayer = field(init=False)

    def __post_init__(self) -> None:
        self.host, self._layer = faulty_host(lambda: self.troubles)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    async def start(self) -> None:
        """Start the edge and wait until it is present."""
        before = len(self.gateway.states)
        work = run_edge(self.site, self.site.edges[0], self.data, self.host)
        self.running = asyncio.create_task(work, name="edge")
        await until(lambda: any(one.online for one in self.gateway.states[before:]))

    async def stop(self) -> None:
        assert self.running is not None
        await ended(self.running)
        self.running = None
        await until(lambda: not self.presence.online)

    @property
    def presence(self) -> Presence:
        return self.gateway.states[-1]

    @property
    def session(self) -> str:
        return self.presence.session

    def write(self, name: str, value: float, **changes: Any) -> Command:
        """Make a command as a gateway makes it that knows the session."""
        at = clock()
        basis: dict[str, Any] = {
            "device": "ac",
            "action": "write",
            "issued": at,
            "expires": at + 60 * SECOND,
            "by": "me",
            "point": "temperature_setpoint",
            "value": value,
            "lease": 60.0,
            "session": self.session,
            "sent": at,
        }
        return Command(name, **(basis | changes))


@asynccontextmanager
async def _served(world: EdgeWorld, port: int) -> AsyncIterator[None]:
    with Ledger(world.folder / "ledger.jsonl", now) as ledger:
        faults = Faults(ledger, now)
        units = {
            1: Unit("probe", xy_md02(lambda: world.air)),
            3: Unit("ac", world.plant.registers()),
            4: Unit("gates", adam_6051(world.counters)),
        }
        for unit in units.values():
            faults.admit(unit.device, WIRE)
        server = ModbusServer("bus", units, faults, ledger)
        ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.run("127.0.0.1", port, ready.set_result), name="bus")
        await ready
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


DEVICES = [
    {"id": "probe", "model": "xy-md02", "unit": 1, "period": "200ms"},
    {
        "id": "ac",
        "model": "liebert-pac",
        "unit": 3,
        "period": "500ms",
        "safe": {"temperature_setpoint": 19},
    },
    {"id": "gates", "model": "adam-6051", "unit": 4, "period": "500ms"},
]


@asynccontextmanager
async def edge_world(
    folder: Path, bus: int, *, devices: bool = True, **extra: Any
) -> AsyncIterator[EdgeWorld]:
    """Build it all; `extra` are more keys of the edge in the site file."""
    nats = Nats(folder / "nats")
    site = site_at(nats.port, bus, DEVICES if devices else (), **extra)
    async with AsyncExitStack() as stack:
        await nats.start()
        stack.push_async_callback(nats.kill)
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        stack.push_async_callback(ended, listening)
        world = EdgeWorld(folder, nats, gateway, site)
        if devices:
            await stack.enter_async_context(_served(world, bus))
        await until(lambda: gateway.client is not None)
        try:
            yield world
        finally:
            if world.running is not None:
                await ended(world.running)
