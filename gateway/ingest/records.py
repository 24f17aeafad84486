"""The new records of a batch, each to its place; what has none is kept as it came."""

from collections.abc import Sequence

from contracts.codec import Received, Unknown, Unreadable, encode
from contracts.instants import Instant
from contracts.layouts import LayoutError, readings
from contracts.records import Reading, Record, Sample
from gateway.alarms.table import AlarmTable
from gateway.devices.layouts import Layouts
from gateway.devices.registry import Registry
from gateway.ingest.counters import Counters
from gateway.ingest.events import EventLog
from gateway.ingest.readings import LAST_INSTANT, Readings, Sender
from gateway.ingest.stream import Stream
from gateway.storage.ports import Statements


class Records:
    """Takes the records of one store."""

    def __init__(
        self,
        store: Statements,
        registry: Registry,
        alarms: AlarmTable,
        counters: Counters,
        event_log: EventLog,
    ) -> None:
        self._store = store
        self._registry = registry
        self._alarms = alarms
        self._counters = counters
        self._event_log = event_log
        self._readings = Readings(store, registry, alarms, counters)
        self.layouts = Layouts(store)

    def absent(self, records: Sequence[Received]) -> frozenset[int]:
        """Give the places of samples whose layout has not come: they cannot be taken yet."""
        return frozenset(
            place
            for place, one in enumerate(records)
            if type(one) is Sample and self.layouts.get(one.device, one.layout) is None
        )

    def take(self, sender: Sender, stream: Stream, first: int, records: Sequence[Received]) -> None:
        """Take records that are new; the first has the number `first`."""
        take = self._readings.take
        for seq, record in enumerate(records, start=first):
            if type(record) is Sample:
                reason = self._take_sample(sender, seq, record)
            elif type(record) is Reading:
                reason = take(record, sender, seq)
            elif isinstance(record, Unreadable):
                self.put_aside(sender, seq, record.raw, record.reason)
                continue
            else:
                reason = self._take_event(sender, stream, seq, record)
            if reason:
                self.put_aside(sender, seq, _raw(record), reason)

    def _take_sample(self, sender: Sender, seq: int, sample: Sample) -> str:
        """Take a sample; say why not all of it could be taken, if so."""
        layout = self.layouts.get(sample.device, sample.layout)
        assert layout is not None, "what is absent is not taken"
        try:
            values = readings(sample, layout)
        except LayoutError as error:
            return str(error)
        reasons = [reason for one in values if (reason := self._readings.take(one, sender, seq))]
        return reasons[0] if reasons else ""

    def _take_event(
        self, sender: Sender, stream: Stream, seq: int, record: Record | Unknown
    ) -> str:
        """Take an event; say why it cannot be taken, if so."""
        if isinstance(record, Unknown):
            self._counters.add("unknown-kind")
            self._event_log.add_unknown(sender, stream, seq, record)
            return ""
        assert not isinstance(record, Sample | Reading)
        if not 0 < record.at < LAST_INSTANT:
            return f"time {record.at} is out of bounds"
        reason = self._event_log.objection(sender, record)
        if reason:
            self._counters.add("foreign")
        else:
            effects = self._event_log.add(sender, stream, seq, record)
            self._alarms.apply(tuple(effects), sender.received)
        return reason

    def put_aside(self, sender: Sender, seq: int, raw: bytes, reason: str) -> None:
        """Keep a record as it came."""
        self._counters.add("unreadable")
        self._store.run("add_unreadable", sender.stream, seq, sender.received, raw, reason)

    def finish(self, now: Instant) -> None:
        """Write what is written together."""
        self._readings.finish(now)


def _raw(record: Received) -> bytes:
    return record.raw if isinstance(record, Unreadable | Unknown) else encode(record)
