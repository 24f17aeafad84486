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
from gateway.devices.point import Point
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
        self._counted: list[tuple[Point, Instant, float]] = []
        self._late: dict[Point, list[Late]] = {}

    def take(self, record: Reading, sender: Sender, seq: int) -> str:
        """Take a reading; say why it cannot be taken, if so.

        Most readings change nothing but the newest value.
        """
        at, value = record.at, record.value
        point = self._registry.points.get(record.point)
        if (
            point is not None
            and (point.owner == sender.edge or not point.owner or sender.imports)
            and record.quality == GOOD
            and value is not None
            and point.low <= value <= point.high
            and point.newest < at <= sender.soonest
            and sender.received - at <= point.lateness
        ):
            self._rows.append((point.id, at, sender.stream, seq, value, 0, sender.received))
            point.newest = point.good = at
            point.value = value
            point.received = sender.received
            point.quality = GOOD
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
        point = self._registry.points.get(record.point) or self._registry.register(record.point)
        self._rows.append((point.id, at, sender.stream, seq, value, code, received))
        came = arrival(point.newest, at, received, point.rules)
        if came is Arrival.AHEAD:
            self._counters.add("ahead")
            sender.seen.ahead = received
            return
        if came is Arrival.LATE:
            self._counters.add("late")
        if at > point.newest:
            point.newest, point.quality, point.received = at, quality, received
            self._registry.mark_heard(point.device)
        if code == qualities.GOOD and value is not None:
            self._judge(point, at, value, received, came)
        elif quality == Quality.IMPLAUSIBLE:
            self._counters.add("implausible")

    def _judge(
        self, point: Point, at: Instant, value: float, received: Instant, came: Arrival
    ) -> None:
        """Tell the engines of a good value."""
        unbroken = not point.period or at - point.good <= point.rules.window
        if point.turnstiles:
            self._counted.append((point, at, value))
        if at > point.good:
            point.value = value
        if came is Arrival.LATE:
            self._late.setdefault(point, []).append(Late(at, value))
        state = Freshness(point.live, point.good)
        point.live, point.good = step(state, Value(at, received), point.rules).state
        if came is Arrival.LIVE and point.limit is not None:
            before = point.climate
            fact = Sample(at, value, unbroken)
            point.climate, effects, _ = limits.step(before, fact, point.limit)
            if effects:
                self._alarms.apply(effects, received)
            if point.climate != before:
                body = msgspec.json.encode(point.climate)
                self._store.run("keep_state", "climate", point.path, body)
        point.update_calm_band()

    def finish(self, now: Instant) -> None:
        """Write what was taken, and judge what came late."""
        if self._rows:
            self._store.many("add_reading", self._rows)
            self._rows.clear()
        for point, at, value in self._counted:
            crossing_store.book(self._store, point, at, value)
        self._counted.clear()
        for point, facts in self._late.items():
            for effect, until in retrospective.reconsider(self._store, point, facts):
                self._alarms.find(effect, until, now)
        self._late.clear()


def _without_value(quality: str) -> str:
    """Give the quality of a reading that has no value: never good."""
    return Quality.UNAVAILABLE if quality == GOOD else quality
