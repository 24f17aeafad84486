"""A gateway with a day of life in its store, for a browser to look at. Prints its port.

`python tests/browser/serve_library.py DATA [PORT]`: history goes through the real ingest, then
values keep coming every second, as if from edges; standard input takes `pull` and `push` of a
probe. No broker: what edges would send is offered to the writer thread directly.
"""

import asyncio
import math
import random
import socket
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from config.loader import load_site
from config.site import Site
from contracts.codec import encode, raws
from contracts.instants import HOUR, MINUTE, SECOND, Instant
from contracts.messages import Batch, Card, Presence
from contracts.quantities import Quality
from contracts.records import (
    CommandOutcome,
    DeliveryChanged,
    DeliveryStep,
    DeviceChanged,
    LoanAction,
    LoanChanged,
    LoanStep,
    OutcomeStatus,
    Reading,
    Record,
    RobotChanged,
)
from contracts.topics import Address
from drivers.registry import build, card, open_link
from gateway.commands.requests import Order, Requests
from gateway.composition import serve
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.after_commit import AfterCommit
from gateway.ingest.pipeline import Ingest
from gateway.ingest.validation import Arrived
from gateway.storage.read_pool import READERS, Archive
from gateway.storage.sqlite import Store
from gateway.web.app import build_app
from gateway.web.services import Parts
from runtime.database import connect
from runtime.host import system_host

PERIOD = 30 * SECOND
DAY = 24 * HOUR
CURVE = (0, 0, 0, 0, 0, 0, 0, 2, 9, 26, 38, 44, 30, 41, 47, 43, 36, 25, 14, 6, 1, 0, 0, 0)
BOOKS = (
    ("红楼梦", "ZJ300101"), ("文澜阁与四库全书", "ZJ300114"), ("西湖梦寻", "ZJ300122"),
    ("The Art of Computer Programming", "ZJ300137"), ("Reference atlas", "ZJ300140"),
    ("围城", "ZJ300155"), ("中国古代雕版印刷", "ZJ300163"), ("呐喊", "ZJ300170"),
)  # fmt: skip


def now() -> Instant:
    return time.time_ns() // 1000


def cards(site: Site) -> Iterator[Card]:
    for edge in site.edges:
        for link in edge.links:
            wire = open_link(link, system_host())
            for device in link.devices:
                told = card(build(device, wire, system_host().clock), device, edge.id)
                points = tuple(
                    msgspec.structs.replace(one, period=PERIOD / SECOND) for one in told.points
                )
                yield msgspec.structs.replace(told, points=points)


CLIMATE = {  # temperature, humidity, swing of each
    "probe-v1-a": (18.9, 52.4, 0.35, 1.2), "probe-v1-b": (19.2, 51.2, 0.5, 1.7),
    "probe-v2": (19.3, 56.0, 0.4, 2.2), "probe-wood": (19.8, 57.9, 0.6, 0.8),
    "probe-hall": (23.4, 48.0, 1.4, 4.0), "probe-out": (12.5, 71.0, 4.5, 14.0),
}  # fmt: skip
AIR = {
    "return_temperature": 19.4, "return_humidity": 53.0, "supply_temperature": 15.8,
    "temperature_setpoint": 19.0, "humidity_setpoint": 52.0,
}  # fmt: skip


def values(at: Instant, end: Instant, noise: random.Random) -> Iterator[tuple[str, float]]:
    turn = 2 * math.pi * (at % DAY) / DAY
    for probe, (warm, damp, dt, dh) in CLIMATE.items():
        if probe == "probe-v1-a" and end - 9 * HOUR < at < end - 7 * HOUR:
            continue  # a hole
        if probe == "probe-v1-b" and end - 26 * MINUTE < at:
            continue  # silent since
        wave = math.sin(turn - 1.2) + 0.35 * math.sin(5 * turn)
        rise = 9.5 * max(0.0, 1 - max(0, end - at) / (2 * HOUR)) if probe == "probe-v2" else 0.0
        yield f"{probe}/temperature", round(warm + dt * wave + noise.gauss(0, 0.03), 2)
        yield f"{probe}/humidity", round(damp - dh * wave + rise + noise.gauss(0, 0.12), 2)
    if at <= end - 26 * MINUTE:
        yield "probe-v1-b/healthy", 1.0
    for unit in ("ac-v1", "ac-v2", "ac-wood"):
        for name in ("on", "fan", "cooling_stage_1"):
            yield f"{unit}/{name}", 1.0
        for name in (
            "cooling_stage_2", "heating", "heating_stage_2", "humidifying", "dehumidifying",
            "alarm", "alarm_bits",
        ):  # fmt: skip
            yield f"{unit}/{name}", 0.0
        yield f"{unit}/cooling", round(45 + 20 * math.sin(7 * turn), 1)
        for name, middle in AIR.items():
            sway = 0.0 if "setpoint" in name else 0.4 * math.sin(7 * turn)
            yield f"{unit}/{name}", round(middle + sway, 1)


