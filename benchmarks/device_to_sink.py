"""How long a value takes from the device to a subscriber of the journal, and what the edge costs.

100 devices of 15 points each, read once a second by a real `wenlan edge` over Modbus TCP, its
journal on disk, through the embedded broker. Every device tells in one of its registers when it
answered; the sink compares. Beside it, in the same run, the floor: a bare program that reads the
same registers and publishes each answer, without journal, numbers or acks. How much of the edge's
processor time is the machine's share is told by two bare pollers of the same run, on the same event
loop, that throw away what they read: one on streams, one on pymodbus's client.

The aims: p99 at most 250 ms, 5 % of a core, 65 MB; values at most 12 bytes in the journal and 8 on
the wire.
"""

import asyncio
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

import aiomqtt
import uvloop
import yaml
from pymodbus.client import AsyncModbusTcpClient

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._processes import Usage, running, running_broker
from benchmarks._sink import Sink
from wenlan.example.ports import free

DEVICES, LINKS, POINTS = 100, 10, 15
WARM_UP, MEASURED, FLOOR = 8.0, 30.0, 15.0
BARE_WARM_UP, BARE = 2.0, 12.0
AIM_MS, AIM_CPU, AIM_MB, AIM_JOURNAL, AIM_WIRE = 250.0, 5.0, 65.0, 12.0, 8.0
CLOCK = 2**16
"""Devices count milliseconds of the machine's monotonic clock in 16 bits."""


async def serve() -> None:
    """Answer every read: the first register tells the time, the others a temperature each."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        turn = 0
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frame = await reader.readexactly(12)
                first, count = struct.unpack(">HH", frame[8:12])
                turn += 1
                stamp = int(time.monotonic() * 1000) % CLOCK
                words = [stamp, *(190 + (turn + n) % 50 for n in range(1, POINTS))]
                data = struct.pack(f">{count}H", *words[first : first + count])
                head = struct.pack(">HBBB", 3 + len(data), *frame[6:8], len(data))
                writer.write(frame[:4] + head + data)
        writer.close()

    # Each link is a wire of its own: it has an address of its own.
    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    others = [f"127.0.0.{1 + n}" for n in range(1, LINKS)]
    async with server, await asyncio.start_server(talk, others, port):
        print(port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


def site(folder: Path, broker: int, port: int) -> Path:
    """Write the site file."""
    stamp = {"name": "stamp", "quantity": "sample", "table": "holding", "register": 0}
    points = [stamp | {"type": "uint16"}] + [
        {
            "name": f"t{n}",
            "quantity": "air_temperature",
            "table": "holding",
            "register": n,
            "type": "int16",
            "scale": 0.1,
        }
        for n in range(1, POINTS)
    ]
    devices = [
        {
            "id": f"device-{n:03}",
            "model": "custom",
            "unit": 1 + n // LINKS,
            "space": "hall",
            "period": "1s",
            "map": {"points": points},
        }
        for n in range(DEVICES)
    ]
    links = [
        {
            "kind": "modbus-tcp",
            "id": f"bus-{n}",
            "host": f"127.0.0.{1 + n}",
            "port": port,
            "devices": devices[n::LINKS],
        }
        for n in range(LINKS)
    ]
    name = {"en": "Bench", "zh": "基准"}
    whole = {
        "site": "bench",
        "name": name,
        "timezone": "Asia/Shanghai",
        "broker": f"mqtt://127.0.0.1:{broker}",
        "spaces": [{"id": "hall", "kind": "reading", "name": name}],
        "edges": [{"id": "edge", "links": links}],
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    return path


@dataclass(slots=True)
class Delays:
    """Milliseconds from a device's answer to here."""

    found: list[float] = field(default_factory=list)

    def add(self, stamp: float) -> None:
        """Take a stamp that arrived now."""
        now = int(time.monotonic() * 1000) % CLOCK
        self.found.append((now - int(stamp)) % CLOCK)

    def __str__(self) -> str:
        """Say the usual points of the distribution."""
        return (
            f"p50 {self.at(50):.0f} ms, p99 {self.at(99):.0f} ms, longest {max(self.found):.0f} ms"
        )

    def at(self, percent: int) -> float:
        """Give a percentile."""
        return quantiles(self.found, n=100)[percent - 1]


async def poll_bare(port: int) -> None:
    """Read all devices once a second on streams, for ever."""

    async def link(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        lock = asyncio.Lock()

        async def read() -> None:
            async with lock:
                writer.write(struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 0, POINTS))
                await reader.readexactly(9 + 2 * POINTS)

        await poll_each(number, read)

    await asyncio.gather(*map(link, range(LINKS)))


async def poll_pymodbus(port: int) -> None:
    """Read all devices once a second through pymodbus, for ever."""

    async def link(number: int) -> None:
        client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
        await client.connect()

        async def read() -> None:
            await client.read_holding_registers(0, count=POINTS, device_id=1)

        await poll_each(number, read)

    await asyncio.gather(*map(link, range(LINKS)))


async def poll_each(link: int, read: Callable[[], Awaitable[None]]) -> None:
    """Read each device of a link once a second, for ever."""

    async def device(number: int) -> None:
        due = time.monotonic() + number / DEVICES
        while True:
            await asyncio.sleep(due - time.monotonic())
            await read()
            due += 1.0

    await asyncio.gather(*map(device, range(link, DEVICES, LINKS)))


