"""Which points and devices there are: from the site file, from retained cards, from readings.

A reading of a point that no card describes is stored all the same; a later card fills in what it
is. Devices of the site that were never heard of are there from the start, and UNKNOWN.
"""

import logging
import re

from config.links import Device, LibrarySystem, Robot, TagReaderDevice
from config.site import Limit, Site
from contracts.codec import ContractError, cards, encode
from contracts.instants import SECOND, Instant
from contracts.messages import Card
from gateway.devices import freshness
from gateway.devices.point import Point, Turnstile, meaning_of, rule_of
from gateway.devices.qualities import Qualities
from gateway.footfall import crossings
from gateway.storage.sqlite import Store

log = logging.getLogger(__name__)

POINT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}/[a-z][a-z0-9_]{0,47}")
UNHEARD = "unheard"
"""Why a device that never said anything is not available."""
MOST_POINTS = 20_000
MOST_DEVICES = 2_000
"""What one gateway takes up; each point costs about 1 kB of memory, whoever made it up."""
HOLE_POLLS = 10
"""Periods without a reading of a counter from which what passed is marked as an outage's."""
SHORTEST_HOLE = 60 * SECOND


class Known:
    """One device as the store has it."""

    __slots__ = ("available", "card", "cause", "changed", "edge", "points")

    def __init__(
        self, card: Card, *, available: bool = False, changed: Instant = 0, cause: str = UNHEARD
    ) -> None:
        self.edge = card.edge
        self.card = card
        self.available = available
        self.changed = changed
        self.cause = cause
        self.points: list[Point] = []


