"""Takes a logger's export to the gateway as late facts, through a journal of its own.

The stream's id follows from site, zone, device and the file's bytes, and the records from the
file alone: importing a file again sends what the gateway already has, and it stores nothing twice.
"""

import asyncio
import hashlib
import logging
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from config.site import Site
from contracts.codec import ContractError, encode
from contracts.instants import Instant
from contracts.messages import Card, CardPoint
from contracts.quantities import NATURES, Quantity, judge
from contracts.records import Reading
from contracts.topics import EdgeTopics, of_edge
from dataloggers.export import Export, Refused, Value, read_export, refuse_size
from dataloggers.header import UnusableFileError
from edge.journal.journal import Budget, Journal
from edge.uplink.uplink import Uplink
from runtime.mqtt.client import Client, Io, Session, identity
from runtime.mqtt.connect import connect_to
from runtime.mqtt.connection import Message, Outgoing

log = logging.getLogger(__name__)

EDGE = "import"
NAMES = {
    Quantity.AIR_TEMPERATURE: "temperature",
    Quantity.RELATIVE_HUMIDITY: "humidity",
    Quantity.CO2: "co2",
}
CHUNK = 5_000
UNLIMITED = Budget(largest=2**62)


class ImportResult(NamedTuple):
    """What became of a file."""

    stream: str
    rows: int
    values: int
    """Sent, and acknowledged by the gateway."""
    missing: int
    refused: tuple[Refused, ...]


class _Talk:
    """Announces the logger, and hears the acks."""

    def __init__(self, uplink: Uplink, topics: EdgeTopics, card: Card | None) -> None:
        self._uplink = uplink
        self._topics = topics
        self._card = card

    def will(self) -> None:
        """Leave nothing: an import that is cut off is begun again."""

    def greeting(self) -> Sequence[Outgoing]:
        if self._card is None:
            return ()
        topic = self._topics.card + self._card.device
        return [Outgoing(topic, encode(self._card), retain=True)]

    def connected(self) -> None:
        self._uplink.connected()

    def disconnected(self) -> None:
        self._uplink.disconnected()

    async def received(self, message: Message) -> None:
        if message.topic == self._topics.ack:
            try:
                await self._uplink.acknowledge(message.payload)
            except ContractError as error:
                log.warning("an acknowledgement made no sense: %s", error)

    def farewell(self) -> Sequence[Outgoing]:
        return ()


async def import_csv(
    path: Path,
    site: Site,
    device: str,
    space: str | None,
    data: Path,
    now: Callable[[], Instant],
    say: Callable[[str], None],
) -> ImportResult:
    """Import a file and wait until the gateway has all of it.

    Raises UnusableFileError (a file that is no export, an impossible device or space), OSError,
    and JournalError.
    """
    _check(site, device, space)
    content = await asyncio.to_thread(_read, path)
    export = await asyncio.to_thread(read_export, content, site.zone)
    _tell(path, export, say)
    stream = stream_id(site, device, content)
    journal_path = data / f"import-{stream}.sqlite3"
    # What an interrupted import left is not needed: the same records come under the same numbers.
    _remove(journal_path)
    async with Journal(journal_path, now, UNLIMITED, stream=stream) as journal:
        for begin in range(0, len(export.values), CHUNK):
            chunk = export.values[begin : begin + CHUNK]
            await journal.append([reading(device, value) for value in chunk])
        await journal.flush()
        known = device in {one.id for _, one in site.devices()}
        card = None if known else card_of(device, space, export)
        await _send(site, journal, card)
    _remove(journal_path)
    result = ImportResult(stream, export.rows, len(export.values), export.missing, export.refused)
    say(f"{result.values} values sent and stored as {device} (stream {stream})")
    return result


def stream_id(site: Site, device: str, content: bytes) -> str:
    """Derive the stream from what is imported, where to, and how its times are read."""
    about = f"{site.site} {site.timezone} {device}\n".encode()
    return "import-" + hashlib.sha256(about + content).hexdigest()[:16]


def reading(device: str, value: Value) -> Reading:
    """Make a reading of a value."""
    point = f"{device}/{NAMES[value.quantity]}"
    return Reading(point, value.at, value.value, judge(value.quantity, value.value))


def card_of(device: str, space: str | None, export: Export) -> Card:
    """Describe the logger to the gateway."""
    points = tuple(
        CardPoint(NAMES[what], what, NATURES[what].unit, export.step) for what in export.quantities
    )
    return Card(device, EDGE, "logger", "climate", space or "", {}, points)


async def _send(site: Site, journal: Journal, card: Card | None) -> None:
    topics = of_edge(site.site, EDGE)
    clock = asyncio.get_running_loop().time
    io = Io(connect_to(site.broker), asyncio.sleep, clock, random.Random())  # noqa: S311 - pauses
    session = Session(identity("import", site.site, journal.stream), (topics.ack,))
    client = Client(site.broker.addresses, session, io)
    # All of it is past: it goes in order.
    uplink = Uplink(journal, topics.journal, client.publish, present=0)
    talk = _Talk(uplink, topics, card)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(journal.run(), name="journal"),
            group.create_task(uplink.run(), name="uplink"),
            group.create_task(client.run(talk), name="broker"),
        ]
        await uplink.drained()
        for task in tasks:
            task.cancel()


def _read(path: Path) -> bytes:
    refuse_size(path.stat().st_size)
    return path.read_bytes()


def _check(site: Site, device: str, space: str | None) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}", device):
        raise UnusableFileError(
            f"device {device!r}: give letters, digits, - and _ only, 48 at most"
        )
    spaces = [one.id for one in site.spaces]
    if space is not None and space not in spaces:
        raise UnusableFileError(f"no space {space!r} in the site; there are {', '.join(spaces)}")


def _tell(path: Path, export: Export, say: Callable[[str], None]) -> None:
    what = ", ".join(NAMES[quantity] for quantity in export.quantities)
    say(f"{path.name}: {export.rows} rows of {what}; {len(export.values)} values,")
    say(f"  {export.missing} missing, {len(export.refused)} lines refused")
    for line, why in export.refused[:20]:
        say(f"  line {line}: {why}")
    if len(export.refused) > 20:
        say(f"  … and {len(export.refused) - 20} more")
    for remark in export.remarks:
        say(f"  note: {remark}")


def _remove(journal: Path) -> None:
    for part in journal.parent.glob(journal.name + "*"):
        part.unlink()
