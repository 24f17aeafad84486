"""From the bytes of batches to rows, alarms and acks: one transaction for all that arrived.

Nothing here waits or asks a clock. It runs in the one thread that writes.
"""

import logging
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from config.site import Site
from contracts.codec import ContractError, Received, Unreadable, encode
from contracts.instants import Instant
from contracts.messages import Ack, Card, Presence
from contracts.topics import IMPORTER
from gateway.alarms.table import AlarmTable
from gateway.climate import limits
from gateway.commands.pending import PendingCommands, Sending
from gateway.devices.registry import Registry
from gateway.devices.snapshot import EMPTY, Picture
from gateway.devices.snapshot_builder import SnapshotBuilder
from gateway.devices.watchdog import Watchdog
from gateway.engine.facts import AlarmKey, ClearAlarm, RaiseAlarm
from gateway.ingest import ledger_rows
from gateway.ingest.counters import Counters
from gateway.ingest.events import EventLog
from gateway.ingest.readings import LAST_INSTANT, sender_of
from gateway.ingest.records import Records
from gateway.ingest.sequence_ledger import Claim
from gateway.ingest.stamps import Stamps
from gateway.ingest.validation import Arrived, Unpacked, read_batch, read_card, read_presence
from gateway.storage.sqlite import Store

log = logging.getLogger(__name__)

OLD_COPY = AlarmKey("store", "gateway", "old-copy")


class Owed(NamedTuple):
    """An ack that is sent when the transaction is on disk."""

    claim: Claim
    k: int
    refused: int


class Acknowledgement(NamedTuple):
    """An ack on its way. One with the same key takes its place."""

    key: str
    edge: str
    payload: bytes


class Outcome(NamedTuple):
    """What is to be done once the transaction is on disk."""

    acks: tuple[Acknowledgement, ...] = ()
    picture: Picture | None = None
    raised: tuple[RaiseAlarm, ...] = ()
    commands: tuple[Sending, ...] = ()
    withdrawn: tuple[str, ...] = ()
    """Commands that are not to be sent any more, if they still wait to be."""


