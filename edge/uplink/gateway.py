"""The way to the gateway, put together: client of the broker, uplink, session."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from config.site import Site
from contracts.codec import encode
from contracts.instants import Instant
from contracts.topics import EdgeTopics, of_edge
from edge.journal.journal import Journal
from edge.journal.refused_input import RefusedInput
from edge.journal.rows import Stamp
from edge.journal.stamps import Stamps
from edge.journal.terms import Terms
from edge.uplink.layouts import Layouts
from edge.uplink.session import Inbox, Who, will_of
from edge.uplink.session import Session as Talk
from edge.uplink.uplink import Uplink
from runtime.clock import Clock
from runtime.host import Host
from runtime.mqtt.client import Client, Session, identity
from runtime.mqtt.connection import Message, Outgoing
from runtime.supervisor import Part

FAREWELL = 3.0
"""Seconds that handing over the last records may take."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What every part of an edge stands on."""

    host: Host
    stamps: Stamps
    clock: Clock
    """The host's, but whoever asks its wall gets a stamp."""
    terms: Terms
    journal: Journal
    refused: RefusedInput


class Gateway:
    """The way to the gateway: client of the broker, uplink, session."""

    def __init__(self, site: Site, edge: str, version: str, ground: Ground) -> None:
        self._topics = of_edge(site.site, edge)
        self._edge = edge
        self._version = version
        self._ground = ground
        listened = Session(
            identity("edge", site.site, edge), (self._topics.ack, self._topics.command)
        )
        addresses, io = site.broker.addresses, ground.host.mqtt(site.broker)
        self._client = Client(addresses, listened, io)
        self._uplink = Uplink(
            ground.journal,
            self._topics.journal,
            self._publish,
            ground.clock.monotonic,
            partial(stamp_of, ground.stamps),
        )

    def now(self) -> Instant | None:
        """Give a time that the gateway's clock has certainly passed."""
        return self._uplink.heard.gateway_now()

    def parts(self, layouts: Layouts, inbox: Inbox) -> Iterator[Part]:
        """Give those who carry."""
        ground = self._ground
        who = Who(self._edge, self._version, self._topics, lambda: ground.stamps.steps)
        talk = Talk(who, ground.journal, layouts, self._uplink, inbox, self._publish, ground.clock)
        listener = _Listener(self._topics, self._edge, talk, layouts, inbox, ground.clock)
        yield Part("uplink", self._uplink.run)
        yield Part("presence", talk.run)
        yield Part("broker", partial(self._client.run, listener))

    async def hand_over(self) -> None:
        """Give the gateway a moment to take the last records; the journal keeps the rest."""
        if not self._uplink.online:
            return
        settled = asyncio.create_task(self._last_records(), name="last records")
        limit = asyncio.create_task(self._wait(FAREWELL), name="farewell")
        await asyncio.wait((settled, limit), return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        limit.cancel()

    async def _last_records(self) -> None:
        # What was appended last is not held yet: nothing, appended behind it, tells when it is.
        await self._ground.journal.append([]).durable(FAREWELL)
        await self._uplink.settled()

    async def _wait(self, seconds: float) -> None:
        await self._ground.clock.sleep(seconds)

    async def _publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        assert qos == 0, "reliability is ours"
        return await self._client.publish(topic, payload, retain=retain)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Tells the session what the client of the broker has to tell."""

    topics: EdgeTopics
    edge: str
    talk: Talk
    layouts: Layouts
    inbox: Inbox
    clock: Clock

    def will(self) -> Outgoing:
        """Give what the broker publishes when the edge is cut off."""
        return Outgoing(self.topics.state, will_of(self.edge), retain=True)

    def greeting(self) -> Iterator[Outgoing]:
        """Say what the edge is and offers."""
        yield self._presence(online=True)
        for card in self.layouts.cards():
            yield Outgoing(self.topics.card + card.device, encode(card), retain=True)

    def connected(self) -> None:
        """Begin to send batches."""
        self.talk.connected()

    def disconnected(self) -> None:
        """Stop sending."""
        self.talk.disconnected()

    async def received(self, message: Message) -> None:
        """Take an ack or a command; one that the broker kept is nobody's word now."""
        if message.retained:
            self.inbox.refuse_input(f"a retained message on {message.topic}; publish it without")
        else:
            await self.talk.received(message.topic, message.payload)

    def farewell(self) -> Iterator[Outgoing]:
        """Say goodbye."""
        yield self._presence(online=False)

    def _presence(self, *, online: bool) -> Outgoing:
        presence = self.talk.presence(self.clock.wall(), online=online)
        return Outgoing(self.topics.state, encode(presence), retain=True)


def stamp_of(stamps: Stamps) -> Stamp:
    """Give this moment with the segment that it is in."""
    return Stamp(stamps.now(), stamps.segment)
