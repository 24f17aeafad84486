"""From the bytes of batches to rows, alarms and acks: one transaction for all that arrived.

Nothing here waits or asks a clock. It runs in the one thread that writes.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from config.site import Site
from contracts.codec import ContractError, Unreadable, encode
from contracts.instants import SECOND, Instant
from contracts.messages import Ack
from contracts.quantities import Quality
from contracts.ranges import Range
from contracts.records import Event, Reading, Record
from gateway.alarms.table import AlarmTable
from gateway.climate import limits, retrospective
from gateway.climate.retrospective import Late
from gateway.devices.freshness import AHEAD, Arrival, Freshness, Value, arrival, step
from gateway.devices.point import CODES, Track
from gateway.devices.registry import Registry
from gateway.devices.snapshot import EMPTY, Picture
from gateway.devices.snapshot_builder import SnapshotBuilder
from gateway.devices.watchdog import EdgeSeen, Watchdog
from gateway.engine.facts import AlarmKey, ClearAlarm, RaiseAlarm, Sample
from gateway.footfall import crossing_store
from gateway.ingest.counters import Counters
from gateway.ingest.events import EventLog
from gateway.ingest.sequence_ledger import Stream, Streams
from gateway.ingest.validation import Arrived, Received, read_batch, read_card, read_presence
from gateway.storage.sqlite import Store

log = logging.getLogger(__name__)

LAST_INSTANT = 2**62
GOOD = Quality.GOOD
LONGEST_COMMAND = 60 * SECOND
"""After this long without an outcome nobody knows what became of a command."""


class Outcome(NamedTuple):
    """What is to be done once the transaction is on disk."""

    acks: tuple[tuple[str, str, bytes], ...] = ()
    """Stream, edge and payload."""
    picture: Picture | None = None
    raised: tuple[RaiseAlarm, ...] = ()


class Ingest:
    """The writer's whole memory of one store. When a transaction fails, make a new one."""

    def __init__(self, site: Site, store: Store, now: Instant, picture: Picture = EMPTY) -> None:
        self.store = store
        self.site = site
        self.registry = Registry(site, store)
        self.streams = Streams(store)
        self.alarms = AlarmTable(store)
        self.watchdog = Watchdog([edge.id for edge in site.edges], self.registry, store, now)
        self.event_log = EventLog(self.registry, store)
        self._rows: list[tuple[int, int, int, int, float | None, int, int]] = []
        self._counted: list[tuple[Track, Instant, float]] = []
        self._late: dict[Track, list[Late]] = {}
        self._counters = Counters(store)
        self.snapshot_builder = SnapshotBuilder(picture, self.registry, self.watchdog)
        self._orphans: list[str] = []
        """Points that have a state of a limit, but no limit any more."""
        for path, state in store.rows("states", "climate"):
            track = self.registry.tracks.get(path)
            if track is None or track.limit is None:
                self._orphans.append(path)
                continue
            track.climate = msgspec.json.decode(state, type=limits.State)
            track.update_calm_band()

    def take(self, messages: Sequence[Arrived], now: Instant) -> Outcome:
        """Take what arrived, in its order; raise sqlite3.Error when it is not on disk."""
        owed: dict[str, tuple[str, Stream]] = {}
        with self.store.transaction():
            for message in messages:
                try:
                    self._take_message(message, owed)
                except ContractError as error:
                    what, edge = message.address.channel, message.address.edge
                    log.warning("a message of edge %s is refused (%s): %s", edge, what, error)
                    self._counters.add(f"refused-{what}")
            self._finish(now)
        return self.outcome(_acks(owed))

    def tick(self, now: Instant) -> Outcome:
        """Let time pass."""
        with self.store.transaction():
            self._forget_orphans(now)
            self.alarms.apply(self.watchdog.tick(now), now)
            given_up = self.store.rows("give_up_commands", now, LONGEST_COMMAND)
            self._counters.add("command-unknown", len(given_up))
            self._counters.save()
        return self.outcome()

    def _forget_orphans(self, now: Instant) -> None:
        """End the alarms of limits that are no longer in the site file."""
        for path in self._orphans:
            for side in (limits.ABOVE, limits.BELOW):
                self.alarms.apply((ClearAlarm(AlarmKey("limit", path, side), now),), now)
            self.store.run("forget_state", "climate", path)
        self._orphans.clear()

    def outcome(self, acks: tuple[tuple[str, str, bytes], ...] = ()) -> Outcome:
        """Say what is to be done now that the transaction is on disk."""
        raised = tuple(self.alarms.news)
        self.alarms.news.clear()
        open_alarms = self.alarms.count() if self.alarms.changed else None
        self.alarms.changed = False
        return Outcome(acks, self.snapshot_builder.build(open_alarms), raised)

    def _take_message(self, message: Arrived, owed: dict[str, tuple[str, Stream]]) -> None:
        match message.address.channel:
            case "journal":
                batch = read_batch(message)
                owed[batch.stream] = batch.edge, self._take_batch(batch)
            case "card" if message.payload:
                self.registry.describe(read_card(message))
            case "state" if message.payload:
                self.watchdog.presence(read_presence(message), message.received)

    def _take_batch(self, batch: Received) -> Stream:
        stream = self.streams.by_name.get(batch.stream)
        if stream is None:
            stream = self.streams.meet(batch.stream, batch.edge, batch.received)
        seen = self.watchdog.heard(batch.edge, batch.received)
        if not batch.records:
            return stream
        last = batch.first + len(batch.records) - 1
        fresh = stream.take(batch.first, last)
        doubled = len(batch.records) - fresh.size
        if doubled:
            self._counters.add("duplicate", doubled)
        for part in fresh:
            records = batch.records
            if doubled:
                records = records[part.first - batch.first : part.last - batch.first + 1]
            self._note_ends(stream, part, records)
            self._take_records(stream, part.first, records, batch.received, seen)
        return stream

    @staticmethod
    def _note_ends(stream: Stream, part: Range, records: Sequence[Record | Unreadable]) -> None:
        for number, record in ((part.first, records[0]), (part.last, records[-1])):
            if not isinstance(record, Unreadable) and 0 < record.at < LAST_INSTANT:
                stream.times[number] = record.at

    def _take_records(
        self,
        stream: Stream,
        seq: int,
        records: Sequence[Record | Unreadable],
        received: Instant,
        seen: EdgeSeen,
    ) -> None:
        """Take new records: the hot path. Most readings change nothing but the newest value."""
        tracks = self.registry.tracks
        add = self._rows.append
        identity = stream.id
        soonest = received + AHEAD
        for record in records:
            if isinstance(record, Reading):
                at = record.at
                value = record.value
                track = tracks.get(record.point)
                if (
                    track is not None
                    and record.quality is GOOD
                    and value is not None
                    and track.low <= value <= track.high
                    and track.newest < at <= soonest
                    and received - at <= track.lateness
                ):
                    add((track.id, at, identity, seq, value, 0, received))
                    track.newest = track.good = at
                    track.value = value
                    track.received = received
                    track.code = 0
                else:
                    self._consider(stream, seq, record, received, seen)
            else:
                self._take_event(stream, seq, record, received)
            seq += 1

    def _consider(
        self, stream: Stream, seq: int, record: Reading, received: Instant, seen: EdgeSeen
    ) -> None:
        at, value = record.at, record.value
        if not 0 < at < LAST_INSTANT:
            self._shelve(stream, seq, record, received, f"time {at} is out of bounds")
            return
        track = self.registry.tracks.get(record.point)
        if track is None:
            try:
                track = self.registry.register(record.point)
            except ContractError as error:
                self._shelve(stream, seq, record, received, str(error))
                return
        quality = record.quality if value is not None else Quality.UNAVAILABLE
        code = CODES[quality.value]
        self._rows.append((track.id, at, stream.id, seq, value, code, received))
        came = arrival(track.newest, at, received, track.rules)
        if came is Arrival.AHEAD:
            self._counters.add("ahead")
            seen.ahead = received
            return
        if came is Arrival.LATE:
            self._counters.add("late")
        newest = at > track.newest
        if newest:
            track.newest, track.code, track.received = at, code, received
            self.registry.mark_heard(track.device)
        if code or value is None:
            if code == CODES[Quality.IMPLAUSIBLE]:
                self._counters.add("implausible")
            return
        self._judge(track, at, value, received, came)

    def _judge(
        self, track: Track, at: Instant, value: float, received: Instant, came: Arrival
    ) -> None:
        """Tell the engines of a good value."""
        unbroken = not track.period or at - track.good <= track.rules.window
        if track.turnstiles:
            self._counted.append((track, at, value))
        if at > track.good:
            track.value = value
        if came is Arrival.LATE:
            self._late.setdefault(track, []).append(Late(at, value))
        state = Freshness(track.live, track.good)
        track.live, track.good = step(state, Value(at, received), track.rules).state
        if came is Arrival.LIVE and track.limit is not None:
            before = track.climate
            fact = Sample(at, value, unbroken)
            track.climate, effects, _ = limits.step(before, fact, track.limit)
            if effects:
                self.alarms.apply(effects, received)
            if track.climate != before:
                body = msgspec.json.encode(track.climate)
                self.store.run("keep_state", "climate", track.path, body)
        track.update_calm_band()

    def _take_event(
        self, stream: Stream, seq: int, record: Event | Unreadable, received: Instant
    ) -> None:
        if isinstance(record, Unreadable):
            self._counters.add("unreadable")
            self.store.run("add_unreadable", stream.id, seq, received, record.raw, record.reason)
        elif not 0 < record.at < LAST_INSTANT:
            self._shelve(stream, seq, record, received, f"time {record.at} is out of bounds")
        else:
            self.event_log.add(stream, seq, record, received)

    def _shelve(
        self, stream: Stream, seq: int, record: Record, received: Instant, reason: str
    ) -> None:
        self._take_event(stream, seq, Unreadable(encode(record), reason), received)

    def set_aside(self, alone: Arrived, raw: bytes, reason: str, now: Instant) -> Outcome:
        """Keep a record that cannot be taken, alone in its batch, as it came."""
        batch = read_batch(alone)
        with self.store.transaction():
            stream = self.streams.by_name.get(batch.stream) or self.streams.meet(
                batch.stream, batch.edge, batch.received
            )
            for part in stream.take(batch.first, batch.first):
                self._take_event(stream, part.first, Unreadable(raw, reason), batch.received)
            self._finish(now)
        return self.outcome(_acks({batch.stream: (batch.edge, stream)}))

    def _finish(self, now: Instant) -> None:
        if self._rows:
            self.store.many("add_reading", self._rows)
            self._rows.clear()
        for track, at, value in self._counted:
            crossing_store.book(self.store, track, at, value)
        self._counted.clear()
        for track, facts in self._late.items():
            for effect, until in retrospective.reconsider(self.store, track, facts):
                self.alarms.find(effect, until, now)
        self._late.clear()
        filled = self.streams.save(now)
        if filled:
            self._counters.add("gap-filled", filled)
        self._counters.save()


def _acks(owed: dict[str, tuple[str, Stream]]) -> tuple[tuple[str, str, bytes], ...]:
    return tuple(
        (name, edge, encode(Ack(name, tuple(stream.committed))))
        for name, (edge, stream) in owed.items()
    )