class Ingest:
    """The writer's whole memory of one store. When a transaction fails, make a new one."""

    def __init__(self, site: Site, store: Store, now: Instant, picture: Picture = EMPTY) -> None:
        self.store = store
        self.site = site
        self.registry = Registry(site, store)
        self.ledger = ledger_rows.load(store)
        self.alarms = AlarmTable(store)
        self.watchdog = Watchdog([edge.id for edge in site.edges], self.registry, store, now)
        self.pending = PendingCommands(store)
        self.snapshot_builder = SnapshotBuilder(picture, self.registry, self.watchdog)
        self._counters = Counters(store)
        events = EventLog(self.registry, store, self.ledger, self.pending)
        self._records = Records(store, self.registry, self.alarms, self._counters, events)
        self._stamps = Stamps(store, now)
        self._commands: list[Sending] = []
        self._orphans: list[str] = []
        """Points that have a state of a limit, but no limit any more."""
        for path, state in store.rows("states", "climate"):
            point = self.registry.points.get(path)
            if point is None or point.limit is None:
                self._orphans.append(path)
                continue
            point.climate = msgspec.json.decode(state, type=limits.State)
            point.update_calm_band()

    def take(self, messages: Sequence[Arrived], now: Instant) -> Outcome:
        """Take what arrived, in its order; raise DatabaseError when it is not on disk."""
        owed: list[Owed] = []
        with self.store.transaction():
            for message in messages:
                try:
                    self._take_message(message, owed)
                except ContractError as error:
                    what, edge = message.address.channel, message.address.edge
                    log.warning("a message of edge %s is refused (%s): %s", edge, what, error)
                    self._counters.add(f"refused-{what}")
            self._finish(now, owed)
        return self.outcome(tuple(self.acknowledge(one, now) for one in owed))

    def tick(self, now: Instant) -> Outcome:
        """Let time pass."""
        with self.store.transaction():
            self._forget_orphans(now)
            self.alarms.apply(self.watchdog.tick(now), now)
            withdrawn = self.pending.expired(now)
            self._counters.add("command-unknown", self.pending.give_up(now, self.ledger.drained))
            self.send_commands(now)
            self._counters.save()
        return self.outcome()._replace(withdrawn=tuple(withdrawn))

    def send_commands(self, now: Instant) -> None:
        """Send the commands that are due, once the transaction is on disk."""
        due = self.pending.due(now)
        if due:
            self._stamps.mark(now)
            self._commands += due

    def _forget_orphans(self, now: Instant) -> None:
        """End the alarms of limits that are no longer in the site file."""
        for path in self._orphans:
            for side in (limits.ABOVE, limits.BELOW):
                self.alarms.apply((ClearAlarm(AlarmKey("limit", path, side), now),), now)
            self.store.run("forget_state", "climate", path)
        self._orphans.clear()

    def outcome(self, acks: tuple[Acknowledgement, ...] = ()) -> Outcome:
        """Say what is to be done now that the transaction is on disk."""
        raised = tuple(self.alarms.news)
        self.alarms.news.clear()
        open_alarms = self.alarms.count() if self.alarms.changed else None
        self.alarms.changed = False
        commands, self._commands = tuple(self._commands), []
        return Outcome(acks, self.snapshot_builder.build(open_alarms), raised, commands)

    def acknowledge(self, owed: Owed, sent: Instant) -> Acknowledgement:
        """Say what of a batch, and of its life, is on disk."""
        claim, k, refused = owed
        ranges = self.ledger.committed(claim)
        ack = Ack(claim.stream, ranges, claim.life, claim.session, k, refused, sent)
        return Acknowledgement(f"{claim.stream} {claim.session} {k}", claim.edge, encode(ack))

    def _take_message(self, message: Arrived, owed: list[Owed]) -> None:
        match message.address.channel:
            case "journal":
                self._take_batch(read_batch(message), owed)
            case "card" if message.payload:
                self._take_card(read_card(message))
            case "state" if message.payload:
                self._take_presence(read_presence(message), message.received)

    def _take_card(self, card: Card) -> None:
        self.registry.describe(card)
        self._records.layouts.learn(card)

    def _take_presence(self, presence: Presence, received: Instant) -> None:
        self.watchdog.presence(presence, received)
        if presence.online and presence.stream:
            named = {presence.stream, *(one.stream for one in presence.streams)}
            self.ledger.named(presence.edge, presence.session, named, received)
        self.pending.present(presence, received)

    def _take_batch(self, batch: Unpacked, owed: list[Owed]) -> None:
        claim, received = batch.claim, batch.received
        seen = self.watchdog.heard(claim.edge, received)
        if batch.batch.heard is not None:
            self._look_back(claim.edge, batch.batch.heard[0], received)
        absent = self._records.absent(batch.records)
        times = [_time_of(one) for one in batch.records]
        taking = self.ledger.take(claim, times, absent, received)
        self._counters.add("duplicate", taking.doubled)
        self._counters.add("layout-awaited", len(absent))
        if taking.refused:
            self._counters.add("foreign-stream" if taking.foreign else "refused-life")
        if taking.fresh:
            stream = self.ledger.by_name[claim.stream]
            imports = claim.edge == IMPORTER
            sender = sender_of(claim.edge, stream.id, received, seen, imports=imports)
            for first, last in taking.fresh:
                records = batch.records[first - claim.first : last - claim.first + 1]
                self._records.take(sender, stream, first, records)
        if claim.session or not taking.foreign:  # 0.1 knows nothing of refusals
            owed.append(Owed(claim, batch.batch.k, taking.refused))

    def _look_back(self, edge: str, heard: Instant, received: Instant) -> None:
        """Find out, by what an edge heard of the gateway, whether the store is an old copy."""
        lost = self._stamps.lost(heard, received)
        if lost is None:
            return
        log.error(
            "edge %s heard a gateway whose store is no more: this one lacks what came from %d to"
            " %d (microseconds since 1970); was an old copy of it put back?",
            edge,
            *lost,
        )
        for one in {edge, *self.watchdog.edges}:
            self.store.run("lose_time", one, lost.first, lost.last, received)
        told = (("since", lost.first), ("until", lost.last))
        effects = RaiseAlarm(OLD_COPY, received, "high", "", told), ClearAlarm(OLD_COPY, received)
        self.alarms.apply(effects, received)

    def set_aside(self, alone: Arrived, reason: str, now: Instant) -> Outcome:
        """Keep a record that cannot be taken, alone in its batch, as it came."""
        batch = read_batch(alone)
        claim, received = batch.claim, batch.received
        with self.store.transaction():
            seen = self.watchdog.heard(claim.edge, received)
            taking = self.ledger.take(claim, [0] * claim.size, frozenset(), received)
            for first, _ in taking.fresh:
                stream = self.ledger.by_name[claim.stream]
                sender = sender_of(claim.edge, stream.id, received, seen, imports=False)
                self._records.put_aside(sender, first, bytes(batch.batch.records[0]), reason)
            self._finish(now, [])
        return self.outcome()

    def settle_up(self, message: Arrived, now: Instant) -> Outcome:
        """Answer a batch whose records were taken one by one."""
        batch = read_batch(message)
        with self.store.transaction():
            self._stamps.mark(now)
        # What of it was refused is said by the acks of its records.
        owed = Owed(batch.claim, batch.batch.k, 0)
        return self.outcome((self.acknowledge(owed, now),))

    def _finish(self, now: Instant, owed: Sequence[Owed]) -> None:
        self._records.finish(now)
        self._counters.add("gap-filled", ledger_rows.save(self.store, self.ledger))
        if owed:
            self._stamps.mark(now)
        self._counters.save()


def _time_of(record: Received) -> Instant:
    """Give when a record became true; 0 where it does not say so."""
    at = 0 if isinstance(record, Unreadable) else record.at
    return at if 0 < at < LAST_INSTANT else 0
