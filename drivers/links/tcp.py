"""Modbus on TCP: one exchange at a time, and no reply taken for another."""

import asyncio
import struct
from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import TypeAlias

from config.links import ModbusTcp
from config.registers import Table
from drivers.errors import BadReplyError, DriverError, LinkDownError, NotSentError, RefusedError
from drivers.protocols.modbus.mbap import LAST, Asking, Incoming, asking
from drivers.protocols.modbus.pdu import (
    BITS,
    EXCEPTION,
    Mismatch,
    Request,
    bits,
    read_request,
    refusal,
    registers,
    write_request,
)
from runtime.host import Host, Streams


class _LostError(LinkDownError):
    """The connection ended before the reply."""


class _StaleError(_LostError):
    """It had served before: it may have been ending when it was used again."""


class _End(Enum):
    """Why nothing came for a request."""

    LOST = auto()
    EXPIRED = auto()


_Reply: TypeAlias = bytes | Mismatch | _End
"""Function code and data, or why there are none."""


class _Wire(asyncio.Protocol):
    """One connection."""

    def __init__(self, streams: Streams, within: float, monotonic: Callable[[], float]) -> None:
        self.replies = 0
        self.lost = False
        """The other side has ended it."""
        reader, self._writer = streams  # a writer that is forgotten closes the connection
        self._transport = self._writer.transport
        self._loop = asyncio.get_running_loop()
        self._incoming = Incoming()
        self._reply: asyncio.Future[_Reply] | None = None
        self._within = within
        self._monotonic = monotonic
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        # What came before anything was asked is nothing of ours, unless it is the end.
        self._transport.set_protocol(self)
        if reader.at_eof():
            self.eof_received()

    @property
    def ending(self) -> bool:
        """Say whether nothing more can be asked on it."""
        return self.lost or self._transport.is_closing()

    async def ask(self, asked: Asking, transaction: int) -> _Reply:
        """Send a request and wait for its reply."""
        reply: asyncio.Future[_Reply] = self._loop.create_future()
        self._reply = reply
        self._transport.write(self._incoming.expect(transaction, asked))
        self._deadline = self._monotonic() + self._within
        if self._timer is None:
            self._timer = self._loop.call_later(self._within, self._look_at_deadline)
        try:
            return await reply
        finally:
            self._reply = None

    def drop(self) -> None:
        """End it at once: close() would wait for a peer that takes nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._transport.abort()

    def _look_at_deadline(self) -> None:
        """Give up, or look again later: a timer for each exchange costs more than its bytes."""
        rest = self._deadline - self._monotonic()
        self._timer = None
        if self._reply is None:
            return
        if rest > 0:
            self._timer = self._loop.call_later(rest, self._look_at_deadline)
        else:
            self._give(_End.EXPIRED)

    def data_received(self, data: bytes) -> None:
        """Sort what came."""
        found = self._incoming.take(data)
        if found is not None:
            self.replies += isinstance(found, bytes)
            self._give(found)
        if self._incoming.spoiled:
            self._transport.abort()

    def eof_received(self) -> None:
        """Know at once that the other side has ended it; asyncio closes it then."""
        self.lost = True
        self._give(_End.LOST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.lost |= exc is not None
        self._give(_End.LOST)

    def _give(self, reply: _Reply) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)


class ModbusTcpLink:
    """A Modbus TCP server; connects on the first exchange and again after every failure.

    Each exchange ends within `timeout`, connecting included. After anything but a sound reply the
    connection is closed, so that a late answer has no way to the next request.
    """

    def __init__(self, config: ModbusTcp, host: Host) -> None:
        self.where = f"{config.id} ({config.host}:{config.port})"
        self.connections = 0
        """How many have been opened so far."""
        self._config = config
        self._timeout = config.timeout.total_seconds()
        self._pause = config.pause.total_seconds()
        self._clock = host.clock
        self._open_connection = host.open_connection
        self._lock = asyncio.Lock()
        self._wire: _Wire | None = None
        self._quiet_from = 0.0
        self._transaction = 0
        self._failures = 0
        self._curt = False
        """The server closed the last connection after a single reply."""
        self._mute: set[int] = set()
        """Units that had no answer the last time."""
        self._mute_turn = asyncio.Lock()
        self._mute_rest = 0.0

    async def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        """Read registers (or bits, as 0 and 1). Raises DriverError.

        A server may close a connection that was idle: then the read is sent once more on a new one.
        """
        if unit not in self._mute:
            return await self._read(unit, table, address, count)
        async with self._mute_turn:
            # Mute units wait for each other, and get no more than half of the wire's time.
            rest = self._mute_rest - self._clock.monotonic()
            if rest > 0:
                await self._clock.sleep(rest)
            return await self._read(unit, table, address, count)

    async def _read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        asked = _reading(unit, table, address, count)
        failures = self._failures
        async with self._lock:
            self._spare(failures)
            try:
                reply = await self._exchange(asked)
            except _StaleError:
                reply = await self._exchange(asked)
            except (_LostError, NotSentError):
                raise
            except LinkDownError:
                self._mute.add(unit)
                self._mute_rest = self._clock.monotonic() + self._timeout
                raise
        self._mute.discard(unit)
        return bits(reply, count) if table in BITS else registers(reply)

    async def write(self, unit: int, function: int, address: int, words: Sequence[int]) -> None:
        """Write with function 5, 6, 15 or 16; never sent twice. Raises DriverError."""
        try:
            asked = asking(write_request(unit, function, address, words))
        except (ValueError, struct.error) as error:
            raise RefusedError(f"{self.where}: unit {unit}: {error}") from error
        failures = self._failures
        async with self._lock:
            self._spare(failures)
            self._living()
            if self._curt:
                # A connection that was used is ending, though word of it may be under way.
                self._drop()
            await self._exchange(asked)

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        self._drop()
        await self._clock.sleep(0)

    def _spare(self, failures: int) -> None:
        """Refuse at once when a connect failed while this exchange waited for its turn."""
        if self._failures != failures:
            raise self._no_connection()

    async def _exchange(self, asked: Asking) -> bytes:
        if self._pause:
            await self._keep_pause()
        # Numbers go on over connections: not even a gateway that hands an answer to the newest
        # connection can give us an old one.
        transaction = self._transaction = self._transaction % LAST + 1
        wire = self._living()
        try:
            if wire is None:
                reply = await self._connect_and_ask(asked, transaction)
            else:
                reply = await wire.ask(asked, transaction)
        except BaseException:
            # Also on cancellation: a late answer must not meet the next request.
            self._drop()
            raise
        finally:
            if self._pause:
                self._quiet_from = self._clock.monotonic()
        if isinstance(reply, bytes):
            if reply[0] & EXCEPTION:
                raise refusal(self.where, asked.request, reply[1])
            return reply
        self._drop()
        raise self._failed(asked.request, reply, served=wire is not None and wire.replies > 0)

    def _failed(self, request: Request, reply: Mismatch | _End, *, served: bool) -> DriverError:
        what = f"{self.where}: {request}"
        if isinstance(reply, Mismatch):
            return BadReplyError(f"{what}: {reply.reason}")
        if reply is _End.EXPIRED:
            return LinkDownError(f"{what}: no answer in {self._timeout:g} s")
        kind = _StaleError if served else _LostError
        return kind(f"{what}: connection closed, no answer")

    async def _connect_and_ask(self, asked: Asking, transaction: int) -> _Reply:
        try:
            async with asyncio.timeout(self._timeout):
                wire = await self._connect()
                return await wire.ask(asked, transaction)
        except TimeoutError as error:
            if self._wire is None:
                raise self._unreachable() from error
            return _End.EXPIRED

    async def _keep_pause(self) -> None:
        rest = self._quiet_from + self._pause - self._clock.monotonic()
        if rest > 0:
            await self._clock.sleep(rest)

    async def _connect(self) -> _Wire:
        try:
            streams = await self._open_connection(self._config.host, self._config.port)
        except (OSError, UnicodeError) as error:  # a name that no resolver takes is a UnicodeError
            raise self._unreachable() from error
        self.connections += 1
        wire = self._wire = _Wire(streams, self._timeout, self._clock.monotonic)
        if wire.ending:
            self._drop()
            raise self._unreachable()
        return wire

    def _unreachable(self) -> NotSentError:
        self._failures += 1
        return self._no_connection()

    def _no_connection(self) -> NotSentError:
        return NotSentError(
            f"{self.where}: cannot connect; check its power, its cable, host and port"
        )

    def _living(self) -> _Wire | None:
        """Give the connection, unless it has ended."""
        if self._wire is not None and self._wire.ending:
            self._drop()
        return self._wire

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            if wire.lost:
                self._curt = wire.replies == 1
            wire.drop()


@lru_cache(maxsize=4096)
def _reading(unit: int, table: Table, address: int, count: int) -> Asking:
    return asking(read_request(unit, table, address, count))