class Registry:
    """All points and devices of one store."""

    def __init__(self, site: Site, store: Store) -> None:
        self._store = store
        self._limits: dict[tuple[str, str], Limit] = {
            (space.id, limit.quantity.value): limit
            for space in site.spaces
            for limit in space.limits
        }
        self._gates: dict[str, list[tuple[str, str, int, float]]] = {}
        for gate in site.gates:
            for direction, path in (("entry", gate.entries), ("exit", gate.exits)):
                if path is not None:
                    entry = (gate.id, direction, gate.rollover, gate.fastest)
                    self._gates.setdefault(path, []).append(entry)
        self._owners = {device.id: edge.id for edge, device in site.devices()}
        self._owners |= {kiosk.id: edge.id for edge in site.edges for kiosk in edge.kiosks}
        self.qualities = Qualities(store)
        self.points: dict[str, Point] = {}
        self.devices: dict[str, Known] = {}
        self._load(site)

    def _load(self, site: Site) -> None:
        for identity, edge, card, available, changed, cause in self._store.rows("devices"):
            try:
                told = cards.decode(card)
            except ContractError as error:
                log.warning("the card of %s is left out until it comes again: %s", identity, error)
                continue
            known = Known(told, available=bool(available), changed=changed, cause=cause)
            known.edge = edge
            self.devices[identity] = known
        for identity, path, device, quantity, unit, space, period in self._store.rows("points"):
            point = Point(identity, path, device)
            self._describe(point, quantity, unit, space, period)
            self._recall(point)
            self._enter(point)
        with self._store.transaction():
            for site_edge, site_device in site.devices():
                if site_device.id not in self.devices:
                    self.devices[site_device.id] = Known(_expected(site_edge.id, site_device))
                    self.save(site_device.id)
            for path in self._gates:
                if path not in self.points:
                    self.register(path)

    def _recall(self, point: Point) -> None:
        newest = self._store.one("newest_reading", point.id, freshness.AHEAD)
        if newest is not None:
            point.newest, _, code, point.received = newest
            point.quality = self.qualities.word(code)
        good = self._store.one("newest_good", point.id, freshness.AHEAD)
        if good is not None:
            point.good, point.value, _ = good
            for turnstile in point.turnstiles:
                count = crossings.counted(float(good[1]), turnstile.rules)
                turnstile.last = None if count is None else crossings.Count(point.good, count)

    def _enter(self, point: Point) -> None:
        self.points[point.path] = point
        point.owner = self.owner(point.device)
        known = self.devices.get(point.device)
        if known is not None:
            known.points.append(point)

    def register(self, path: str) -> Point:
        """Take up a point never heard of; raise ContractError when it is not `device/name`."""
        if POINT.fullmatch(path) is None:
            raise ContractError(f"{path[:100]!r} is no point; a point is device/name")
        if len(self.points) >= MOST_POINTS:
            raise ContractError(f"{path} is one more than {MOST_POINTS} points: not taken up")
        device, name = path.split("/")
        known = self.devices.get(device)
        offered = {one.name: one for one in known.card.points} if known else {}
        described = offered.get(name)
        space = known.card.space if known else ""
        quantity, unit, period = meaning_of(described) if described else ("", "", 0)
        if not described and known and known.points:
            period = max(point.period for point in known.points)
        row = self._store.one("new_point", path, device, quantity, unit, space, period)
        assert row is not None
        point = Point(row[0], path, device)
        self._describe(point, quantity, unit, space, period)
        self._enter(point)
        return point

    def describe(self, card: Card) -> None:
        """Learn from a card what a device is and offers; raise ContractError."""
        known = self.devices.get(card.device)
        if known is not None and known.card == card and known.edge == card.edge:
            return
        self._check(card)
        if known is None:
            known = self.devices[card.device] = Known(card, cause="")
            known.available = True
            known.points = [one for one in self.points.values() if one.device == card.device]
        known.card = card
        known.edge = card.edge
        for point in known.points:
            point.owner = card.edge
        self.save(card.device)
        for described in card.points:
            path = f"{card.device}/{described.name}"
            point = self.points.get(path) or self.register(path)
            quantity, unit, period = meaning_of(described)
            told = (quantity, unit, card.space, period)
            if told != (point.quantity, point.unit, point.space, point.period):
                self._store.run("describe_point", *told, point.id)
            self._describe(point, *told)

    def _check(self, card: Card) -> None:
        """Refuse, before anything is changed, what is another edge's or too much."""
        owner = self.owner(card.device)
        if owner not in ("", card.edge):
            raise ContractError(f"{card.device} is a device of edge {owner}, not of {card.edge}")
        new = sum(f"{card.device}/{one.name}" not in self.points for one in card.points)
        if new and len(self.points) + new > MOST_POINTS:
            raise ContractError(f"{card.device}: {new} points more than {MOST_POINTS} in all")
        if card.device not in self.devices and len(self.devices) >= MOST_DEVICES:
            raise ContractError(f"{card.device} is one more than {MOST_DEVICES} devices")

    def owner(self, device: str) -> str:
        """Give the edge that a device or kiosk belongs to; empty when nobody knows.

        The site file says so, otherwise the first card of the device.
        """
        known = self.devices.get(device)
        return self._owners.get(device) or (known.edge if known else "")

    def mark_heard(self, device: str) -> None:
        """Note that a device said something."""
        known = self.devices.get(device)
        if known is not None and known.cause == UNHEARD:
            known.available, known.cause = True, ""
            self.save(device)

    def save(self, device: str) -> None:
        """Write a device's row."""
        known = self.devices[device]
        body = encode(known.card)
        self._store.run(
            "keep_device", device, known.edge, body, known.available, known.changed, known.cause
        )

    def _describe(self, point: Point, quantity: str, unit: str, space: str, period: int) -> None:
        point.quantity, point.unit, point.space, point.period = quantity, unit, space, period
        point.rules = freshness.rules_of(period)
        point.lateness = point.rules.lateness
        known = self.devices.get(point.device)
        judged = known is not None and known.card.family == "climate"
        limit = self._limits.get((space, quantity)) if judged else None
        point.limit = None if limit is None else rule_of(point.path, space, limit)
        hole = max(HOLE_POLLS * period, SHORTEST_HOLE) if period else 0
        last = {(one.gate, one.direction): one.last for one in point.turnstiles}
        point.turnstiles = tuple(
            Turnstile(gate, direction, crossings.Rules(rollover, fastest, hole))
            for gate, direction, rollover, fastest in self._gates.get(point.path, ())
        )
        for one in point.turnstiles:
            one.last = last.get((one.gate, one.direction))
        point.update_calm_band()


def _expected(edge: str, device: Device) -> Card:
    """Describe a device of the site file until its own card comes."""
    family = "other"
    if isinstance(device, Robot):
        family = "robot"
    elif isinstance(device, TagReaderDevice | LibrarySystem):
        family = "kiosk"
    name = {"en": device.name.en, "zh": device.name.zh} if device.name else {}
    return Card(device.id, edge, device.model, family, device.space or "", name)