def counters(at: Instant, end: Instant, state: dict[str, float]) -> Iterator[tuple[str, float]]:
    hour = time.gmtime(at // SECOND + 8 * 3600).tm_hour
    for channel, share in enumerate((1.0, 0.9, 0.45, 0.4)):
        path = f"counter-gates/channel_{channel}"
        state[path] = state.get(path, 1000.0 * channel) + share * CURVE[hour] / 120
        since = end - 6 * HOUR
        if not since < at < since + 75 * MINUTE:
            yield path, float(int(state[path]))


def events(end: Instant, noise: random.Random) -> Iterator[tuple[str, Record]]:
    for number, (title, item) in enumerate(BOOKS):
        at = end - (number * 19 + 4) * MINUTE
        out = number % 3 != 2
        action = LoanAction.CHECKOUT if out else LoanAction.CHECKIN
        step, due, why = LoanStep.CLOSED, "2026-12-19" if out else "", ""
        if "atlas" in title:
            step, due, why = LoanStep.REFUSED, "", "Reference only: not for loan"
        if item == "ZJ300163":
            step, why = LoanStep.STAFF, "the tag would not be written; check it at the desk"
        loan = f"loan-{end}-{number}"
        yield "front", LoanChanged(loan, at - SECOND, "kiosk-1", action, LoanStep.INTENT, item)
        yield "front", LoanChanged(loan, at, "kiosk-1", action, step, item, "a1b2", title, due, why)
    ways = ((70, DeliveryStep.DELIVERED), (41, DeliveryStep.FAILED), (3, DeliveryStep.LOADED))
    for minutes, goal in ways:
        order = f"d{end}-{minutes}"
        at = end - minutes * MINUTE
        steps = [DeliveryStep.ASKED, DeliveryStep.SENT, DeliveryStep.ACCEPTED, DeliveryStep.LOADED]
        steps += [goal] if goal not in steps else []
        for i, taken in enumerate(steps):
            why = "the way was blocked for 10 min" if taken is DeliveryStep.FAILED else ""
            yield "front", DeliveryChanged(
                order, at + i * 25 * SECOND, "robot-1", taken, f"ZJ30{minutes:04}", "stacks-desk",
                "hall-desk", "aisle", why,
            )  # fmt: skip
    yield "front", DeviceChanged("ils", end - 8 * HOUR, True)
    yield "front", DeviceChanged("pad-1", end - 8 * HOUR, True)
    yield "stacks", DeviceChanged("probe-v1-b", end - 26 * MINUTE, False, "no answer in 0.5 s")
    noise.random()


def robot(at: Instant) -> RobotChanged:
    x = 8 + 12 * (0.5 + 0.5 * math.sin(at / SECOND / 9))
    return RobotChanged("robot-1", at, "ONLINE", "AUTOMATIC", True, 78.0, "lift-lobby", x, 0.0, "d")


class World:
    """What edges would have sent."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.noise = random.Random(7)
        self.state: dict[str, float] = {}
        self.numbers = {edge.id: count(1) for edge in site.edges}
        self.next = {edge.id: 1 for edge in site.edges}
        self.edge_of = {device.id: edge.id for edge, device in site.devices()}
        self.born = now()
        self.pulled: set[str] = set()

    def batch(self, edge: str, records: list[Record], received: Instant) -> Arrived:
        first = self.next[edge]
        self.next[edge] += len(records)
        body = encode(Batch(f"{edge}-{self.born}", first, raws([encode(one) for one in records])))
        return Arrived(Address(self.site.site, edge, "journal"), body, received)

    def hello(self, at: Instant) -> Iterator[Arrived]:
        for edge in self.site.edges:
            told = Presence(edge.id, True, at, f"{edge.id}-{self.born}", 9000, 8990, "0.1.0", 0.03)
            yield Arrived(Address(self.site.site, edge.id, "state"), encode(told), at)
        for one in cards(self.site):
            yield Arrived(Address(self.site.site, one.edge, "card", one.device), encode(one), at)

    def readings(self, at: Instant, end: Instant) -> dict[str, list[Record]]:
        found: dict[str, list[Record]] = {edge.id: [] for edge in self.site.edges}
        for path, value in (*values(at, end, self.noise), *counters(at, end, self.state)):
            device = path.split("/")[0]
            if device not in self.pulled:
                found[self.edge_of[device]].append(Reading(path, at, value, Quality.GOOD))
        return found

    def past(self, end: Instant, length: int) -> Iterator[tuple[list[Arrived], Instant]]:
        yield list(self.hello(end - length)), end - length
        pending: dict[str, list[Record]] = {}
        for step, at in enumerate(range(end - length, end, PERIOD)):
            for edge, records in self.readings(at, end).items():
                if records:
                    yield [self.batch(edge, records, at + SECOND // 5)], at + SECOND // 5
            del step
        for edge, event in events(end, self.noise):
            pending.setdefault(edge, []).append(event)
        for edge, records in pending.items():
            yield [self.batch(edge, records, end)], end
        late = [
            Reading("probe-wood/humidity", end - 8 * DAY + n * MINUTE, 61.5 + 0.02 * n)
            for n in range(50)
        ]
        yield [self.batch("stacks", list(late), end)], end

    def fill(self, path: Path, length: int) -> None:
        store = Store(path, connect)
        try:
            end = now()
            ingest = Ingest(self.site, store, end - length)
            gathered: list[Arrived] = []
            ticked = end - length
            for messages, at in self.past(end, length):
                gathered += messages
                if at - ticked >= 5 * MINUTE or at == end:
                    ingest.take(gathered, at)
                    ingest.tick(at)
                    gathered, ticked = [], at
            ingest.take(gathered, end)
            ingest.tick(end)
        finally:
            store.close()


async def live_on(world: World, writer_thread: WriterThread) -> None:
    end = now()
    while True:
        at = now()
        found = world.readings(at, end)
        found["front"].append(robot(at))
        for edge, records in found.items():
            writer_thread.offer(world.batch(edge, records, at))
        await asyncio.sleep(1.0)


async def answer(world: World, writer_thread: WriterThread, outbox: Outbox) -> None:
    """Be the edge that carries commands out."""
    while True:
        _, topic, payload = await outbox.next()
        if not topic.endswith("/command"):
            continue
        asked: dict[str, Any] = msgspec.json.decode(payload)
        await asyncio.sleep(1.0)
        value = asked.get("value")
        done = CommandOutcome(
            asked["id"], now(), asked["device"], asked["action"], OutcomeStatus.DONE, value
        )
        edge = topic.split("/")[3]
        writer_thread.offer(world.batch(edge, [done], now()))


async def orders(world: World, writer_thread: WriterThread) -> None:
    """Take `pull DEVICE` and `push DEVICE`; both let the device be due every two seconds."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := (await reader.readline()).decode().split():
        (world.pulled.add if line[0] == "pull" else world.pulled.discard)(line[1])
        for one in cards(world.site):
            if one.device == line[1]:
                hurried = tuple(msgspec.structs.replace(point, period=2.0) for point in one.points)
                body = encode(msgspec.structs.replace(one, points=hurried))
                writer_thread.offer(
                    Arrived(Address(world.site.site, one.edge, "card", one.device), body, now())
                )
    await asyncio.Event().wait()


async def run(data: Path, port: int) -> None:
    site = load_site(Path("config/sites/zhijiang/site.yaml"), {"WENLAN_BROKER_PORT": "1"}).site
    world = World(site)
    world.fill(data / "store.sqlite3", 26 * HOUR)
    live, outbox = Live(), Outbox()
    host = system_host()
    writer_thread = WriterThread(
        now, AfterCommit(site.site, outbox, live), host.threads("store", 1)
    )
    await writer_thread.open(site, data / "store.sqlite3", connect)
    requests = Requests(writer_thread, now, host.new_id)
    archive = Archive(data / "store.sqlite3", connect, host.threads("archive", READERS))
    app = build_app(Parts(site, live, archive, requests, now))
    with socket.create_server(("127.0.0.1", port)) as listener:
        async with asyncio.TaskGroup() as group:
            group.create_task(writer_thread.run(), name="writer")
            group.create_task(writer_thread.keep_time(), name="clock")
            group.create_task(serve(app, listener), name="http")
            for message in world.hello(now()):
                writer_thread.offer(message)
            group.create_task(live_on(world, writer_thread), name="edges")
            group.create_task(answer(world, writer_thread, outbox), name="commands")
            group.create_task(orders(world, writer_thread), name="orders")
            write = Order("ac-v2", "write", "humidity_setpoint", 50.0, 3600.0)
            await requests.command(write, "周老师")
            sys.stdout.write(f"{listener.getsockname()[1]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
