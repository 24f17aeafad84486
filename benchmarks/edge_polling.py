"""What a poll costs the edge: driver and link against a bare asyncio poller and pymodbus's client.

All read the same blocks, in turns, from a server in another process; what counts is the CPU time
of this process. The bare poller writes the same frames, waits without a deadline for as many bytes
as must come, and throws them away. The aims: an exchange of the link at most one and a half times
the bare one; a poll, with what the driver makes of it, at most one and a quarter times the reads
of pymodbus's client. How a poll stands to the bare poller is told.
"""

import asyncio
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop
from pymodbus.client import AsyncModbusTcpClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dataclasses import replace

from config.links import ModbusDevice, ModbusTcp
from config.registers import Table
from drivers import registry
from drivers.capabilities import Pollable
from drivers.protocols.modbus.pdu import READS
from drivers.protocols.modbus.plan import Block, plan
from runtime.host import system_host

AIM, AIM_POLL = 1.5, 1.25
ROUNDS = 15
POLLS = 300
UNITS = {"xy-md02": 1, "vaisala-hmp": 240, "liebert-pac": 1, "adam-6051": 1}
"""Models, and the unit that answers each with plausible words: 240 with floats."""
WORDS = {1: b"\x00\xc8" * 125, 240: b"\x66\x66\x41\xae" * 62}


async def serve() -> None:
    """Answer every read with plausible words, until standard input ends."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                frame = await reader.readexactly(12)
                count = int.from_bytes(frame[10:12], "big")
                rest = struct.pack(">HBBB", 3 + 2 * count, *frame[6:8], 2 * count)
                writer.write(frame[:4] + rest + WORDS[frame[6]][: 2 * count])
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU time and time on the wall, in seconds a poll."""

    cpu: float
    wall: float


async def measured(poll: Callable[[], Awaitable[object]]) -> Cost:
    """Poll many times and give the mean."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(POLLS):
        await poll()
    return Cost((time.process_time() - cpu) / POLLS, (time.perf_counter() - wall) / POLLS)


def config_of(port: int, model: str) -> ModbusTcp:
    """Describe a link with one device."""
    return ModbusTcp(
        kind="modbus-tcp",
        id="bench",
        host="127.0.0.1",
        port=port,
        devices=(ModbusDevice(id="dev", model=model, unit=UNITS[model]),),
    )


class Streams:
    """The bare poller: the same frames, and what comes is thrown away."""

    def __init__(self, blocks: Sequence[Block], unit: int) -> None:
        self._asked = [
            (struct.pack(">HHHBBHH", 1, 0, 6, unit, READS[one.table], one.first, one.size), one)
            for one in blocks
        ]

    async def connect(self, port: int) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)

    async def poll(self) -> None:
        """Read each block."""
        for frame, block in self._asked:
            self._writer.write(frame)
            await self._reader.readexactly(9 + 2 * block.size)

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


class Pymodbus:
    """The same reads by pymodbus's client."""

    def __init__(self, blocks: Sequence[Block], unit: int) -> None:
        self._blocks, self._unit = blocks, unit

    async def connect(self, port: int) -> None:
        """Open the connection."""
        client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
        assert await client.connect()
        self.close = client.close
        self._read = {
            Table.HOLDING: client.read_holding_registers,
            Table.INPUT: client.read_input_registers,
        }

    async def poll(self) -> None:
        """Read each block."""
        for block in self._blocks:
            read = self._read[block.table]
            reply = await read(block.first, count=block.size, device_id=self._unit)
            assert len(reply.registers) == block.size


async def compare(port: int, model: str) -> tuple[float, float]:
    """Give median ratios of CPU time: an exchange to the bare one, a poll to pymodbus's reads."""
    config = config_of(port, model)
    link = registry.open_link(config, system_host())
    ticks = iter(range(10**6, 10**9, 1000))
    real = system_host().clock
    # Everything is due each time; what is read in one poll is one sample.
    clock = replace(real, monotonic=lambda: float(next(ticks) // 2 * 1000))
    driver = registry.build(config.devices[0], link, clock)
    assert isinstance(driver, Pollable)
    known = registry.register_map(config.devices[0])
    assert known is not None
    blocks = plan(known.points, known)
    bare, pymodbus = Streams(blocks, UNITS[model]), Pymodbus(blocks, UNITS[model])
    await bare.connect(port)
    await pymodbus.connect(port)
    assert sum(len(one.values) for one in await driver.poll()) >= len(known.points)

    async def exchange() -> None:
        for block in blocks:
            await link.read(UNITS[model], block.table, block.first, block.size)

    floor, exchanges, theirs, ours = [], [], [], []
    for _ in range(ROUNDS):
        floor.append(await measured(bare.poll))
        exchanges.append(await measured(exchange))
        ours.append(await measured(driver.poll))
        theirs.append(await measured(pymodbus.poll))
    bare.close()
    pymodbus.close()
    await link.aclose()
    ratios = _ratio(exchanges, floor), _ratio(ours, theirs)
    to_bare = _ratio(ours, floor)
    print(
        f"{model:12} {len(blocks)} reads, {len(known.points):2} points: exchanges"
        f" {_line(exchanges)}, {ratios[0]:.2f} times the bare {_line(floor)}; poll {_line(ours)},"
        f" {to_bare:.2f} times the bare, {ratios[1]:.2f} times pymodbus's {_line(theirs)}"
    )
    return ratios


def _ratio(ours: Sequence[Cost], theirs: Sequence[Cost]) -> float:
    return median(one.cpu / other.cpu for one, other in zip(ours, theirs, strict=True))


def _line(costs: Sequence[Cost]) -> str:
    cpu = median(cost.cpu for cost in costs)
    return f"{1e6 * cpu:.0f} µs"


async def run(port: int) -> list[tuple[float, float]]:
    """Compare for each model."""
    return [await compare(port, model) for model in UNITS]


def main() -> int:
    """Run, print, and give how many aims were missed."""
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            ratios = runner.run(run(port))
        server.terminate()
    worst, worst_poll = (max(one) for one in zip(*ratios, strict=True))
    print(f"worst exchange {worst:.2f} times the bare, aim {AIM:.2f} or less")
    print(f"worst poll {worst_poll:.2f} times pymodbus's, aim {AIM_POLL:.2f} or less")
    return int(worst > AIM) + int(worst_poll > AIM_POLL)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        uvloop.run(serve())
    else:
        sys.exit(main())
