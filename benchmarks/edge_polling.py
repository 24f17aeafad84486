"""What a poll costs the edge: drivers and link against the bare pymodbus client.

Both read the same blocks, in turns, from a server in another process; what counts is the CPU time
of this process. The aim is at most twice the bare client's.
"""

import asyncio
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
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
from drivers.protocols.modbus.plan import Block, plan
from runtime.host import system_host

AIM = 2.0
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


async def compare(port: int, model: str) -> float:
    """Give the median ratio of CPU time of a poll, Wenlan's to the bare client's."""
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
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
    await client.connect()

    async def bare() -> None:
        for block in blocks:
            await _read(client, block, UNITS[model])

    assert sum(len(one.values) for one in await driver.poll()) >= len(known.points)
    ours, theirs, ratios = [], [], []
    for _ in range(ROUNDS):
        theirs.append(await measured(bare))
        ours.append(await measured(driver.poll))
        ratios.append(ours[-1].cpu / theirs[-1].cpu)
    client.close()
    await link.aclose()
    ratio = median(ratios)
    print(
        f"{model:12} {len(blocks)} reads, {len(known.points):2} points:"
        f" wenlan {_line(ours)}, bare pymodbus {_line(theirs)}, ratio {ratio:.2f}"
    )
    return ratio


def _line(costs: list[Cost]) -> str:
    cpu = median(cost.cpu for cost in costs)
    return f"{1e6 * cpu:.0f} µs CPU a poll ({1 / cpu:.0f} polls/s a core)"


async def _read(client: AsyncModbusTcpClient, block: Block, unit: int) -> None:
    read = {
        Table.HOLDING: client.read_holding_registers,
        Table.INPUT: client.read_input_registers,
    }[block.table]
    reply = await read(block.first, count=block.size, device_id=unit)
    assert len(reply.registers) == block.size


async def run(port: int) -> list[float]:
    """Compare for each model."""
    return [await compare(port, model) for model in UNITS]


def main() -> int:
    """Run, print, and give 1 when a poll costs more than twice the bare client's."""
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            ratios = runner.run(run(port))
        server.terminate()
    worst = max(ratios)
    print(f"worst ratio {worst:.2f}, aim {AIM:.2f} or less")
    return int(worst > AIM)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        uvloop.run(serve())
    else:
        sys.exit(main())
