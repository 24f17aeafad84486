"""Puts one edge together and runs it: links, drivers, journal, uplink, commands, kiosks, robots."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from os import statvfs
from pathlib import Path
from typing import Protocol

from config.links import Robot, TagReaderDevice
from config.site import Edge, Kiosk, Site
from contracts.bounds import shortened
from contracts.messages import Card
from contracts.quantities import Quantity
from contracts.records import PartFell
from drivers import registry
from drivers.capabilities import Circulation, Pollable, TagReader, Vehicle, Writable
from edge.commands.commandable import Targets
from edge.commands.inbox import Hearing, Inbox
from edge.commands.known import KnownCommands
from edge.control.outputs import Outputs
from edge.fleet.dispatcher import Dispatcher
from edge.journal.disk import Seams
from edge.journal.journal import Journal, Policy
from edge.journal.opening import Place
from edge.journal.refused_input import RefusedInput
from edge.journal.stamps import Stamps
from edge.journal.terms import Terms
from edge.kiosk.kiosk import SelfCheck
from edge.kiosk.patron_key import patron_key
from edge.polling.poller import Poller
from edge.uplink.gateway import Gateway, Ground, stamp_of
from edge.uplink.layouts import Layouts
from runtime.clock import Clock
from runtime.host import Host
from runtime.supervisor import Change, Part, Supervisor

LIFE = 8
"""Bytes of the random id of one start."""


class Closable(Protocol):
    """A link that can be closed."""

    async def aclose(self) -> None:
        """Close it."""
        ...


@dataclass(slots=True)
class Devices:
    """What a site file makes of one edge: drivers by device, their cards, links to close."""

    drivers: dict[str, object] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    links: list[Closable] = field(default_factory=list)

    def counters(self, site: Site) -> frozenset[tuple[str, str]]:
        """Name the devices and blocks that count: what they say is never thinned."""
        gates = {path for gate in site.gates for path in (gate.entries, gate.exits) if path}
        counting = gates | {
            f"{card.device}/{point.name}"
            for card in self.cards
            for point in card.points
            if point.quantity == Quantity.CROSSINGS
        }
        return frozenset(
            (card.device, layout.block)
            for card in self.cards
            for layout in card.layouts
            if any(f"{card.device}/{column.name}" in counting for column in layout.columns)
        )


def program_version() -> str:
    """Give the installed version."""
    try:
        return version("wenlan")
    except PackageNotFoundError:
        return "unknown"


def build_devices(edge: Edge, host: Host, clock: Clock) -> Devices:
    """Build every link and driver of an edge; nothing connects yet."""
    devices = Devices()
    for link_config in edge.links:
        link = registry.open_link(link_config, host)
        devices.links.append(link)
        for device in link_config.devices:
            driver = registry.build(device, link, clock)
            devices.drivers[device.id] = driver
            devices.cards.append(registry.card(driver, device, edge.id))
    devices.cards += [kiosk_card(kiosk, edge.id) for kiosk in edge.kiosks]
    return devices


def kiosk_card(kiosk: Kiosk, edge: str) -> Card:
    """Describe a kiosk; it is no device, but is drawn like one."""
    names = {"en": kiosk.name.en, "zh": kiosk.name.zh}
    return Card(kiosk.id, edge, "Self-check", "kiosk", kiosk.space, names)


@contextlib.asynccontextmanager
async def closing_links(links: Sequence[Closable]) -> AsyncIterator[None]:
    """Close every link at the end."""
    try:
        yield
    finally:
        await asyncio.gather(*(link.aclose() for link in links))


async def run_edge(
    site: Site, edge: Edge, data: Path, host: Host, built: Callable[[], None] = lambda: None
) -> None:
    """Run until cancelled; call `built` when everything is there that lives as long as the edge.

    Raises JournalError when the journal cannot be had at all.
    """
    stamps = Stamps(host.clock, host.secret(LIFE).hex(), edge.id, host.boot)
    clock = stamps.clock
    devices = build_devices(edge, host, clock)
    async with (
        closing_links(devices.links),
        keeping_journal(edge, data, host, stamps, devices.counters(site)) as journal,
    ):
        refused = RefusedInput(journal, clock)
        ground = Ground(host, stamps, clock, Terms(clock, host.boot), journal, refused)
        layouts = Layouts(journal, devices.cards)  # before the first sample that names one
        journal.append([stamps.started(program_version())])
        gateway = Gateway(site, edge.id, program_version(), ground)
        dispatchers = _dispatchers(site, edge, devices, ground)
        commands = _commands(devices, dispatchers, ground, gateway)
        workers = [
            Part("clock", partial(stamps.watch, journal.append)),
            Part("refused input", refused.run),
            *commands.parts(),
            *_pollers(devices, ground),
            *(Part(f"fleet {device}", one.run) for device, one in dispatchers.items()),
            *_kiosks(edge, devices, ground, data),
        ]
        built()
        carriers = [Part("journal", journal.run), *gateway.parts(layouts, commands.inbox)]
        await _supervise(edge, ground, gateway, carriers, workers)


async def _supervise(
    edge: Edge,
    ground: Ground,
    gateway: Gateway,
    carriers: Sequence[Part],
    workers: Sequence[Part],
) -> None:
    """Run all parts until cancelled: those who measure end first, then those who carry.

    What was measured last should reach the gateway before the edge says goodbye.
    """

    def changed(change: Change) -> None:
        part, stands, reason, falls = change
        fell = PartFell(edge.id, ground.clock.wall(), part, stands, reason, falls)
        ground.journal.append([shortened(fell)])

    supervisor = Supervisor(ground.clock, ground.host.random, changed)
    async with asyncio.TaskGroup() as group:
        carrying = group.create_task(supervisor.run(carriers), name="carriers")
        try:
            await supervisor.run(workers)
        except asyncio.CancelledError:
            await gateway.hand_over()
            raise
        finally:
            carrying.cancel()


@contextlib.asynccontextmanager
async def keeping_journal(
    edge: Edge, data: Path, host: Host, stamps: Stamps, counters: frozenset[tuple[str, str]]
) -> AsyncIterator[Journal]:
    """Open the edge's journal, and close it with the thread that it works in."""

    def share() -> float:
        disk = statvfs(data)
        return 1.0 - disk.f_bavail / disk.f_blocks if disk.f_blocks else 0.0

    clock, name = host.clock, f"journal-{edge.id}.sqlite3"
    thread = host.threads("journal", 1)
    place = Place(host.folder(data), name, host.connect, clock.monotonic)
    seams = Seams(
        clock.monotonic,
        partial(stamp_of, stamps),
        thread,
        lambda: host.secret(LIFE).hex(),
        host.random.random,
    )
    policy = Policy(edge.journal.largest, counters, disk=share)
    try:
        async with Journal(place, stamps.life, seams, stamps.segment_of, policy) as journal:
            yield journal
    finally:
        thread.shutdown(wait=False)


