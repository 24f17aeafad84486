"""Carries the journal to the gateway: batches out, acknowledged ranges in, pruning."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from contracts.codec import ContractError, acks, encode_batch
from contracts.ranges import Ranges
from edge.journal.journal import Journal
from edge.uplink.ack_monitor import LONGEST_SILENCE, Hearing
from edge.uplink.send_window import MOST_BYTES, MOST_RECORDS, Outbox, Pick

log = logging.getLogger(__name__)

PRUNING = 1.0
"""Seconds between two prunings; what was acknowledged meanwhile goes in one transaction."""


class Publish(Protocol):
    """Sends bytes; False when they did not go out."""

    async def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Publish on a topic."""
        ...


class Uplink:
    """Sends one journal until every record of it is acknowledged."""

    def __init__(
        self, journal: Journal, topic: str, publish: Publish, present: int = MOST_RECORDS
    ) -> None:
        self._journal = journal
        self._topic = topic
        self._publish = publish
        self._outbox = Outbox(journal.pending, journal.last, present)
        self._clock = asyncio.get_running_loop().time
        self._hearing = Hearing()
        self._wake = asyncio.Event()
        self._prunable = Ranges()
        self._committed = asyncio.Event()
        self._drained = asyncio.Event()
        journal.tell(self._written)
        self._look()

    @property
    def oldest(self) -> int:
        """The lowest number that is unacknowledged."""
        return self._outbox.oldest

    @property
    def online(self) -> bool:
        """Whether batches can go out."""
        return self._outbox.online

    def connected(self) -> None:
        """Begin to send."""
        self._outbox.connected(self._clock())
        self._wake.set()

    def disconnected(self) -> None:
        """Stop sending, and forget what was under way."""
        self._outbox.disconnected()
        self._hearing.cut()

    async def drained(self) -> None:
        """Wait until nothing is unacknowledged."""
        await self._drained.wait()

    async def acknowledge(self, payload: bytes) -> None:
        """Take the gateway's word for what it has. Raises ContractError and JournalError."""
        ack = acks.decode(payload)
        if ack.stream != self._journal.stream:
            return  # of an earlier journal of this edge
        if self._hearing.heard():
            log.info("the gateway acknowledges again")
        try:
            committed = Ranges(ack.committed)
        except ValueError as error:
            raise ContractError(f"Ack: {error}") from error
        if (committed.last or 0) > self._outbox.last:
            # Its numbers would be given twice, and the gateway would take new records for copies.
            raise await self._journal.disown(
                f"an old copy was put back: the gateway has record {committed.last} of this stream,"
                f" whose last is {self._outbox.last}"
            )
        news = self._outbox.acknowledged(committed, self._clock())
        if len(news):
            self._prunable = self._prunable.union(news)
            self._committed.set()
            self._look()
            self._wake.set()

    async def run(self) -> None:
        """Send what is to be sent, when it is to be sent. Raises JournalError."""
        while True:
            pick = self._outbox.pick(self._clock())
            if self._hearing.overdue(self._clock()):
                log.warning(
                    "no acknowledgement for %d s, though the broker takes what is sent to %s: does"
                    " the gateway run, and does the broker let both read and write their topics?",
                    LONGEST_SILENCE,
                    self._topic,
                )
            if pick is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(self._outbox.wake_at()):
                        await self._wake.wait()
                self._wake.clear()
            else:
                await self._send(pick)

    async def prune(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Take out of the journal what the gateway has. Raises JournalError."""
        while True:
            await self._committed.wait()
            self._committed.clear()
            ranges, self._prunable = self._prunable, Ranges()
            await self._journal.prune(ranges)
            await sleep(PRUNING)

    async def _send(self, pick: Pick) -> None:
        piece = await self._journal.read(pick.first, pick.last, MOST_RECORDS, MOST_BYTES)
        begin = pick.last + 1 if piece is None else piece.first
        if begin > pick.first:
            # Acknowledged or thinned since it was picked: there is nothing left to send.
            self._outbox.given_up(Ranges([(pick.first, begin - 1)]))
            self._look()
        if piece is None or piece.first not in self._outbox.pending:
            return
        last = piece.first + len(piece.bodies) - 1
        self._outbox.sent(pick, piece.first, last, self._clock())
        batch = encode_batch(self._journal.stream, piece.first, piece.bodies)
        if await self._publish(self._topic, batch):
            self._hearing.sent(self._clock())

    def _written(self, last: int, thinned: Ranges) -> None:
        self._outbox.appended(last)
        if len(thinned):
            self._outbox.given_up(thinned)
        self._look()
        self._wake.set()

    def _look(self) -> None:
        if len(self._outbox.pending):
            self._drained.clear()
        else:
            self._drained.set()
