"""A subscriber that acknowledges what it gets, in place of a gateway."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import aiomqtt

from contracts import codec
from contracts.layouts import Layout, by_digest, readings
from contracts.messages import MOST_RANGES, Ack, Batch
from contracts.ranges import Ranges
from contracts.records import Reading, Sample
from contracts.topics import of_edge, parse


@dataclass(slots=True)
class Sink:
    """Listens to one edge. Counts values and the bytes of their batches, and hands values on."""

    site: str
    edge: str
    port: int
    on_value: dict[str, Callable[[float], None]] = field(default_factory=dict)
    """By the name of a point: called with each value of it."""
    values: int = 0
    size: int = 0
    """Bytes of batches that brought something new."""
    silent: bool = False
    """Whether it has stopped to acknowledge."""
    _layouts: dict[str, dict[str, Layout]] = field(default_factory=dict)
    _committed: dict[str, Ranges] = field(default_factory=lambda: defaultdict(Ranges))
    _sent: Iterator[int] = field(default_factory=lambda: count(1_800_000_000_000_000))

    async def run(self) -> None:
        """Listen until cancelled."""
        topics = of_edge(self.site, self.edge)
        async with aiomqtt.Client("127.0.0.1", self.port, identifier="sink") as client:
            for topic in (f"{topics.card}+", topics.journal):
                await client.subscribe(topic, qos=0)
            async for message in client.messages:
                address = parse(message.topic.value)
                payload = bytes(message.payload)
                if address is not None and address.channel == "card" and payload:
                    self._layouts[address.device] = by_digest(codec.cards.decode(payload).layouts)
                elif address is not None and address.channel == "journal":
                    ack = self._take(payload)
                    if not self.silent:
                        await client.publish(topics.ack, codec.encode(ack), qos=0)

    def _take(self, payload: bytes) -> Ack:
        batch = codec.batches.decode(payload)
        last = batch.first + len(batch.records) - 1
        known = self._committed[batch.stream]
        if not known.covers(batch.first, last):
            self._committed[batch.stream] = known.union([(batch.first, last)])
            self._count(batch, len(payload))
        return Ack(
            batch.stream,
            tuple((low, high) for low, high in self._committed[batch.stream])[-MOST_RANGES:],
            batch.life,
            batch.session,
            batch.k,
            0,
            next(self._sent),
        )

    def _count(self, batch: Batch, size: int) -> None:
        self.size += size
        for record in codec.decode_received(batch):
            if isinstance(record, Sample):
                for one in readings(record, self._layouts[record.device][record.layout]):
                    self._value(one)
            elif isinstance(record, Reading):
                self._value(record)

    def _value(self, one: Reading) -> None:
        self.values += 1
        tell = self.on_value.get(one.point.partition("/")[2])
        if tell is not None and one.value is not None:
            tell(one.value)
