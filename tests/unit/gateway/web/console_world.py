"""A gateway's parts over a small store, filled through the real ingest; no broker, no clock."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path

from starlette.testclient import TestClient

from config.loader import load_site
from contracts.codec import encode, raws
from contracts.instants import HOUR, MINUTE, SECOND, Instant, instant
from contracts.messages import Batch, Card, CardPoint, Presence
from contracts.quantities import Quantity
from contracts.records import (
    DeliveryChanged,
    DeliveryStep,
    LoanAction,
    LoanChanged,
    LoanStep,
    Reading,
    Record,
    RobotChanged,
)
from contracts.topics import Address
from gateway.commands.requests import Requests
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.engine.writer import Writer
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.after_commit import AfterCommit
from gateway.ingest.validation import Arrived
from gateway.storage.read_pool import READERS, Archive
from gateway.web.app import build_app
from gateway.web.services import Parts
from runtime.database import connect
from tests.conftest import ROOT

NOON = instant(datetime(2026, 11, 21, 4, 0, tzinfo=UTC))
"""12:00 in Zhijiang."""
PERIOD = 30.0
SITE = ROOT / "config" / "sites" / "zhijiang" / "site.yaml"


class Clock:
    def __init__(self, now: Instant) -> None:
        self.now = now

    def __call__(self) -> Instant:
        return self.now


def climate(device: str, space: str) -> Card:
    points = (
        CardPoint("temperature", Quantity.AIR_TEMPERATURE, "°C", PERIOD),
        CardPoint("humidity", Quantity.RELATIVE_HUMIDITY, "%RH", PERIOD),
    )
    name = {"en": f"Probe {device}", "zh": f"探头 {device}"}
    return Card(device, "stacks", "xy-md02", "climate", space, name, points)


CARDS = (
    climate("probe-v1-a", "vault-1"),
    climate("probe-v1-b", "vault-1"),
    climate("probe-v2", "vault-2"),
    Card(
        "ac-v1", "stacks", "liebert-pac", "plant", "vault-1",
        points=(
            CardPoint("temperature_setpoint", Quantity.AIR_TEMPERATURE, "°C", PERIOD, True, 10, 30),
        ),
        actions=("write",),
    ),
    Card("robot-1", "front", "vda5050", "robot", "lobby", actions=("deliver", "cancel", "release")),
    Card(
        "counter-gates", "front", "adam-6051", "gate", "lobby",
        points=tuple(
            CardPoint(f"channel_{n}", Quantity.CROSSINGS, "count", PERIOD) for n in range(4)
        ),
    ),
)  # fmt: skip


def archive(folder: Path) -> Archive:
    return Archive(folder / "store.sqlite3", connect, ThreadPoolExecutor(READERS))


class Building:
    """What a test turns the knobs of."""

    def __init__(self, folder: Path) -> None:
        self.site = load_site(SITE, {"WENLAN_BROKER_PORT": "1"}).site
        self.clock = Clock(NOON - 3 * HOUR)
        self.live = Live()
        self.outbox = Outbox()
        perform = AfterCommit(self.site.site, self.outbox, self.live)
        self.writer_thread = WriterThread(self.clock, perform, ThreadPoolExecutor(1))
        asyncio.run(self.writer_thread.open(self.site, folder / "store.sqlite3", connect))
        self.archive = archive(folder)
        ids = (f"command-{number}" for number in count(1))
        requests = Requests(self.writer_thread, self.clock, lambda: next(ids))
        self.parts = Parts(self.site, self.live, self.archive, requests, self.clock)
        self._next = {"stacks": 1, "front": 1}

    async def arrive(self, *messages: Arrived) -> None:
        await self.writer_thread._persist(partial(Writer.take, messages=list(messages)))

    async def send(self, edge: str, *records: Record) -> None:
        first = self._next[edge]
        self._next[edge] += len(records)
        body = encode(Batch(f"{edge}-journal", first, raws([encode(one) for one in records])))
        await self.arrive(Arrived(Address(self.site.site, edge, "journal"), body, self.clock.now))

    async def hello(self) -> None:
        now = self.clock.now
        for edge in self.site.edges:
            told = encode(Presence(edge.id, True, now, f"{edge.id}-journal", 10, 9, "0.1.0", 0.2))
            await self.arrive(Arrived(Address(self.site.site, edge.id, "state"), told, now))
        for card in CARDS:
            address = Address(self.site.site, card.edge, "card", card.device)
            await self.arrive(Arrived(address, encode(card), now))

    async def pass_time(self, microseconds: int) -> None:
        self.clock.now += microseconds
        await self.writer_thread._persist(Writer.tick)

    async def measure(self, device: str, temperature: float, humidity: float) -> None:
        at = self.clock.now
        await self.send(
            "stacks",
            Reading(f"{device}/temperature", at, temperature),
            Reading(f"{device}/humidity", at, humidity),
        )

    async def live_a_morning(self) -> None:
        """Three hours until noon: vault 1 calm, vault 2 too damp, one probe silent twice."""
        await self.hello()
        for minute in range(180):
            self.clock.now = NOON - (180 - minute) * MINUTE
            await self.measure("probe-v1-a", 19.0, 52.0)
            await self.measure("probe-v2", 19.5, 50.0 if minute < 100 else 66.0)
            if minute < 150 and not 40 <= minute < 60:
                await self.measure("probe-v1-b", 19.4, 51.0)
            await self.send(
                "front",
                *(
                    Reading(f"counter-gates/channel_{n}", self.clock.now, 100.0 + minute * (n + 1))
                    for n in range(4)
                ),
            )
            for _ in range(2):
                await self.pass_time(20 * SECOND)
        self.clock.now = NOON - SECOND
        await self.measure("probe-v1-a", 19.0, 52.0)
        await self.measure("probe-v2", 19.5, 66.0)
        await self.send("front", *DEALINGS)
        await self.pass_time(SECOND)

    def close(self) -> None:
        self.archive.close()
        asyncio.run(self.writer_thread.close())


DEALINGS: tuple[Record, ...] = (
    LoanChanged(
        "l1", NOON - HOUR, "kiosk-1", LoanAction.CHECKOUT, LoanStep.CLOSED, "ZJ1", "hash",
        "文澜阁与四库全书", "2026-12-21",
    ),
    LoanChanged(
        "l2", NOON - MINUTE, "kiosk-1", LoanAction.CHECKIN, LoanStep.STAFF, "ZJ2",
        title="<script>alert(1)</script>", reason="the tag would not be written",
    ),
    DeliveryChanged("d1", NOON - HOUR, "robot-1", DeliveryStep.ASKED, "ZJ3", "stacks-desk", "dock"),
    DeliveryChanged("d1", NOON - MINUTE, "robot-1", DeliveryStep.LOADED),
    RobotChanged("robot-1", NOON - 2 * SECOND, "ONLINE", "AUTOMATIC", True, 80.0, "dock", 1.0, 0.0),
)  # fmt: skip


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Building, TestClient]]:
    """Live a morning and open the gateway's doors."""
    building = Building(folder)
    try:
        asyncio.run(building.live_a_morning())
        app = build_app(building.parts)
        with TestClient(app, base_url="http://127.0.0.1:8080", follow_redirects=False) as client:
            yield building, client
    finally:
        building.close()
