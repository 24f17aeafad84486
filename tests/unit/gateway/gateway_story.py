"""A small site and a writer on a file, for stories about the gateway's core."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.site import Site
from contracts.codec import acks, encode, raws
from contracts.instants import SECOND, Instant
from contracts.messages import Ack, Batch, Card, CardPoint, Presence
from contracts.quantities import Quality, Quantity
from contracts.records import Reading, Record
from contracts.topics import Address
from gateway.engine.writer import Writer
from gateway.ingest.pipeline import Outcome
from gateway.ingest.validation import Arrived
from runtime.database import connect

T0: Instant = 1_760_000_000 * SECOND
LIMITS = [
    {
        "quantity": "air_temperature",
        "low": 16,
        "high": 22,
        "deadband": 0.5,
        "delay": "1min",
        "priority": "high",
    },
    {"quantity": "relative_humidity", "low": 45, "high": 60, "deadband": 1.5, "delay": "1min"},
]


def small_site() -> Site:
    """One vault with a probe, one lobby with a gate."""
    return Site.model_validate(
        {
            "site": "small",
            "name": {"en": "Small", "zh": "小"},
            "timezone": "Asia/Shanghai",
            "broker": "mqtt://127.0.0.1:1",
            "spaces": [
                {
                    "id": "vault",
                    "kind": "vault",
                    "name": {"en": "Vault", "zh": "库"},
                    "limits": LIMITS,
                },
                {"id": "lobby", "kind": "lobby", "name": {"en": "Lobby", "zh": "大堂"}},
            ],
            "gates": [
                {
                    "id": "south",
                    "name": {"en": "South", "zh": "南门"},
                    "space": "lobby",
                    "entries": "counter/channel_0",
                    "exits": "counter/channel_1",
                    "rollover": 65536,
                }
            ],
            "edges": [
                {
                    "id": "stacks",
                    "links": [
                        {
                            "kind": "modbus-tcp",
                            "id": "bus",
                            "host": "127.0.0.1",
                            "devices": [
                                {"id": "probe", "model": "xy-md02", "unit": 1, "space": "vault"},
                                {
                                    "id": "counter",
                                    "model": "adam-6051",
                                    "unit": 2,
                                    "space": "lobby",
                                },
                            ],
                        }
                    ],
                }
            ],
        }
    )


PROBE = Card(
    "probe",
    "stacks",
    "xy-md02",
    "climate",
    "vault",
    {},
    (
        CardPoint("temperature", Quantity.AIR_TEMPERATURE, "°C", 2.0),
        CardPoint("humidity", Quantity.RELATIVE_HUMIDITY, "%RH", 2.0),
    ),
)
COUNTER = Card(
    "counter",
    "stacks",
    "adam-6051",
    "gate",
    "lobby",
    {},
    (
        CardPoint("channel_0", Quantity.CROSSINGS, "count", 1.0),
        CardPoint("channel_1", Quantity.CROSSINGS, "count", 1.0),
    ),
)


class Clock:
    """Goes when told."""

    def __init__(self, at: Instant = T0) -> None:
        self.at = at

    def __call__(self) -> Instant:
        return self.at


class Building:
    """A writer, its clock, and the edge that speaks to it."""

    def __init__(self, folder: Path, site: Site | None = None) -> None:
        self.path = folder / "store.sqlite3"
        self.site = site or small_site()
        self.clock = Clock()
        self.next = 1
        self.start()

    def start(self) -> None:
        self.writer = Writer(self.site, self.path, self.clock, connect)

    def restart(self) -> None:
        self.writer.close()
        self.start()

    def cards(self, *cards: Card) -> None:
        self.writer.take([self.card(card) for card in cards or (PROBE, COUNTER)])

    def card(self, card: Card) -> Arrived:
        address = Address("small", card.edge, "card", card.device)
        return Arrived(address, encode(card), self.clock.at)

    def presence(self, *, online: bool, **fields: Any) -> Outcome:
        body = encode(Presence("stacks", online, self.clock.at, "s", **fields))
        address = Address("small", "stacks", "state")
        return self.writer.take([Arrived(address, body, self.clock.at)]).outcome

    def will(self, edge: str) -> Arrived:
        """Give what the broker says in the name of an edge that is cut off."""
        body = encode(Presence(edge, online=False))
        return Arrived(Address("small", edge, "state"), body, self.clock.at)

    def batch(
        self, records: Sequence[Record], first: int | None = None, stream: str = "s"
    ) -> Arrived:
        if first is None:
            first, self.next = self.next, self.next + len(records)
        payload = encode(Batch(stream, first, raws([encode(record) for record in records])))
        return Arrived(Address("small", "stacks", "journal"), payload, self.clock.at)

    def told(
        self, *records: Record | bytes, first: int, edge: str = "stacks", **envelope: Any
    ) -> Outcome:
        """Send a batch of today's wire: `stream`, `life`, `since`, `session`, `k` and so on."""
        bodies = [one if isinstance(one, bytes) else encode(one) for one in records]
        fields: dict[str, Any] = {
            "stream": "s",
            "life": "a",
            "since": 1,
            "session": "a",
            "k": 1,
        } | envelope
        batch = Batch(first=first, records=raws(bodies), **fields)
        address = Address("small", edge, "journal")
        return self.writer.take([Arrived(address, encode(batch), self.clock.at)]).outcome

    def send(self, *records: Record, first: int | None = None, stream: str = "s") -> Outcome:
        return self.writer.take([self.batch(records, first, stream)]).outcome

    def tick(self) -> Outcome:
        return self.writer.tick().outcome

    def sql(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        store = self.writer.ingest().store
        return store.connection.execute(query, values).fetchall()

    def tally(self, name: str) -> int:
        rows = self.sql("SELECT count FROM tally WHERE name = ?", name)
        return int(rows[0][0]) if rows else 0


def ack_of(outcome: Outcome) -> Ack:
    """Give the last ack."""
    return acks.decode(outcome.acks[-1].payload)


def reading(second: float, value: float | None, point: str = "probe/temperature") -> Reading:
    """Measure something `second` seconds after T0."""
    quality = Quality.UNAVAILABLE if value is None else Quality.GOOD
    return Reading(point, T0 + round(second * SECOND), value, quality)
