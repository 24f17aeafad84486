"""Modbus TCP with pymodbus's client: one exchange at a time, and no reply taken for another."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import cast

from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from config.links import ModbusTcp
from config.registers import Table
from drivers.errors import BadReplyError, DriverError, LinkDownError, NotSentError
from drivers.protocols.modbus.mbap import (
    WRITE_COIL,
    WRITE_REGISTERS,
    Mismatch,
    Request,
    examine,
    read_request,
    refusal,
    write_request,
)
from runtime.host import Host

# Whatever pymodbus complains about is raised here as an error of our own, said once by the caller.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_Ask = Callable[[AsyncModbusTcpClient], Awaitable[ModbusPDU]]


class _LostError(LinkDownError):
    """The connection ended before the reply."""


@dataclass(slots=True)
class _Wire:
    """One connection."""

    client: AsyncModbusTcpClient
    exchanges: int = 0
    """Replies that came on it."""


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
        self._lock = asyncio.Lock()
        self._wire: _Wire | None = None
        self._asked: Request | None = None
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
        request, ask = _reading(unit, table, address, count)
        failures = self._failures
        async with self._lock:
            self._spare(failures)
            reused = self._wire is not None and self._wire.exchanges > 0
            try:
                reply = await self._exchange(request, ask)
            except _LostError:
                if not reused:
                    raise
                reply = await self._exchange(request, ask)
            except NotSentError:
                raise
            except LinkDownError:
                self._mute.add(unit)
                self._mute_rest = self._clock.monotonic() + self._timeout
                raise
        self._mute.discard(unit)
        if table in (Table.COILS, Table.DISCRETE_INPUTS):
            return [int(bit) for bit in reply.bits[:count]]
        return reply.registers

    async def write(self, unit: int, function: int, address: int, words: Sequence[int]) -> None:
        """Write with function 5, 6 or 16; never sent twice. Raises DriverError."""
        request = write_request(unit, function, address, words)
        failures = self._failures
        async with self._lock:
            self._spare(failures)
            if self._curt:
                # A connection that was used is ending, though word of it may be under way.
                self._drop()
            await self._exchange(request, _writer(request, words))

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        self._drop()
        await self._clock.sleep(0)

    def _spare(self, failures: int) -> None:
        """Refuse at once when a connect failed while this exchange waited for its turn."""
        if self._failures != failures:
            raise _no_connection(self.where)

    async def _exchange(self, request: Request, ask: _Ask) -> ModbusPDU:
        if self._pause:
            await self._keep_pause()
        try:
            wire = self._wire
            if wire is None:
                async with asyncio.timeout(self._timeout):
                    wire = await self._connect()
                    reply = await self._ask(wire, request, ask)
            else:
                reply = await self._ask(wire, request, ask)
        except (TimeoutError, ModbusException) as error:
            # Every byte that came has been examined: what pymodbus misses can only be the reply.
            self._drop()
            if self._asked is None:
                raise self._unreachable() from error
            raise LinkDownError(
                f"{self.where}: {request}: no answer in {self._timeout:g} s"
            ) from error
        except BaseException:
            # Also on cancellation: a late answer must not meet the next request.
            self._drop()
            raise
        finally:
            self._asked = None
            if self._pause:
                self._quiet_from = self._clock.monotonic()
        if reply.isError():
            raise refusal(self.where, request, reply.exception_code)
        return reply

    async def _ask(self, wire: _Wire, request: Request, ask: _Ask) -> ModbusPDU:
        self._asked = request
        reply = await ask(wire.client)
        wire.exchanges += 1
        return reply

    async def _keep_pause(self) -> None:
        rest = self._quiet_from + self._pause - self._clock.monotonic()
        if rest > 0:
            await self._clock.sleep(rest)

    async def _connect(self) -> _Wire:
        client = AsyncModbusTcpClient(
            self._config.host,
            port=self._config.port,
            name=self._config.id,
            timeout=self._timeout,
            retries=0,
            reconnect_delay=0,
            trace_packet=self._check,
            trace_connect=self._connection_changed,
        )
        try:
            connected = await client.connect()
        except BaseException:
            client.close()
            raise
        if not connected:
            raise self._unreachable()
        # Numbers go on over connections: not even a gateway that hands an answer to the newest
        # connection can give us an old one.
        client.ctx.next_tid = self._transaction
        self.connections += 1
        self._wire = _Wire(client)
        return self._wire

    def _unreachable(self) -> NotSentError:
        self._failures += 1
        return _no_connection(self.where)

    def _check(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus calls it so
        """Look at every byte that comes before pymodbus does."""
        if self._wire is None:
            return b""
        context = self._wire.client.ctx
        if sending:
            self._transaction = context.request_transaction_id
            return data
        if self._asked is None:
            return b""
        found = examine(data, context.request_transaction_id, self._asked)
        if isinstance(found, Mismatch):
            self._fail(BadReplyError(f"{self.where}: {self._asked}: {found.reason}"))
            return b""
        return data

    def _connection_changed(self, connected: bool) -> None:  # noqa: FBT001 - pymodbus calls it so
        if connected or self._wire is None:
            return
        self._curt = self._wire.exchanges == 1
        if self._asked is not None:
            self._fail(_LostError(f"{self.where}: {self._asked}: connection closed, no answer"))
        self._wire = None

    def _fail(self, error: DriverError) -> None:
        """End the exchange under way; pymodbus itself would wait out its timeout."""
        wire = self._wire
        if wire is not None and not wire.client.ctx.response_future.done():
            wire.client.ctx.response_future.set_exception(error)

    def _drop(self) -> None:
        wire, self._wire = self._wire, None
        if wire is None:
            return
        # uvloop's transports are not asyncio.Transport by type, only by what they do.
        transport = cast("asyncio.Transport | None", wire.client.ctx.transport)
        wire.client.close()
        if transport is not None:
            transport.abort()  # close() would wait for a peer that takes nothing any more


_READS = {
    Table.COILS: AsyncModbusTcpClient.read_coils,
    Table.DISCRETE_INPUTS: AsyncModbusTcpClient.read_discrete_inputs,
    Table.HOLDING: AsyncModbusTcpClient.read_holding_registers,
    Table.INPUT: AsyncModbusTcpClient.read_input_registers,
}


@lru_cache(maxsize=4096)
def _reading(unit: int, table: Table, address: int, count: int) -> tuple[Request, _Ask]:
    request = read_request(unit, table, address, count)
    ask = partial(_READS[table], address=address, count=count, device_id=unit)
    return request, ask


def _writer(request: Request, words: Sequence[int]) -> _Ask:
    def ask(client: AsyncModbusTcpClient) -> Awaitable[ModbusPDU]:
        unit, address = request.unit, request.address
        if request.function == WRITE_COIL:
            return client.write_coil(address, bool(words[0]), device_id=unit)
        if request.function == WRITE_REGISTERS:
            return client.write_registers(address, list(words), device_id=unit)
        return client.write_register(address, words[0], device_id=unit)

    return ask


def _no_connection(where: str) -> NotSentError:
    return NotSentError(f"{where}: cannot connect; check its power, its cable, host and port")
