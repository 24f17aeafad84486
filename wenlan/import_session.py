"""Takes a logger's export to the gateway as late facts, in a stream of its own.

The stream's id follows from site, zone, device and the file's bytes, and the records from the
file alone: importing a file again sends what the gateway already has, and it stores nothing twice.
So no journal is needed: what was cut off is begun again.
"""

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from config.site import Site
from contracts.codec import ContractError, encode
from contracts.messages import Card, CardPoint
from contracts.quantities import NATURES, Quantity, judge
from contracts.ranges import Ranges
from contracts.records import Reading
from contracts.topics import IMPORTER as EDGE
from contracts.topics import EdgeTopics, of_edge
from dataloggers.export import Export, Refused, Value, read_export, refuse_size
from dataloggers.header import UnusableFileError
from edge.journal.queue import Entry
from edge.journal.rows import Limits, Piece, Stamp, row_of
from edge.journal.tracks import Track, of_memory
from edge.journal.volatile import Volatile
from edge.uplink.uplink import Uplink
from runtime.host import Host
from runtime.mqtt.client import Client, Session, identity
from runtime.mqtt.connection import Message, Outgoing

log = logging.getLogger(__name__)

NAMES = {
    Quantity.AIR_TEMPERATURE: "temperature",
    Quantity.RELATIVE_HUMIDITY: "humidity",
    Quantity.CO2: "co2",
}
CHUNK = 5_000
LIFE = ""
"""Of the stream's rows: it has only one."""


class ImportResult(NamedTuple):
    """What became of a file."""

    stream: str
    rows: int
    values: int
    """Sent, and acknowledged by the gateway."""
    missing: int
    refused: tuple[Refused, ...]


class Imported:
    """The records of a file in memory, until the gateway has named them twice."""

    def __init__(self, stream: str, session: str) -> None:
        self.life = session
        """Of the sender: each import is a session of its own."""
        self._stream = Volatile(stream, LIFE)
        self._listeners: list[Callable[[], None]] = []

    def add(self, records: Sequence[Reading], stamp: Stamp) -> None:
        """Add records; their numbers follow from their order alone."""
        rows = tuple(row_of(record, "", urgent=False) for record in records)
        self._stream.take(Entry(rows, ()), stamp)

    def listen(self, listener: Callable[[], None]) -> None:
        """Ask to be called after each change."""
        self._listeners.append(listener)

    def tracks(self) -> list[Track]:
        """Give what is held. None of it is live."""
        return [of_memory(self._stream)._replace(current=False)]

    async def read(self, stream: str, first: int, last: int, limits: Limits) -> Piece | None:
        """Give consecutive records down from `last`."""
        assert stream == self._stream.stream
        return self._stream.read(first, last, limits)

    def named(self, stream: str, once: Ranges, twice: Ranges) -> None:
        """Take note of what the gateway has."""
        assert stream == self._stream.stream
        self._stream.named(once)
        self._stream.forget(twice)
        for listener in self._listeners:
            listener()

    def refuse(self, stream: str, life: str, first: int) -> None:
        """Say that the gateway takes these for another edge's."""
        log.error("the gateway refuses %s of life %r from number %d on", stream, life, first)


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
                self._uplink.acknowledge(message.payload)
            except ContractError as error:
                log.warning("an acknowledgement made no sense: %s", error)

    def farewell(self) -> Sequence[Outgoing]:
        return ()


async def import_csv(
    path: Path,
    site: Site,
    device: str,
    space: str | None,
    host: Host,
    say: Callable[[str], None],
) -> ImportResult:
    """Import a file and wait until the gateway has all of it.

    Raises UnusableFileError (a file that is no export, an impossible device or space) and OSError.
    """
    _check(site, device, space)
    content = await asyncio.to_thread(_read, path)
    export = await asyncio.to_thread(read_export, content, site.zone)
    _tell(path, export, say)
    stream = stream_id(site, device, content)
    imported = Imported(stream, host.secret(8).hex())
    stamp = Stamp(host.clock.wall(), "")
    for begin in range(0, len(export.values), CHUNK):
        chunk = export.values[begin : begin + CHUNK]
        imported.add([reading(device, value) for value in chunk], stamp)
        await host.clock.sleep(0.0)
    known = device in {one.id for _, one in site.devices()}
    card = None if known else card_of(device, space, export)
    await _send(site, host, stream, imported, card)
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


async def _send(site: Site, host: Host, stream: str, imported: Imported, card: Card | None) -> None:
    topics, clock = of_edge(site.site, EDGE), host.clock
    session = Session(identity("import", site.site, stream), (topics.ack,))
    client = Client(site.broker.addresses, session, host.mqtt(site.broker))

    async def publish(topic: str, payload: bytes, qos: int = 0, *, retain: bool = False) -> bool:
        assert qos == 0, "reliability is ours"
        return await client.publish(topic, payload, retain=retain)

    def stamp() -> Stamp:
        return Stamp(clock.wall(), "")

    uplink = Uplink(imported, topics.journal, publish, clock.monotonic, stamp)
    talk = _Talk(uplink, topics, card)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(uplink.run(), name="uplink"),
            group.create_task(client.run(talk), name="broker"),
        ]
        await uplink.settled()
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
