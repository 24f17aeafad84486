"""Carries the journal to the gateway: batches out, acknowledged numbers in."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Protocol

from contracts.codec import ContractError, acks, encode
from contracts.instants import SECOND, Instant
from contracts.ranges import Ranges
from edge.journal.rows import Limits, Piece, Stamp
from edge.journal.tracks import Track
from edge.uplink.ack_monitor import LONGEST_SILENCE, Hearing
from edge.uplink.batches import Sender, batch_of, fitting
from edge.uplink.send_window import LIMITS, SendWindow

log = logging.getLogger(__name__)

AGAIN = 0.1
"""Seconds until a piece that could not be read is tried again."""


class Publish(Protocol):
    """Sends bytes; False when they did not go out."""

    async def __call__(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        """Publish on a topic."""
        ...


class Source(Protocol):
    """What the uplink needs of a journal (`edge.journal.journal.Journal`)."""

    life: str

    def listen(self, listener: Callable[[], None]) -> None:
        """Ask to be called after each change."""
        ...

    def tracks(self) -> list[Track]:
        """Give what is held."""
        ...

    async def read(self, stream: str, first: int, last: int, limits: Limits) -> Piece | None:
        """Give consecutive records down from `last`."""
        ...

    def named(self, stream: str, once: Ranges, twice: Ranges) -> None:
        """Take note of what the gateway named."""
        ...

    def refuse(self, stream: str, life: str, first: int) -> None:
        """Take note that the gateway does not take a life's rows from `first` on."""
        ...


class Heard:
    """The newest instant of the gateway that came, and when that was."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sent: Instant = 0
        self._at = 0.0

    def take(self, sent: Instant) -> None:
        """Take note of a message that says when it was sent."""
        now = self._monotonic()
        # One that was delayed is older than what is known; a gateway that began anew may be too.
        if sent and (sent > self._sent or now - self._at > LONGEST_SILENCE):
            self._sent, self._at = sent, now

    @property
    def newest(self) -> tuple[Instant, int] | None:
        """When the gateway sent it, and how long ago it came, in microseconds."""
        if not self._sent:
            return None
        return self._sent, round((self._monotonic() - self._at) * SECOND)

    def gateway_now(self) -> Instant | None:
        """Give the gateway's time at least; None when nothing was heard."""
        newest = self.newest
        return None if newest is None else sum(newest)


class Uplink:
    """Sends one journal until every record of it is acknowledged."""

    def __init__(
        self,
        journal: Source,
        topic: str,
        publish: Publish,
        monotonic: Callable[[], float],
        stamp: Callable[[], Stamp],
    ) -> None:
        self.heard = Heard(monotonic)
        self.ignored = 0
        """Acks that said nothing new: repeated, or of another session."""
        self._journal = journal
        self._topic = topic
        self._publish = publish
        self._monotonic = monotonic
        self._stamp = stamp
        self._window = SendWindow(journal.life)
        self._hearing = Hearing()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        journal.listen(self._changed)
        self._changed()

    @property
    def online(self) -> bool:
        """Whether batches can go out."""
        return self._window.online

    @property
    def declined(self) -> bool:
        """Whether the gateway answered a batch without taking all of it."""
        return any(one.answered for one in self._window.flights.values())

    def connected(self) -> None:
        """Begin to send."""
        self._window.update(self._journal.tracks())
        self._window.connected(self._monotonic())
        self._wake.set()

    def disconnected(self) -> None:
        """Stop sending, and forget what was under way."""
        self._window.disconnected()
        self._hearing.cut()

    async def settled(self) -> None:
        """Wait until the gateway has named everything."""
        await self._settled.wait()

    def acknowledge(self, payload: bytes) -> None:
        """Take the gateway's word for what it has. Raises ContractError."""
        ack = acks.decode(payload)
        try:
            committed = Ranges(ack.committed)
        except ValueError as error:
            raise ContractError(f"Ack: {error}") from error
        if ack.session in ("", self._journal.life):
            self.heard.take(ack.sent)
            if self._hearing.heard():
                log.info("the gateway acknowledges again")
        named = self._window.answered(ack, committed, self._monotonic())
        self.ignored += not named
        for one in named:
            if len(one.once) or len(one.twice):
                self._journal.named(one.stream, one.once, one.twice)
            if one.refused:
                self._journal.refuse(one.stream, one.life, one.refused)
        self._changed()

    async def run(self) -> None:
        """Send what is to be sent, when it is to be sent."""
        while True:
            self._wake.clear()
            wait = await self.step()
            if wait is None or wait > 0:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()

    async def step(self) -> float | None:
        """Send one batch; say in how many seconds there may be another, None: when woken."""
        now = self._monotonic()
        if self._hearing.overdue(now):
            log.warning(
                "no acknowledgement for %d s, though the broker takes what is sent to %s: does"
                " the gateway run, and does the broker let both read and write their topics?",
                LONGEST_SILENCE,
                self._topic,
            )
        pick = self._window.pick(now)
        if pick is None:
            at = self._window.wake_at()
            return None if at is None else max(at - now, 0.001)
        piece = await self._journal.read(pick.stream, pick.first, pick.last, LIMITS)
        oldest = next(
            (one.oldest for one in self._journal.tracks() if one.stream == pick.stream), None
        )
        if piece is None or oldest is None or not self._window.online:
            self._changed()
            return AGAIN
        piece = fitting(piece)
        size = sum(row.weight for row in piece.rows)
        k = self._window.sent(pick, piece.first, piece.last, size, now)
        sender = Sender(self._journal.life, k, self._stamp(), self.heard.newest)
        batch = batch_of(piece, oldest, sender)
        if await self._publish(self._topic, encode(batch)):
            self._hearing.sent(now)
        return 0.0

    def _changed(self) -> None:
        self._window.update(self._journal.tracks())
        if self._window.settled:
            self._settled.set()
        else:
            self._settled.clear()
        self._wake.set()
