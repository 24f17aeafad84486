"""A store with a hundred probes under limits: the edge that the gateway's benchmarks pretend."""

from collections.abc import Iterator, Sequence
from typing import Any

from config.site import Site
from contracts.codec import encode, raws
from contracts.instants import Instant
from contracts.messages import Batch, Card, CardPoint
from contracts.quantities import Quantity
from contracts.records import Reading
from contracts.topics import Address
from gateway.ingest.validation import Arrived

DEVICES = 100


def site(delay: str) -> Site:
    """Describe the site; an alarm is raised after `delay` outside a limit."""
    name = {"en": "Store", "zh": "书库"}
    limits: list[dict[str, Any]] = [
        {"quantity": "air_temperature", "low": 16, "high": 22, "deadband": 0.3, "delay": delay},
        {"quantity": "relative_humidity", "low": 45, "high": 60, "deadband": 1, "delay": delay},
    ]
    devices = [
        {"id": f"probe-{n}", "model": "xy-md02", "unit": n + 1, "space": "store"}
        for n in range(DEVICES)
    ]
    link = {"kind": "modbus-tcp", "id": "bus", "host": "127.0.0.1", "devices": devices}
    return Site.model_validate(
        {
            "site": "bench",
            "name": name,
            "timezone": "Asia/Shanghai",
            "broker": "mqtt://127.0.0.1:1",
            "spaces": [{"id": "store", "kind": "store", "name": name, "limits": limits}],
            "edges": [{"id": "edge", "links": [link]}],
        }
    )


def cards(period: float, received: Instant) -> Iterator[Arrived]:
    """Give every probe's card; `period` is in seconds."""
    points = (
        CardPoint("temperature", Quantity.AIR_TEMPERATURE, "°C", period),
        CardPoint("humidity", Quantity.RELATIVE_HUMIDITY, "%RH", period),
    )
    for n in range(DEVICES):
        card = Card(f"probe-{n}", "edge", "xy-md02", "climate", "store", {}, points)
        yield Arrived(Address("bench", "edge", "card", card.device), encode(card), received)


def batch(first: int, records: Sequence[Reading], received: Instant) -> Arrived:
    """Put readings into a batch, as an edge's uplink does."""
    payload = encode(Batch("bench", first, raws([encode(one) for one in records])))
    return Arrived(Address("bench", "edge", "journal"), payload, received)
