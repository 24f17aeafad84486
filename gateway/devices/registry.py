"""Which points and devices there are: from the site file, from retained cards, from readings.

A reading of a point that no card describes is stored all the same; a later card fills in what it
is. Devices of the site that were never heard of are there from the start, and UNKNOWN.
"""

import re
from typing import Literal

from config.links import Device, LibrarySystem, Robot, TagReaderDevice
from config.site import Limit, Site
from contracts.codec import ContractError, cards, encode
from contracts.instants import SECOND, Instant
from contracts.messages import Card
from gateway.devices import freshness
from gateway.devices.point import Track, Turnstile, meaning_of, rule_of
from gateway.footfall import crossings
from gateway.storage.sqlite import Store

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

    __slots__ = ("available", "card", "cause", "changed", "edge", "tracks")

    def __init__(
        self, card: Card, *, available: bool = False, changed: Instant = 0, cause: str = UNHEARD
    ) -> None:
        self.edge = card.edge
        self.card = card
        self.available = available
        self.changed = changed
        self.cause = cause
        self.tracks: list[Track] = []


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
        self.tracks: dict[str, Track] = {}
        self.devices: dict[str, Known] = {}
        self._load(site)

    def _load(self, site: Site) -> None:
        for identity, edge, card, available, changed, cause in self._store.rows("devices"):
            known = Known(
                cards.decode(card), available=bool(available), changed=changed, cause=cause
            )
            known.edge = edge
            self.devices[identity] = known
        for identity, path, device, quantity, unit, space, period in self._store.rows("points"):
            track = Track(identity, path, device)
            self._describe(track, quantity, unit, space, period)
            self._recall(track)
            self._enter(track)
        with self._store.transaction():
            for site_edge, site_device in site.devices():
                if site_device.id not in self.devices:
                    self.devices[site_device.id] = Known(_expected(site_edge.id, site_device))
                    self.save(site_device.id)
            for path in self._gates:
                if path not in self.tracks:
                    self.register(path)

    def _recall(self, track: Track) -> None:
        newest = self._store.one("newest_reading", track.id, freshness.AHEAD)
        if newest is not None:
            track.newest, _, track.code, track.received = newest
        good = self._store.one("newest_good", track.id, freshness.AHEAD)
        if good is not None:
            track.good, track.value, _ = good
            for turnstile in track.turnstiles:
                count = crossings.counted(float(good[1]), turnstile.rules)
                turnstile.last = None if count is None else crossings.Count(track.good, count)

    def _enter(self, track: Track) -> None:
        self.tracks[track.path] = track
        known = self.devices.get(track.device)
        if known is not None:
            known.tracks.append(track)

    def register(self, path: str) -> Track:
        """Take up a point never heard of; raise ContractError when it is not `device/name`."""
        if POINT.fullmatch(path) is None:
            raise ContractError(f"{path[:100]!r} is no point; a point is device/name")
        if len(self.tracks) >= MOST_POINTS:
            raise ContractError(f"{path} is one more than {MOST_POINTS} points: not taken up")
        device, name = path.split("/")
        known = self.devices.get(device)
        offered = {point.name: point for point in known.card.points} if known else {}
        point = offered.get(name)
        space = known.card.space if known else ""
        quantity, unit, period = meaning_of(point) if point else ("", "", 0)
        if not point and known and known.tracks:
            period = max(track.period for track in known.tracks)
        row = self._store.one("new_point", path, device, quantity, unit, space, period)
        assert row is not None
        track = Track(row[0], path, device)
        self._describe(track, quantity, unit, space, period)
        self._enter(track)
        return track

    def describe(self, card: Card) -> None:
        """Learn from a card what a device is and offers; raise ContractError."""
        known = self.devices.get(card.device)
        if known is not None and known.card == card and known.edge == card.edge:
            return
        self._check(card)
        if known is None:
            known = self.devices[card.device] = Known(card, cause="")
            known.available = True
            known.tracks = [one for one in self.tracks.values() if one.device == card.device]
        known.card = card
        known.edge = card.edge
        self.save(card.device)
        for point in card.points:
            path = f"{card.device}/{point.name}"
            track = self.tracks.get(path) or self.register(path)
            quantity, unit, period = meaning_of(point)
            told = (quantity, unit, card.space, period)
            if told != (track.quantity, track.unit, track.space, track.period):
                self._store.run("describe_point", *told, track.id)
            self._describe(track, *told)

    def _check(self, card: Card) -> None:
        """Refuse, before anything is changed, what is another edge's or too much."""
        owner = self._owners.get(card.device, card.edge)
        if owner != card.edge:
            raise ContractError(f"{card.device} is a device of edge {owner}, not of {card.edge}")
        new = sum(f"{card.device}/{point.name}" not in self.tracks for point in card.points)
        if new and len(self.tracks) + new > MOST_POINTS:
            raise ContractError(f"{card.device}: {new} points more than {MOST_POINTS} in all")
        if card.device not in self.devices and len(self.devices) >= MOST_DEVICES:
            raise ContractError(f"{card.device} is one more than {MOST_DEVICES} devices")

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

    def _describe(self, track: Track, quantity: str, unit: str, space: str, period: int) -> None:
        track.quantity, track.unit, track.space, track.period = quantity, unit, space, period
        track.rules = freshness.rules_of(period)
        track.lateness = track.rules.lateness
        known = self.devices.get(track.device)
        judged = known is not None and known.card.family == "climate"
        limit = self._limits.get((space, quantity)) if judged else None
        track.limit = None if limit is None else rule_of(track.path, space, limit)
        hole = max(HOLE_POLLS * period, SHORTEST_HOLE) if period else 0
        last = {(one.gate, one.direction): one.last for one in track.turnstiles}
        track.turnstiles = tuple(
            Turnstile(gate, direction, crossings.Rules(rollover, fastest, hole))
            for gate, direction, rollover, fastest in self._gates.get(track.path, ())
        )
        for one in track.turnstiles:
            one.last = last.get((one.gate, one.direction))
        track.update_calm_band()


def _expected(edge: str, device: Device) -> Card:
    """Describe a device of the site file until its own card comes."""
    family: Literal["other", "robot", "kiosk"] = "other"
    if isinstance(device, Robot):
        family = "robot"
    elif isinstance(device, TagReaderDevice | LibrarySystem):
        family = "kiosk"
    name = {"en": device.name.en, "zh": device.name.zh} if device.name else {}
    return Card(device.id, edge, device.model, family, device.space or "", name)
