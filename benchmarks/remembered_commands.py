"""What commands that are remembered cost an edge that has nothing to do.

Two real `wenlan edge` processes run at the same time on one broker: one remembers nothing, the
other 600,000 commands that ended and expire within the day. Compared are the processor time of
both over a while in which nothing happens, and their memory.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiomqtt
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._processes import Usage, running, running_broker
from contracts.codec import presences
from contracts.instants import SECOND
from contracts.topics import parse
from edge.commands.known import KIND, Known
from edge.journal.disk import Seams
from edge.journal.journal import Journal
from edge.journal.opening import Place
from edge.journal.port import Change
from edge.journal.rows import Stamp
from edge.journal.terms import Terms
from runtime.database import connect
from runtime.folder import SystemFolder
from runtime.host import system_host
from wenlan.example.ports import free

COMMANDS, AT_ONCE = 600_000, 10_000
LASTING = 86_400.0
"""Seconds until the commands expire."""
SETTLING, MEASURED, LONGEST_START = 5.0, 30.0, 120.0
MOST_CPU = 0.3
"""Points of a core by which the two may differ."""
HOST = system_host()


def write_site(folder: Path, broker: int) -> Path:
    """Write a site of two edges, whose one device each is never there."""
    name = {"en": "Bench", "zh": "基准"}
    edges = [
        {
            "id": edge,
            "links": [
                {
                    "kind": "modbus-tcp",
                    "id": f"bus-{edge}",
                    "host": "127.0.0.1",
                    "port": 1,
                    "devices": [
                        {"id": f"{edge}-1", "model": "xy-md02", "space": "hall", "period": "1h"}
                    ],
                }
            ],
        }
        for edge in ("none", "many")
    ]
    whole = {
        "site": "bench",
        "name": name,
        "timezone": "Asia/Shanghai",
        "broker": f"mqtt://127.0.0.1:{broker}",
        "spaces": [{"id": "hall", "kind": "reading", "name": name}],
        "edges": edges,
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(whole, allow_unicode=True), encoding="utf-8")
    return path


def changes(journal: Journal) -> Iterator[list[Change]]:
    """Give the commands to remember, some at a time."""
    memory, dice = journal.memory(KIND, Known), random.Random(KIND)
    terms, now = Terms(HOST.clock, HOST.boot), HOST.clock.wall()
    expires = now + round(LASTING * SECOND)
    for _ in range(0, COMMANDS, AT_ONCE):
        yield [
            memory.put(
                f"{dice.getrandbits(128):032x}",
                Known("many-1", "write", expires, finished=True, term=terms.begin(LASTING)),
            )
            for n in range(AT_ONCE)
        ]


async def fill(data: Path) -> None:
    """Have the edge `many` remember its commands."""
    with ThreadPoolExecutor(1) as executor:
        seams = Seams(
            HOST.clock.monotonic,
            lambda: Stamp(HOST.clock.wall(), "before"),
            executor,
            lambda: HOST.secret(8).hex(),
            HOST.random.random,
        )
        place = Place(SystemFolder(data), "journal-many.sqlite3", connect, HOST.clock.monotonic)
        async with Journal(place, "before", seams, lambda _: "before") as journal:
            writing = asyncio.create_task(journal.run(), name="journal")
            for some in changes(journal):
                assert await journal.append([], some).durable(60.0), "the disk is sick"
            writing.cancel()
            await asyncio.wait([writing])


async def both_online(broker: int) -> None:
    """Wait until both edges say that they are there."""
    missing = {"none", "many"}
    async with aiomqtt.Client("127.0.0.1", broker, identifier="bench") as client:
        await client.subscribe("#", qos=0)
        async with asyncio.timeout(LONGEST_START):
            async for message in client.messages:
                address = parse(message.topic.value)
                if address is not None and address.channel == "state":
                    if presences.decode(bytes(message.payload)).online:
                        missing.discard(address.edge)
                    if not missing:
                        return


async def measure(folder: Path) -> int:
    """Compare the two; print, and give how many aims were missed."""
    broker, data = free(0), folder / "data"
    data.mkdir()
    site = write_site(folder, broker)
    await fill(data)
    ours = (sys.executable, "-m", "wenlan", "edge")
    rest = ("--site", str(site), "--data", str(data))
    with (
        running_broker(folder / "broker", broker),
        running(*ours, "none", *rest) as none,
        running(*ours, "many", *rest) as many,
    ):
        begun = time.monotonic()
        await both_online(broker)
        started = time.monotonic() - begun
        await asyncio.sleep(SETTLING)
        before, begun = [Usage.of(one.pid) for one in (none, many)], time.monotonic()
        await asyncio.sleep(MEASURED)
        after, lasted = [Usage.of(one.pid) for one in (none, many)], time.monotonic() - begun
    idle = [100 * (two.cpu - one.cpu) / lasted for one, two in zip(before, after, strict=True)]
    memory = [one.resident for one in after]
    each = (memory[1] - memory[0]) / COMMANDS
    print(f"with none      {idle[0]:.2f} % of a core, {memory[0] / 1e6:.0f} MB")
    print(
        f"with {COMMANDS:,}   {idle[1]:.2f} % of a core, {memory[1] / 1e6:.0f} MB;"
        f" both there after {started:.1f} s"
    )
    more = idle[1] - idle[0]
    print(f"{more:.2f} points of a core more, aim {MOST_CPU:g} or less")
    print(f"{each:.0f} bytes of memory a remembered command")
    return int(more > MOST_CPU)


def main() -> int:
    """Run, print, and give how many aims were missed."""
    with tempfile.TemporaryDirectory() as name:
        return asyncio.run(measure(Path(name)))


if __name__ == "__main__":
    sys.exit(main())
