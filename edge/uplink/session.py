"""What an edge tells the gateway of itself, and hears: presence, cards, acks, commands."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from contracts.bounds import shortened
from contracts.codec import ContractError, encode
from contracts.instants import Instant
from contracts.messages import Presence, StreamState
from contracts.topics import EdgeTopics
from edge.journal.port import State
from edge.journal.tracks import Track
from edge.uplink.layouts import Layouts
from edge.uplink.uplink import Publish, Uplink
from runtime.clock import Clock

log = logging.getLogger(__name__)

REFRESH = 30.0
"""Seconds between two presences at most."""
LOOK = 1.0
"""Seconds between two looks at what changed."""
NOTEWORTHY = 0.01
"""A change of a share that is told at once."""
FAREWELL = 2.0
"""Seconds that saying goodbye may take."""
MOST_STREAMS = 64


class Inbox(Protocol):
    """Who takes commands (`edge.commands.inbox`)."""

    def take(self, payload: bytes) -> None:
        """Take a command."""
        ...

    def refuse_input(self, reason: str) -> None:
        """Take note of a message that makes no sense."""
        ...


class Condition(Protocol):
    """What presence tells of a journal (`edge.journal.journal.Journal`)."""

    life: str

    @property
    def state(self) -> State:
        """Whether it is well."""
        ...

    def tracks(self) -> list[Track]:
        """Give what is held."""
        ...


@dataclass(frozen=True, slots=True)
class Who:
    """An edge, and what it announces."""

    edge: str
    version: str
    topics: EdgeTopics
    steps: Callable[[], int]
    """Counts the steps of the wall clock that were seen."""


class _Told(NamedTuple):
    """What is worth a new presence."""

    state: tuple[str, str]
    streams: tuple[tuple[str, str], ...]
    steps: int
    shares: tuple[float, float]

    def differs(self, other: "_Told") -> bool:
        """Say whether it must be told anew."""
        moved = max(abs(one - two) for one, two in zip(self.shares, other.shares, strict=True))
        return self[:3] != other[:3] or moved >= NOTEWORTHY


def will_of(edge: str) -> bytes:
    """Give the presence that the broker publishes when the edge is cut off."""
    return encode(Presence(edge, online=False))


def streams_of(tracks: list[Track]) -> tuple[StreamState, ...]:
    """Give the streams of which something is held, and the own one."""
    found: dict[str, StreamState] = {}
    for track in tracks:
        found[track.stream] = StreamState(track.stream, track.next, track.oldest, track.use)
    return tuple(sorted(found.values(), key=lambda one: one.use != "own"))[:MOST_STREAMS]


class Session:
    """The edge's side of everything but the batches; told by the broker's client what happens."""

    def __init__(
        self,
        who: Who,
        journal: Condition,
        layouts: Layouts,
        uplink: Uplink,
        inbox: Inbox,
        publish: Publish,
        clock: Clock,
    ) -> None:
        self._who = who
        self._journal = journal
        self._layouts = layouts
        self._uplink = uplink
        self._inbox = inbox
        self._publish = publish
        self._clock = clock
        self._up = asyncio.Event()
        self._told: _Told | None = None

    async def greet(self) -> None:
        """Say what the edge is and offers."""
        await self._be_present(online=True)
        await self._show_cards()

    def connected(self) -> None:
        """Begin to send batches."""
        self._up.set()
        self._uplink.connected()

    def disconnected(self) -> None:
        """Stop sending."""
        self._up.clear()
        self._uplink.disconnected()

    async def received(self, topic: str, payload: bytes) -> None:
        """Take an ack or a command."""
        if topic == self._who.topics.command:
            self._inbox.take(payload)
        elif topic == self._who.topics.ack:
            try:
                self._uplink.acknowledge(payload)
            except ContractError as error:
                self._inbox.refuse_input(str(error))
        else:
            log.warning("a message on %s, to which nobody subscribed, is ignored", topic)

    async def leave(self) -> None:
        """Say goodbye."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._be_present(online=False)

    async def run(self) -> None:
        """Repeat the presence now and then, and within two seconds of a change."""
        told = shown = self._clock.monotonic()
        while True:
            await self._clock.sleep(LOOK)
            await self._up.wait()
            now = self._clock.monotonic()
            # A sample whose layout has not come is not taken: its card may have been lost.
            lost = self._uplink.declined and now - shown >= REFRESH
            if self._layouts.forget() or lost:
                await self._show_cards()
                shown = now
            if self._told is None or self._told.differs(self._tell()) or now - told >= REFRESH:
                await self._be_present(online=True)
                told = now

    async def _show_cards(self) -> None:
        for card in self._layouts.cards():
            topic = self._who.topics.card + card.device
            await self._publish(topic, encode(card), retain=True)

    async def _be_present(self, *, online: bool) -> None:
        self._told = self._tell()
        presence = self.presence(self._clock.wall(), online=online)
        if not await self._publish(self._who.topics.state, encode(presence), retain=True):
            self._told = None

    def _tell(self) -> _Told:
        state = self._journal.state
        streams = tuple((one.stream, one.use) for one in streams_of(self._journal.tracks()))
        told = (state.condition, state.reason)
        return _Told(told, streams, self._who.steps(), (state.fill, state.disk))

    def presence(self, at: Instant, *, online: bool) -> Presence:
        """Give the presence as it is now."""
        state = self._journal.state
        streams = streams_of(self._journal.tracks())
        own = next((one for one in streams if one.use == "own"), None)
        presence = Presence(
            self._who.edge,
            online,
            at,
            version=self._who.version,
            fill=state.fill,
            session=self._journal.life,
            streams=streams,
            journal=state.condition,
            disk=state.disk,
            steps=self._who.steps(),
            reason=state.reason,
        )
        if own is not None:
            presence = msgspec.structs.replace(
                presence, stream=own.stream, next=own.next, oldest=own.oldest
            )
        return shortened(presence)
