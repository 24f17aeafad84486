"""Readings to rows, newest values and judgement: the hot path of the writer."""

from dataclasses import dataclass

import msgspec

from contracts.codec import ContractError
from contracts.instants import SECOND, Instant
from contracts.quantities import Quality
from contracts.records import Reading
from gateway.alarms.table import AlarmTable
from gateway.climate import limits, retrospective
from gateway.climate.retrospective import Late
from gateway.devices import qualities
from gateway.devices.freshness import AHEAD, Arrival, Freshness, Value, arrival, step
from gateway.devices.point import Track
from gateway.devices.registry import Registry
from gateway.devices.watchdog import EdgeSeen
from gateway.engine.facts import Sample
from gateway.footfall import crossing_store
from gateway.ingest.counters import Counters
from gateway.storage.ports import Statements

LAST_INSTANT = 253_402_300_000 * SECOND
"""The end of the year 9999: calendars go no further."""
GOOD = Quality.GOOD.value


@dataclass(slots=True)
class Sender:
    """Who speaks in a batch, and when it came."""

    edge: str
    stream: int
    received: Instant
    soonest: Instant
    """What became true later than this has a wrong clock."""
    seen: EdgeSeen
    imports: bool
    """Whether it may speak of the devices of every edge."""


def sender_of(
    edge: str, stream: int, received: Instant, seen: EdgeSeen, *, imports: bool
) -> Sender:
    """Give the sender of a batch."""
    return Sender(edge, stream, received, received + AHEAD, seen, imports)


class Readings:
    """Takes the readings of one store."""

    def __init__(
        self, store: Statements, registry: Registry, alarms: AlarmTable, counters: Counters
    ) -> None:
        self._store = store
        self._registry = registry
        self._alarms = alarms
        self._counters = counters
        self._rows: list[tuple[int, int, int, int, float | None, int, int]] = []
        self._counted: list[tuple[Track, Instant, float]] = []
        self._late: dict[Track, list[Late]] = {}

    def take(self, record: Reading, sender: Sender, seq: int) -> str:
        """Take a reading; say why it cannot be taken, if so.

        Most readings change nothing but the newest value, and most late ones not even that.
        """
        at, value = record.at, record.value
        track = self._registry.tracks.get(record.point)
        if (
            track is not None
            and (track.owner == sender.edge or not track.owner or sender.imports)
            and record.quality == GOOD
            and value is not None
            and at <= sender.soonest
        ):
            if (
                track.low <= value <= track.high
                and track.newest < at
                and sender.received - at <= track.lateness
            ):
                self._rows.append((track.id, at, sender.stream, seq, value, 0, sender.received))
                track.newest = track.good = at
                track.value = value
                track.received = sender.received
                track.quality = GOOD
                return ""
            if 0 < at <= track.good and _is_settled(track, sender.received):
                self._rows.append((track.id, at, sender.stream, seq, value, 0, sender.received))
                self._counters.add("late")
                if track.limit is not None:
                    self._late.setdefault(track, []).append(Late(at, value))
                return ""
        try:
            self._consider(record, sender, seq)
        except ContractError as error:
            return str(error)
        return ""

    def _consider(self, record: Reading, sender: Sender, seq: int) -> None:
        at, value, received = record.at, record.value, sender.received
        if not 0 < at < LAST_INSTANT:
            raise ContractError(f"time {at} is out of bounds")
        device = record.point.partition("/")[0]
        owner = self._registry.owner(device)
        if owner not in ("", sender.edge) and not sender.imports:
            self._counters.add("foreign")
            raise ContractError(f"{device} is a device of edge {owner}, not of {sender.edge}")
        quality = record.quality if value is not None else _without_value(record.quality)
        code = self._registry.qualities.code(quality)
        track = self._registry.tracks.get(record.point) or self._registry.register(record.point)
        self._rows.append((track.id, at, sender.stream, seq, value, code, received))
        came = arrival(track.newest, at, received, track.rules)
        if came is Arrival.AHEAD:
            self._counters.add("ahead")
            sender.seen.ahead = received
            return
        if came is Arrival.LATE:
            self._counters.add("late")
        if at > track.newest:
            track.newest, track.quality, track.received = at, quality, received
            self._registry.mark_heard(track.device)
        if code == qualities.GOOD and value is not None:
            self._judge(track, at, value, received, came)
        elif quality == Quality.IMPLAUSIBLE:
            self._counters.add("implausible")

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
                self._alarms.apply(effects, received)
            if track.climate != before:
                body = msgspec.json.encode(track.climate)
                self._store.run("keep_state", "climate", track.path, body)
        track.update_calm_band()

    def finish(self, now: Instant) -> None:
        """Write what was taken, and judge what came late."""
        if self._rows:
            self._store.many("add_reading", self._rows)
            self._rows.clear()
        for track, at, value in self._counted:
            crossing_store.book(self._store, track, at, value)
        self._counted.clear()
        for track, facts in self._late.items():
            for effect, until in retrospective.reconsider(self._store, track, facts):
                self._alarms.find(effect, until, now)
        self._late.clear()


def _is_settled(track: Track, received: Instant) -> bool:
    """Say whether an older good value changes nothing that is live."""
    return not track.turnstiles and track.live is (received - track.good <= track.rules.window)


def _without_value(quality: str) -> str:
    """Give the quality of a reading that has no value: never good."""
    return Quality.UNAVAILABLE if quality == GOOD else quality
