"""The library's counter side on real wires: the library system, the pads, and who uses them."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from config.links import Robot, SerialReader, Sip2, Vda5050
from config.site import Edge, Kiosk, Site
from contracts.instants import Instant, moment
from simulators.activity import Activity
from simulators.faults import NONE, Note, Troubles, What
from simulators.library_system.collection import Collection, found_library
from simulators.library_system.server import Sip2Server
from simulators.modbus.server import demand_loopback
from simulators.readers.borrowers import Patrons
from simulators.readers.holdings import Holdings, tag_everything
from simulators.readers.stack_requests import Ask, StacksRequests, route
from simulators.rfid.feig_reader import FeigReader
from simulators.rfid.pad import Pad
from simulators.yesterday import Yesterday


@dataclass(slots=True)
class Surroundings:
    """What the world hands in."""

    site: Site
    ledger: Note
    now: Callable[[], Instant]
    faults: Troubles = NONE
    busyness: Callable[[], float] = lambda: 1.0
    ask: Ask | None = None
    activity: Activity = field(default_factory=Activity)
    yesterday: Yesterday = field(default_factory=Yesterday)
    seed: int = 1

    def random(self, what: str) -> Random:
        """Give chance of its own to each part, so that one more part changes no other."""
        return Random(f"{self.seed}/{what}")  # noqa: S311 - a simulation, not secrets


@dataclass(frozen=True, slots=True)
class Circulation:
    """Every part of a site's counter side."""

    collection: Collection
    servers: list[Sip2Server]
    readers: list[FeigReader]
    patrons: list[Patrons]
    requests: list[StacksRequests]

    async def run(self) -> None:
        """Run all parts until cancelled; one that fails ends them all."""
        async with asyncio.TaskGroup() as group:
            for server in self.servers:
                group.create_task(server.run(), name=f"library system {server.device}")
            for reader in self.readers:
                group.create_task(reader.run(), name=f"reader {reader.device}")
            for patrons in self.patrons:
                group.create_task(patrons.run(), name=f"readers at {patrons.kiosk}")
            for requests in self.requests:
                group.create_task(requests.run(), name=f"requests for {requests.robot}")


async def run_circulation(
    site: Site,
    ledger: Note,
    now: Callable[[], Instant],
    faults: Troubles = NONE,
    busyness: Callable[[], float] = lambda: 1.0,
    ask: Ask | None = None,
    activity: Activity | None = None,
) -> None:
    """Run every SIP2 server, tag reader and reader of a site until cancelled.

    `busyness` scales how often people come (1.0 is the default pace, 0 means closed); with
    `ask`, books are asked for from the stacks. Faults are looked up under the device's id. Raises
    SimulatorError for a site that cannot be simulated.
    """
    world = Surroundings(site, ledger, now, faults, busyness, ask, activity or Activity())
    await assemble(world).run()


def assemble(world: Surroundings) -> Circulation:
    """Build every part that the site has; one collection serves the whole site."""
    collection = _collection(world)
    pads = {
        link.devices[0].id: link.devices[0]
        for edge in world.site.edges
        for link in edge.links
        if isinstance(link, SerialReader)
    }
    secured, released = next(
        ((pad.afi_secured, pad.afi_released) for pad in pads.values()), (0x07, 0xC2)
    )
    holdings = tag_everything(collection, secured, released)
    whole = Circulation(collection, [], [], [], [])
    for edge in world.site.edges:
        _furnish(world, edge, whole, holdings)
    return whole


def _collection(world: Surroundings) -> Collection:
    """Found the library, and change it as it was changed since."""
    zone, before = world.site.zone, world.yesterday
    founded = world.now() if before.founded is None else before.founded
    collection = found_library(world.random("collection"), moment(founded).astimezone(zone))
    for row in before.loans:
        at = moment(row["at"]).astimezone(zone)
        collection.restore(row["action"], row["patron"], row["item"], at)
    return collection


def _furnish(world: Surroundings, edge: Edge, whole: Circulation, holdings: Holdings) -> None:
    surfaces: dict[str, Pad] = {}
    for link in edge.links:
        if isinstance(link, Sip2):
            demand_loopback(link.id, link.host)
            whole.servers.append(
                Sip2Server(
                    link,
                    whole.collection,
                    world.ledger,
                    world.now,
                    world.site.zone,
                    world.faults,
                )
            )
        elif isinstance(link, SerialReader):
            surfaces[link.devices[0].id] = Pad()
            whole.readers.append(FeigReader(link, surfaces[link.devices[0].id], world.faults))
        elif isinstance(link, Vda5050):
            whole.requests.extend(_requests(world, link.devices, whole.collection))
    for kiosk in edge.kiosks:
        whole.patrons.append(_patrons(world, kiosk, surfaces[kiosk.reader], whole, holdings))


def _patrons(
    world: Surroundings, kiosk: Kiosk, pad: Pad, whole: Circulation, holdings: Holdings
) -> Patrons:
    device = next(one.link.devices[0] for one in whole.readers if one.device == kiosk.reader)
    return Patrons(
        kiosk.id,
        pad,
        whole.collection,
        holdings,
        device.afi_secured,
        device.afi_released,
        world.random(kiosk.id),
        world.busyness,
        world.activity,
        card_is_blocked=lambda: _card_is_blocked(world.faults, kiosk.id),
    )


def _card_is_blocked(faults: Troubles, kiosk: str) -> bool:
    fault = faults.on(kiosk)
    return fault is not None and fault.what == What.BLOCKED_CARD


def _requests(
    world: Surroundings, robots: tuple[Robot, ...], collection: Collection
) -> list[StacksRequests]:
    way = route(world.site.fleet.stations)
    if world.ask is None or way is None:
        return []
    return [
        StacksRequests(
            world.ask,
            robot.id,
            *way,
            collection,
            world.random(robot.id),
            world.busyness,
            world.activity,
            world.ledger,
        )
        for robot in robots
    ]
