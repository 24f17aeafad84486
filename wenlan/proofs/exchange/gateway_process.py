"""One gateway: its keeper and writer on a real store, without pages and without real brokers."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from config.site import Site
from contracts.instants import Instant
from gateway.commands.requests import Order, RequestError, Requests
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.after_commit import AfterCommit
from gateway.ingest.subscriber import Subscriber
from gateway.storage.sqlite import Store, StoreError
from runtime.database import connect
from runtime.mqtt.client import Io
from runtime.mqtt.connection import Message
from wenlan.proofs.exchange.account import Account
from wenlan.proofs.exchange.brokers import Broker, Network
from wenlan.proofs.exchange.edge_process import BELL, EDGE, PROBE, SITE, TOPICS
from wenlan.proofs.exchange.machine import Machine
from wenlan.proofs.exchange.tasks import Tasks

STORE = "store.sqlite3"
OTHER = "annexe"
"""Another edge, which says what it has no right to say."""


def site() -> Site:
    """Give the site: one vault, two edges."""
    edges = [
        {
            "id": edge,
            "links": [
                {
                    "kind": "modbus-tcp",
                    "id": f"bus-{edge}",
                    "host": host,
                    "devices": [{"id": device, "model": "xy-md02", "unit": 1, "space": "vault"}],
                }
            ],
        }
        for edge, device, host in ((EDGE, PROBE, "127.0.0.1"), (OTHER, "other", "127.0.0.2"))
    ]
    return Site.model_validate(
        {
            "site": SITE,
            "name": "Model",
            "timezone": "UTC",
            "broker": "mqtt://127.0.0.1:1",
            "spaces": [{"id": "vault", "kind": "vault", "name": "Vault"}],
            "edges": edges,
        }
    )


def empty_store(folder: Path) -> Path:
    """Make a store of today's schema, to be copied."""
    path = folder / STORE
    store = Store(path, connect)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    path.with_name(f"{STORE}.lock").unlink()
    return path


@dataclass
class GatewayProcess:
    """The process, and the machine it runs on."""

    machine: Machine
    network: Network
    account: Account
    dice: Random
    site: Site
    now: Callable[[], Instant]
    pause: Callable[[], float]
    failed: Callable[[BaseException], None]
    ready: bool = False
    asked: list[str] = field(default_factory=list)
    """Commands that were taken down."""

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.failed)

    def begin(self) -> None:
        """Start the process."""
        self.machine.begin()
        self.tasks.run("start", self._start())

    def kill(self) -> None:
        """Take note that the process is gone."""
        self.ready = False
        for broker in self.network.brokers:
            broker.gateway = None
        self.tasks.cancel()

    def connect(self, broker: Broker) -> None:
        """Join a broker, beside the others."""
        if broker.gateway is None:
            take = partial(self._take, self.machine.life, broker)
            self.network.join(broker, "gateway", take)

    def streams(self) -> set[str]:
        """Give the names of the edge's streams that the store has met."""
        with closing(connect(self.machine.path / STORE, read_only=True)) as db:
            return {
                name for (name,) in db.execute("SELECT name FROM stream WHERE edge = ?", (EDGE,))
            }

    def ask(self) -> None:
        """Ask for something that must be done once."""
        self.tasks.run("command", self._command())

    async def _start(self) -> None:
        loop, machine = asyncio.get_running_loop(), self.machine
        outbox = Outbox()
        perform = AfterCommit(SITE, outbox, Live())
        keeper = WriterThread(self.now, perform, machine.thread(self.pause), asyncio.sleep)
        try:
            await keeper.open(self.site, machine.path / STORE, machine.connect)
        except StoreError:  # the process ends and is started again
            machine.end()
            self.kill()
            return
        io = Io(_no_broker, asyncio.sleep, loop.time, self.dice)
        addresses = [one.address for one in self.network.brokers]
        self._subscriber = Subscriber(SITE, addresses, outbox, keeper.offer, self.now, io)
        self.requests = Requests(keeper, self.now, self._new_id)
        self._ids = 0
        self.tasks.run("keeper", keeper.run())
        self.tasks.run("clock", keeper.keep_time())
        self.tasks.run("outbox", self._send(outbox))
        self.ready = True
        for broker in self.network.brokers:
            self.connect(broker)

    def _new_id(self) -> str:
        self._ids += 1
        return f"command-{self.machine.life}-{self._ids}"

    async def _command(self) -> None:
        try:
            self.asked.append(await self.requests.command(Order(BELL, "ring"), "model"))
        except RequestError:  # the edge has not shown its card yet, or the store is sick
            return

    async def _send(self, outbox: Outbox) -> None:
        while True:
            _, topic, payload = await outbox.next()
            if topic == TOPICS.ack:
                self.account.acked(payload)
            for broker in self.network.brokers:
                if broker.gateway is not None and self.machine.alive:
                    self.network.publish(broker, "edge", topic, payload, retain=False)

    def _take(self, life: int, broker: Broker, message: Message) -> None:
        if self.machine.life == life and self.ready:
            self.tasks.run("message", self._subscriber.received(broker.address, message))


async def _no_broker(*_: object) -> Any:
    raise OSError("messages are carried by the model's network")
