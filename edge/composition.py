"""Puts one edge together and runs it: links, drivers, journal, uplink, commands, kiosks, robots."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from config.broker import broker_address
from config.links import Robot, TagReaderDevice
from config.site import Edge, Kiosk, Site
from contracts.instants import span
from contracts.messages import Card
from contracts.quantities import Quantity
from contracts.records import EdgeStarted
from contracts.topics import of_edge
from drivers import registry
from drivers.capabilities import Circulation, Now, Pollable, TagReader, Vehicle, Writable
from edge.commands.inbox import Commands, Targets
from edge.fleet.dispatcher import Dispatcher
from edge.journal.file import JournalError
from edge.journal.journal import Budget, Journal
from edge.kiosk.kiosk import SelfCheck
from edge.kiosk.patron_key import patron_key
from edge.polling.poller import keep_polling
from edge.uplink.session import Conversation, Who, will_of
from edge.uplink.uplink import Uplink
from runtime.host import Host
from runtime.mqtt.client import Broker, Client, identity

log = logging.getLogger(__name__)

FAREWELL = 3.0
"""Seconds that handing over the last records may take."""


class Closable(Protocol):
    """A link that can be closed."""

    async def aclose(self) -> None:
        """Close it."""
        ...


@dataclass(slots=True)
class Parts:
    """What a site file makes of one edge: drivers by device, their cards, links to close."""

    drivers: dict[str, object] = field(default_factory=dict)
    cards: list[Card] = field(default_factory=list)
    links: list[Closable] = field(default_factory=list)

    def urgent(self, site: Site) -> frozenset[str]:
        """Name the counters: their readings are on disk at once and never thinned."""
        counters = {
            f"{card.device}/{point.name}"
            for card in self.cards
            for point in card.points
            if point.quantity is Quantity.CROSSINGS
        }
        gates = {path for gate in site.gates for path in (gate.entries, gate.exits) if path}
        return frozenset(counters | gates)


def program_version() -> str:
    """Give the installed version."""
    try:
        return version("wenlan")
    except PackageNotFoundError:
        return "unknown"


def build_parts(edge: Edge, host: Host) -> Parts:
    """Build every link and driver of an edge; nothing connects yet."""
    parts = Parts()
    for link_config in edge.links:
        link = registry.open_link(link_config, host)
        parts.links.append(link)
        for device in link_config.devices:
            driver = registry.build(device, link, host.clock.wall)
            parts.drivers[device.id] = driver
            parts.cards.append(registry.card(driver, device, edge.id))
    parts.cards += [kiosk_card(kiosk, edge.id) for kiosk in edge.kiosks]
    return parts


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


async def run_edge(site: Site, edge: Edge, data: Path, host: Host) -> None:
    """Run until cancelled. Raises JournalError (in a group) when facts cannot be written down."""
    now = host.clock.wall
    parts = build_parts(edge, host)
    path = data / f"journal-{edge.id}.sqlite3"
    budget = Budget(edge.journal.largest, span(edge.journal.keep))
    async with (
        closing_links(parts.links),
        Journal(path, now, budget, parts.urgent(site)) as journal,
    ):
        await journal.append([EdgeStarted(now(), edge.id, program_version())])
        kiosks: dict[str, SelfCheck] = {}
        if edge.kiosks:
            key = patron_key(host.folder(data / edge.id), host.secret)
            kiosks = _kiosks(edge, parts, journal, now, key)
        try:
            await _work(site, edge, parts, journal, kiosks, now)
        except BaseExceptionGroup as group:
            if unwritten := first_of(JournalError, group):
                raise unwritten from group
            raise


def first_of(kind: type[JournalError], group: BaseExceptionGroup) -> JournalError | None:
    """Find an error of a kind in a group, or None."""
    for error in group.exceptions:
        if isinstance(error, kind):
            return error
        if isinstance(error, BaseExceptionGroup) and (inner := first_of(kind, error)):
            return inner
    return None


async def _work(
    site: Site,
    edge: Edge,
    parts: Parts,
    journal: Journal,
    kiosks: Mapping[str, SelfCheck],
    now: Now,
) -> None:
    dispatchers = _dispatchers(site, edge, parts, journal, now)
    commands = Commands(_targets(parts, dispatchers), journal, now)
    await commands.resume()
    topics = of_edge(site.site, edge.id)
    client = Client(
        broker_address(site.broker),
        identity("edge", site.site, edge.id),
        (topics.ack, topics.command),
        topics.state,
        will_of(edge.id),
    )
    broker = Broker(client)
    uplink = Uplink(journal, topics.journal, broker.publish)
    who = Who(edge.id, program_version(), topics, parts.cards)
    conversation = Conversation(who, journal, uplink, commands, broker.publish, now)
    # Two groups, because those who carry must outlive those who measure: what was measured last
    # should reach the gateway before the edge says goodbye.
    async with asyncio.TaskGroup() as carriers:
        tasks = [
            carriers.create_task(journal.run(), name="journal"),
            carriers.create_task(uplink.run(), name="uplink"),
            carriers.create_task(uplink.prune(), name="prune"),
            carriers.create_task(broker.run(conversation), name="broker"),
            carriers.create_task(conversation.stay_present(), name="presence"),
        ]
        try:
            async with asyncio.TaskGroup() as group:
                _drive(group, parts, journal, commands, now)
                for device, dispatcher in dispatchers.items():
                    group.create_task(dispatcher.run(), name=f"fleet {device}")
                for kiosk, selfcheck in kiosks.items():
                    group.create_task(selfcheck.run(), name=f"kiosk {kiosk}")
        except asyncio.CancelledError:
            await _hand_over(journal, uplink)
            raise
        finally:
            for task in tasks:
                task.cancel()


def _drive(
    group: asyncio.TaskGroup, parts: Parts, journal: Journal, commands: Commands, now: Now
) -> None:
    group.create_task(commands.run(), name="leases")
    for device in commands.devices:
        group.create_task(commands.serve(device), name=f"commands {device}")
    for device, driver in parts.drivers.items():
        if isinstance(driver, Pollable):
            group.create_task(keep_polling(driver, journal, now), name=f"poll {device}")


async def _hand_over(journal: Journal, uplink: Uplink) -> None:
    """Give the gateway a moment to take the last records; the journal keeps what it does not."""
    await journal.flush()
    if uplink.online:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await uplink.drained()


def _targets(parts: Parts, dispatchers: dict[str, Dispatcher]) -> Targets:
    writable = {
        device: driver
        for device, driver in parts.drivers.items()
        if isinstance(driver, Writable) and driver.writable
    }
    return Targets(writable, dispatchers)


def _dispatchers(
    site: Site, edge: Edge, parts: Parts, journal: Journal, now: Now
) -> dict[str, Dispatcher]:
    robots = {device.id: device for device in edge.devices() if isinstance(device, Robot)}
    return {
        device: Dispatcher(driver, robots[device], site.fleet, journal, now)
        for device, driver in parts.drivers.items()
        if isinstance(driver, Vehicle) and device in robots
    }


def _kiosks(
    edge: Edge, parts: Parts, journal: Journal, now: Now, key: bytes
) -> dict[str, SelfCheck]:
    pads = {device.id: device for device in edge.devices() if isinstance(device, TagReaderDevice)}
    made: dict[str, SelfCheck] = {}
    for kiosk in edge.kiosks:
        reader, library = parts.drivers[kiosk.reader], parts.drivers[kiosk.library]
        if not isinstance(reader, TagReader) or not isinstance(library, Circulation):
            raise TypeError(
                f"kiosk {kiosk.id}: {kiosk.reader} must read tags and {kiosk.library} must lend;"
                " choose other models in the site file"
            )
        made[kiosk.id] = SelfCheck(kiosk, reader, library, pads[kiosk.reader], journal, now, key)
    return made
