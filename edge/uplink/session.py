"""What an edge tells the gateway of itself, and hears: presence, cards, acks, commands."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple

from contracts.codec import ContractError, encode
from contracts.instants import Instant
from contracts.messages import Card, Presence
from contracts.topics import EdgeTopics
from edge.commands.inbox import Commands
from edge.journal.journal import Journal
from edge.uplink.uplink import Publish, Uplink
from runtime.mqtt.connection import Message, Outgoing

log = logging.getLogger(__name__)

REFRESH = 30.0
"""Seconds between two presences at most."""
LOOK = 2.0
NOTEWORTHY = 0.01
"""A change of the journal's fill that is told at once."""


class Who(NamedTuple):
    """An edge, and what it announces."""

    edge: str
    version: str
    topics: EdgeTopics
    cards: Sequence[Card]


def will_of(edge: str) -> bytes:
    """Give the presence that the broker publishes when the edge is cut off."""
    return encode(Presence(edge, online=False))


class Conversation:
    """The edge's side of everything but the batches; told by `runtime.mqtt.client` what happens."""

    def __init__(
        self,
        who: Who,
        journal: Journal,
        uplink: Uplink,
        commands: Commands,
        publish: Publish,
        now: Callable[[], Instant],
    ) -> None:
        self._who = who
        self._journal = journal
        self._uplink = uplink
        self._commands = commands
        self._publish = publish
        self._now = now
        self._up = asyncio.Event()
        self._told_fill = 0.0

    def will(self) -> Outgoing:
        """Give the presence that the broker publishes when the edge is cut off."""
        return Outgoing(self._who.topics.state, will_of(self._who.edge), retain=True)

    def greeting(self) -> Iterator[Outgoing]:
        """Say what the edge is and offers."""
        yield self._presence(online=True)
        for card in self._who.cards:
            yield Outgoing(self._who.topics.card + card.device, encode(card), retain=True)

    def connected(self) -> None:
        """Begin to send batches."""
        self._up.set()
        self._uplink.connected()

    def disconnected(self) -> None:
        """Stop sending."""
        self._up.clear()
        self._uplink.disconnected()

    async def received(self, message: Message) -> None:
        """Take an ack or a command. Raises JournalError."""
        topic, payload = message.topic, message.payload
        if topic == self._who.topics.command:
            await self._commands.take(payload)
        elif topic == self._who.topics.ack:
            try:
                await self._uplink.acknowledge(payload)
            except ContractError as error:
                await self._commands.refuse_input(str(error))
        else:
            log.warning("a message on %s, to which nobody subscribed, is ignored", topic)

    def farewell(self) -> Sequence[Outgoing]:
        """Say goodbye."""
        return [self._presence(online=False)]

    async def stay_present(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Repeat the presence now and then, and whenever the journal fills or drains."""
        clock = asyncio.get_running_loop().time
        told = clock()
        while True:
            await sleep(LOOK)
            await self._up.wait()
            changed = abs(self._journal.fill - self._told_fill) >= NOTEWORTHY
            if changed or clock() - told >= REFRESH:
                topic, payload, retain = self._presence(online=True)
                await self._publish(topic, payload, retain=retain)
                told = clock()

    def _presence(self, *, online: bool) -> Outgoing:
        self._told_fill = self._journal.fill
        presence = Presence(
            self._who.edge,
            online,
            self._now(),
            self._journal.stream,
            self._journal.last + 1,
            self._uplink.oldest,
            self._who.version,
            self._journal.fill,
        )
        return Outgoing(self._who.topics.state, encode(presence), retain=True)
