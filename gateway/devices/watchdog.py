"""Looks around at every tick: which points have gone stale, which devices and edges are silent."""

from collections.abc import Iterator

import msgspec

from contracts.codec import encode
from contracts.instants import MINUTE, SECOND, Instant
from contracts.messages import Presence
from gateway.devices import freshness, silence
from gateway.devices.point import Point
from gateway.devices.registry import UNHEARD, Known, Registry
from gateway.engine.facts import AlarmKey, ClearAlarm, Effect, RaiseAlarm, Tick
from gateway.storage.sqlite import Store

STARTUP_GRACE = 15 * SECOND
"""After a start nobody is called silent for this long: what is retained must arrive first."""
EDGE_QUIET = 10 * SECOND
"""An edge whose points are all UNKNOWN, and that has sent nothing for this long, is gone."""
FILLING = 0.7
EMPTYING = 0.6
CLOCK_RIGHT_AGAIN = MINUTE
SOUND, FULL, FAILING = "ok", "full", "failing"
"""How a journal is; a word of a newer edge that is not here is no good sign."""


class EdgeSeen:
    """What is known of one edge."""

    __slots__ = ("ahead", "changed", "heard", "online", "presence")

    def __init__(self, presence: Presence, *, online: bool, changed: Instant) -> None:
        self.presence = presence
        self.online = online
        self.changed = changed
        self.heard: Instant = 0
        """When its last batch came; 0 since the start."""
        self.ahead: Instant = 0
        """When it last sent a fact from the future."""


class Watchdog:
    """Keeps watch over one store's points, devices and edges."""

    def __init__(
        self, edges: list[str], registry: Registry, store: Store, started: Instant
    ) -> None:
        self._registry = registry
        self._store = store
        self._started = started
        self.edges: dict[str, EdgeSeen] = {}
        self._strangers: dict[str, EdgeSeen] = {}
        for identity, online, changed, presence in store.rows("edges"):
            known = msgspec.json.decode(presence, type=Presence)
            self.edges[identity] = EdgeSeen(known, online=bool(online), changed=changed)
        for edge in edges:
            self.edges.setdefault(
                edge, EdgeSeen(Presence(edge, online=False), online=False, changed=0)
            )
        saved = store.rows("states", "silence")
        self._silence = (
            msgspec.json.decode(saved[0][1], type=silence.State) if saved else silence.State()
        )
        self.wake_at: Instant | None = None

    def heard(self, edge: str, received: Instant) -> EdgeSeen:
        """Note that a batch came: whoever sends is there, whatever an old will says."""
        seen = self.edges.get(edge)
        if seen is None:  # an import, say: it speaks once and is missed by nobody
            seen = self._strangers.setdefault(
                edge, EdgeSeen(Presence(edge, online=True), online=True, changed=received)
            )
        elif not seen.online:
            seen = self.presence(msgspec.structs.replace(seen.presence, online=True), received)
        seen.heard = received
        return seen

    def presence(self, news: Presence, received: Instant) -> EdgeSeen:
        """Note what an edge, or the broker in its name, says of itself."""
        seen = self.edges.get(news.edge)
        if seen is not None and not news.stream and not news.online:
            # The broker, in its name: what the edge said of its journal is still the newest.
            news = msgspec.structs.replace(seen.presence, online=False)
        if seen is None or seen.online != news.online:
            heard = seen.heard if seen else 0
            seen = EdgeSeen(news, online=news.online, changed=received)
            seen.heard = heard
            self.edges[news.edge] = seen
        seen.presence = news
        self._store.run("keep_edge", news.edge, seen.online, seen.changed, encode(news))
        return seen

    def tick(self, now: Instant) -> list[Effect]:
        """Let time pass; give the alarms that it raises and clears."""
        wake: list[Instant] = []
        effects: list[Effect] = []
        for point in self._registry.points.values():
            if point.live or point.good:
                wake_at = refresh(point, now)
                if wake_at is not None:
                    wake.append(wake_at)
        if now >= self._started + STARTUP_GRACE:
            effects += self._look(now, wake)
        for edge, seen in self.edges.items():
            effects += _alarms_of(edge, seen, now)
        self.wake_at = min(wake, default=None)
        return effects

    def _look(self, now: Instant, wake: list[Instant]) -> tuple[Effect, ...]:
        devices = {
            name: _device(known)
            for name, known in self._registry.devices.items()
            if known.edge in self.edges
        }
        edges = {edge: self._gone(edge, seen, now) for edge, seen in self.edges.items()}
        before = self._silence
        self._silence, effects, wake_at = silence.step(
            before, silence.Observed(now, devices, edges)
        )
        if wake_at is not None:
            wake.append(wake_at)
        if before != self._silence:
            self._store.run("keep_state", "silence", "", msgspec.json.encode(self._silence))
        return effects

    def _gone(self, edge: str, seen: EdgeSeen, now: Instant) -> bool:
        if not seen.online:
            return True
        if now - seen.heard <= EDGE_QUIET:
            return False
        points = [
            point
            for known in self._registry.devices.values()
            if known.edge == edge
            for point in known.points
            if point.newest
        ]
        return bool(points) and not any(point.live for point in points)


def _alarms_of(edge: str, seen: EdgeSeen, now: Instant) -> Iterator[Effect]:
    yield from _journal_alarms(edge, seen, now)
    full = AlarmKey("journal-fill", edge, "filling")
    fill = seen.presence.fill
    if fill >= FILLING:
        priority = "high" if fill >= 0.9 else "medium"
        yield RaiseAlarm(full, now, priority, "", (("fill", fill),))
    elif fill < EMPTYING and seen.online:
        yield ClearAlarm(full, now)
    clock = AlarmKey("clock", edge, "ahead")
    if seen.ahead and now - seen.ahead < CLOCK_RIGHT_AGAIN:
        yield RaiseAlarm(clock, now, "medium")
    else:
        yield ClearAlarm(clock, now)


def _journal_alarms(edge: str, seen: EdgeSeen, now: Instant) -> Iterator[Effect]:
    """Raise for a journal that is full or sick: what its edge reads is in memory only."""
    told = seen.presence
    sick = "" if told.journal == SOUND else FULL if told.journal == FULL else FAILING
    for code in (FULL, FAILING):
        key = AlarmKey("journal", edge, code)
        if code == sick:
            yield RaiseAlarm(key, now, "high", "", (("reason", told.reason), ("disk", told.disk)))
        elif seen.online:
            yield ClearAlarm(key, now)


def refresh(point: Point, now: Instant) -> Instant | None:
    """Say anew whether a point is live; give when it will not be."""
    state = freshness.Freshness(point.live, point.good)
    (live, _), _, wake_at = freshness.step(state, Tick(now), point.rules)
    if live != point.live:
        point.live = live
        point.update_calm_band()
    return wake_at


def _device(known: Known) -> silence.Device:
    heard = [point for point in known.points if point.newest]
    if heard:
        stale = [point.path for point in heard if not point.live]
        silent = bool(stale)
    elif known.card.points:
        stale, silent = [point.path for point in known.points], True
    else:
        stale, silent = [], not known.available and known.cause != UNHEARD
    period = max((point.period for point in heard), default=0)
    return silence.Device(known.edge, silent, period, known.card.space, tuple(stale), known.cause)