BARE_POLLERS = {"streams": poll_bare, "pymodbus": poll_pymodbus}


def bare_share(kind: str, port: int) -> float:
    """Run a bare poller; give its share of a core in percent."""
    with running(sys.executable, __file__, kind, str(port)) as process:
        time.sleep(BARE_WARM_UP)
        before, begun = Usage.of(process.pid), time.monotonic()
        time.sleep(BARE)
        after = Usage.of(process.pid)
        return 100 * (after.cpu - before.cpu) / (time.monotonic() - begun)


async def floor(broker: int, port: int) -> tuple[Delays, float]:
    """Read and publish without more; give the delays and the share of a core."""
    delays, turns = Delays(), int(FLOOR)

    async def poll(client: aiomqtt.Client, number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(number / DEVICES)
        for turn in range(turns):
            begun = time.monotonic()
            writer.write(struct.pack(">HHHBBHH", turn, 0, 6, 1, 3, 0, POINTS))
            answer = await reader.readexactly(9 + 2 * POINTS)
            await client.publish("floor", answer[9:], qos=0)
            await asyncio.sleep(max(0.0, begun + 1 - time.monotonic()))
        writer.close()

    async def listen(client: aiomqtt.Client) -> None:
        async for message in client.messages:
            delays.add(int.from_bytes(bytes(message.payload)[:2], "big"))

    async with (
        aiomqtt.Client("127.0.0.1", broker, identifier="floor-out") as out,
        aiomqtt.Client("127.0.0.1", broker, identifier="floor-in") as back,
        asyncio.TaskGroup() as group,
    ):
        await back.subscribe("floor", qos=0)
        listening = group.create_task(listen(back), name="listen")
        cpu, begun = time.process_time(), time.monotonic()
        async with asyncio.TaskGroup() as polls:
            for number in range(DEVICES):
                polls.create_task(poll(out, number), name=f"poll {number}")
        share = (time.process_time() - cpu) / (time.monotonic() - begun)
        listening.cancel()
    return delays, share


async def measure(folder: Path, broker: int, port: int) -> int:
    """Run the floor, then the edge; print both, and give how many aims were missed."""
    bare, both_ends = await floor(broker, port)
    print(f"floor        {bare}; {100 * both_ends:.1f} % of a core (both ends)")
    alone = {kind: await asyncio.to_thread(bare_share, kind, port) for kind in BARE_POLLERS}
    shares = ", ".join(f"{share:.1f} % on {kind}" for kind, share in alone.items())
    print(f"bare pollers {shares}")
    path = site(folder, broker, port)
    argv = (sys.executable, "-m", "wenlan", "edge", "edge", "--site", str(path), "--data")
    with running(*argv, str(folder / "data")) as edge:
        delays = Delays()
        sink = Sink("bench", "edge", broker)
        sink.on_value["stamp"] = delays.add
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(sink.run(), name="sink")
            await asyncio.sleep(WARM_UP)
            delays.found.clear()
            sink.values = sink.size = 0
            before, begun = Usage.of(edge.pid), time.monotonic()
            await asyncio.sleep(MEASURED)
            after, lasted = Usage.of(edge.pid), time.monotonic() - begun
            values, on_wire = sink.values, sink.size
            sink.silent = True  # what comes now stays in the journal, to be weighed
            journal = folder / "data" / "journal-edge.sqlite3"
            light, already = _weight(journal), sink.values
            await asyncio.sleep(MEASURED)
            heavy, held = _weight(journal), sink.values - already
            listening.cancel()
    cpu = 100 * (after.cpu - before.cpu) / lasted
    figures = {
        "p99 ms": (delays.at(99), AIM_MS),
        "% of a core": (cpu, AIM_CPU),
        "MB resident": (after.resident / 1e6, AIM_MB),
        "journal bytes a value": ((heavy - light) / max(held, 1), AIM_JOURNAL),
        "wire bytes a value": (on_wire / max(values, 1), AIM_WIRE),
    }
    print(f"wenlan edge  {delays}; {values / lasted:.0f} values/s of {DEVICES * POINTS}")
    print(f"             {delays.at(99) / bare.at(99):.1f} times the floor's p99")
    times = ", ".join(f"{cpu / share:.1f} times {kind}" for kind, share in alone.items())
    print(f"             processor: {times}; {cpu - alone['streams']:.1f} % beside the reads")
    for what, (seen, aim) in figures.items():
        print(f"             {seen:.1f} {what}, aim {aim:g} or less")
    return sum(seen > aim for seen, aim in figures.values())


def _weight(journal: Path) -> int:
    """Give the bytes of the pages in use."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        size, pages, free_pages = (
            int(db.execute(f"PRAGMA {what}").fetchone()[0])
            for what in ("page_size", "page_count", "freelist_count")
        )
    return size * (pages - free_pages)


def main() -> int:
    """Run, print, and give how many aims were missed."""
    with (
        tempfile.TemporaryDirectory() as name,
        running(sys.executable, __file__, "serve") as device,
    ):
        folder = Path(name)
        assert device.stdout is not None
        port = int(device.stdout.readline())
        broker = free(0)
        with running_broker(folder / "broker", broker):
            return asyncio.run(measure(folder, broker, port))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
    elif sys.argv[1:]:
        uvloop.run(BARE_POLLERS[sys.argv[1]](int(sys.argv[2])))
    else:
        sys.exit(main())
