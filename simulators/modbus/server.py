"""A Modbus TCP server with several units, as a gateway in front of a serial bus has.

From the Modbus Messaging on TCP/IP Implementation Guide V1.0b: the MBAP header (3.1.3) is
transaction, protocol 0, length, unit; a header that is none ends the connection. A unit that
is not there is answered with exception 0x0B. Requests on one connection are answered in order.
"""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import NamedTuple

from simulators.errors import SimulatorError
from simulators.faults import IN_THE_BUILDING, Fault, Faults, What
from simulators.ground_truth import Ledger
from simulators.listening import listen
from simulators.modbus.pdu import Reply, answer, exception
from simulators.modbus.registers import Code, Getter, Registers

log = logging.getLogger(__name__)

HEADER = struct.Struct(">HHHB")
SHORTEST, LONGEST = 2, 254
"""Length field: unit and at least a function; at most unit and 253 bytes."""
CLIENTS = 32
GATEWAY_WAITS = 0.1
"""Seconds that the gateway waits for an unplugged unit."""


class Unit(NamedTuple):
    """What answers to one unit id."""

    device: str
    registers: Registers


@dataclass(frozen=True, slots=True)
class _Request:
    transaction: int
    unit: int
    pdu: bytes


class ModbusServer:
    """Serves the units of one link; every fault of a unit or of the link shows on the wire."""

    def __init__(
        self,
        link: str,
        units: Mapping[int, Unit],
        faults: Faults,
        ledger: Ledger,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        answered: Callable[[str, bytes, Reply], None] | None = None,
        seed: int = 0,
    ) -> None:
        self._link = link
        self._units = units
        self._faults = faults
        self._ledger = ledger
        self._sleep = sleep
        self._answered = answered
        self._random = Random(f"{seed}/{link}")  # noqa: S311 - garbage, not secrets
        self._frozen: dict[str, tuple[Fault, Registers]] = {}
        self._clients = 0
        self.refused = 0
        """Connections ended because what came was not Modbus TCP."""

    async def run(self, host: str, port: int, ready: Callable[[int], None] | None = None) -> None:
        """Serve until cancelled; `ready` is told the port. Raises SimulatorError: it is taken."""
        await listen(self._link, (host, port), self._serve, ready)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients > CLIENTS:
                log.warning("%s: more than %d clients; one is sent away", self._link, CLIENTS)
                return
            async with asyncio.TaskGroup() as late:
                await self._converse(reader, writer, late)
        except* OSError:
            pass  # a client that goes away is nobody's fault
        finally:
            self._clients -= 1

    async def _converse(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        late: asyncio.TaskGroup,
    ) -> None:
        while True:
            request = await self._request(reader)
            if request is None:
                return
            unit = self._units.get(request.unit)
            fault = self._faults.on(self._link)
            if unit is not None and fault is None:
                fault = self._faults.on(unit.device)
            if fault is not None and fault.what is What.HALF_OPEN:
                await _ignore(reader)
                return
            reply = self._reply(request, unit, fault)
            if fault is not None and fault.what is What.LATE:
                delay = 3.0 if fault.value is None else fault.value
                sent = self._send_late(writer, request, unit, reply, delay)
                late.create_task(sent, name=f"{self._link} answers late")
            elif not await self._send(writer, request, unit, reply, fault):
                return

    async def _request(self, reader: asyncio.StreamReader) -> _Request | None:
        try:
            header = await reader.readexactly(HEADER.size)
            transaction, protocol, length, unit = HEADER.unpack(header)
            if protocol != 0 or not SHORTEST <= length <= LONGEST:
                self.refused += 1
                log.warning(
                    "%s: header %s is not Modbus TCP; the connection ends", self._link, header.hex()
                )
                return None
            return _Request(transaction, unit, await reader.readexactly(length - 1))
        except asyncio.IncompleteReadError:
            return None

    def _reply(self, request: _Request, unit: Unit | None, fault: Fault | None) -> Reply:
        function = request.pdu[0]
        if unit is None or (fault is not None and fault.what is What.UNPLUG):
            return Reply(exception(function, Code.TARGET_SILENT))
        if fault is None:
            return answer(request.pdu, unit.registers)
        if fault.what is What.EXCEPTION:
            code = Code.DEVICE_FAILURE if fault.value is None else int(fault.value)
            return Reply(exception(function, code))
        if fault.what is What.SILENT:
            return Reply(b"")
        if fault.what is What.FROZEN:
            return answer(request.pdu, self._frozen_registers(unit, fault))
        return answer(request.pdu, unit.registers)

    def _frozen_registers(self, unit: Unit, fault: Fault) -> Registers:
        since, frozen = self._frozen.get(unit.device, (None, unit.registers))
        if since is not fault:
            frozen = freeze(unit.registers)
            self._frozen[unit.device] = (fault, frozen)
        return frozen

    async def _send_late(
        self,
        writer: asyncio.StreamWriter,
        request: _Request,
        unit: Unit | None,
        reply: Reply,
        delay: float,
    ) -> None:
        await self._sleep(delay)
        self._record(request, unit, reply, What.LATE)
        writer.write(_frame(request.transaction, request.unit, reply.pdu))
        await writer.drain()

    async def _send(
        self,
        writer: asyncio.StreamWriter,
        request: _Request,
        unit: Unit | None,
        reply: Reply,
        fault: Fault | None,
    ) -> bool:
        """Send the answer, spoilt by the fault; say whether the connection goes on."""
        what = None if fault is None else fault.what
        transaction, number = request.transaction, request.unit
        if what is What.SILENT:
            return True
        if what is What.UNPLUG:
            await self._sleep(GATEWAY_WAITS)
        if what is What.FOREIGN_TRANSACTION:
            transaction ^= 0x5555
        if what is What.WRONG_UNIT:
            number = number % 247 + 1
        frame = _frame(transaction, number, reply.pdu)
        if what is What.GARBAGE:
            frame = self._random.randbytes(len(frame))
        if what is What.CUT:
            writer.write(frame[: len(frame) // 2])
            await writer.drain()
            return False
        self._record(request, unit, reply, None if what in IN_THE_BUILDING else what)
        if fault is not None and what is What.TRICKLE:
            for byte in frame:
                writer.write(bytes((byte,)))
                await writer.drain()
                await self._sleep(0.3 if fault.value is None else fault.value)
            return True
        writer.write(frame)
        await writer.drain()
        if self._answered is not None and unit is not None:
            self._answered(unit.device, request.pdu, reply)
        return True

    def _record(
        self, request: _Request, unit: Unit | None, reply: Reply, what: What | None
    ) -> None:
        if unit is None:
            return
        fault = {} if what is None else {"fault": what}
        # Before the bytes leave: a client must never know more than the ledger.
        for kind, access in (("write", reply.written), ("poll", reply.read)):
            if access is not None:
                self._ledger(
                    kind,
                    device=unit.device,
                    unit=request.unit,
                    function=access.function,
                    start=access.start,
                    words=list(access.words),
                    **fault,
                )


def demand_loopback(what: str, host: str) -> None:
    """Raise SimulatorError unless a host is this machine: nobody else shall reach a simulator."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise SimulatorError(
            f"{what}: host {host} is not this machine; give it a loopback address to simulate it"
        )


def freeze(registers: Registers) -> Registers:
    """Give registers of which each keeps the value it has when it is first read."""

    def held(table: Mapping[int, Getter] | None) -> Mapping[int, Getter] | None:
        if table is None:
            return None
        return {address: _Held(getter) for address, getter in table.items()}

    return Registers(
        holding=held(registers.holding),
        input=held(registers.input),
        coils=held(registers.coils),
        discrete=held(registers.discrete),
        holding_writes=registers.holding_writes,
        coil_writes=registers.coil_writes,
        product=registers.product,
    )


class _Held:
    """A getter that asks once."""

    def __init__(self, getter: Getter) -> None:
        self._getter = getter
        self._value: int | None = None

    def __call__(self) -> int:
        if self._value is None:
            self._value = self._getter()
        return self._value


def _frame(transaction: int, unit: int, pdu: bytes) -> bytes:
    return HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu


async def _ignore(reader: asyncio.StreamReader) -> None:
    """Take what comes and never answer, until the client gives up."""
    while await reader.read(4096):
        pass