@dataclass(frozen=True, slots=True)
class _Commands:
    """Those who carry out what the gateway asks for."""

    inbox: Inbox
    outputs: Outputs
    journal: Journal

    def resume(self) -> None:
        """Take up what is remembered of commands and leases."""
        self.inbox.resume()
        self.outputs.resume()

    def parts(self) -> Iterator[Part]:
        """Give them, after they have taken up what is remembered."""
        self.resume()
        if self.journal.state.condition != "ok":
            self.journal.listen(self._resume_late())
        yield Part("commands", self.inbox.run)
        for device in self.inbox.devices:
            yield Part(f"commands {device}", partial(self.inbox.serve, device))

    def _resume_late(self) -> Callable[[], None]:
        """Wait for a disk that was sick at the start, and has leases to tell of."""
        waiting = True

        def look() -> None:
            nonlocal waiting
            if waiting and self.journal.state.condition == "ok":
                waiting = False
                self.resume()

        return look


def _commands(
    devices: Devices, dispatchers: Mapping[str, Dispatcher], ground: Ground, gateway: Gateway
) -> _Commands:
    writable = {
        device: driver
        for device, driver in devices.drivers.items()
        if isinstance(driver, Writable) and driver.writable
    }
    journal, clock, terms = ground.journal, ground.clock, ground.terms
    outputs = Outputs(writable, journal, clock, terms, ground.host.random)
    inbox = Inbox(
        Targets(writable, dispatchers),
        outputs,
        KnownCommands(journal, clock, terms),
        journal,
        clock,
        Hearing(journal.life, gateway.now),
        ground.refused,
    )
    return _Commands(inbox, outputs, journal)


def _pollers(devices: Devices, ground: Ground) -> Iterator[Part]:
    for device, driver in devices.drivers.items():
        if isinstance(driver, Pollable):
            poller = Poller(driver, ground.journal, ground.clock, ground.host.random)
            yield Part(f"poll {device}", poller.run)


def _dispatchers(site: Site, edge: Edge, devices: Devices, ground: Ground) -> dict[str, Dispatcher]:
    robots = {device.id: device for device in edge.devices() if isinstance(device, Robot)}
    journal, clock, terms = ground.journal, ground.clock, ground.terms
    return {
        device: Dispatcher(driver, robots[device], site.fleet, journal, clock, terms)
        for device, driver in devices.drivers.items()
        if isinstance(driver, Vehicle) and device in robots
    }


def _kiosks(edge: Edge, devices: Devices, ground: Ground, data: Path) -> Iterator[Part]:
    pads = {device.id: device for device in edge.devices() if isinstance(device, TagReaderDevice)}
    for kiosk in edge.kiosks:
        run = partial(_run_kiosk, kiosk, pads, devices, ground, data / edge.id)
        yield Part(f"kiosk {kiosk.id}", run)


async def _run_kiosk(
    kiosk: Kiosk,
    pads: Mapping[str, TagReaderDevice],
    devices: Devices,
    ground: Ground,
    keys: Path,
) -> None:
    """Make a kiosk and run it: one that cannot be made is out of order, and nobody else is."""
    reader, library = devices.drivers[kiosk.reader], devices.drivers[kiosk.library]
    if not isinstance(reader, TagReader) or not isinstance(library, Circulation):
        raise TypeError(
            f"kiosk {kiosk.id}: {kiosk.reader} must read tags and {kiosk.library} must lend;"
            " choose other models in the site file"
        )
    host = ground.host
    key = patron_key(host.folder(keys), host.secret)
    pad = pads[kiosk.reader]
    await SelfCheck(
        *(kiosk, reader, library, pad, ground.journal, ground.clock, host.random, key)
    ).run()
