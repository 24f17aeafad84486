"""What the edge's scenarios need: a broker process, and a small gateway that acknowledges."""

import asyncio
import atexit
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import aiomqtt
import pytest

from config.site import Site
from contracts.codec import decode_mixed, encode, presences
from contracts.messages import Ack, Presence
from contracts.ranges import Ranges
from contracts.records import CommandOutcome, Record
from contracts.topics import EdgeTopics, of_edge
from wenlan.example.nats import configure, program

TOPICS = of_edge("site", "stacks")


def clock() -> int:
    return time.time_ns() // 1000


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nats:
    """A broker process that can be killed and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._settings = configure(folder, self.port)
        self._process: asyncio.subprocess.Process | None = None
        atexit.register(self.end)  # after a test that failed

    def end(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program(),
            "-c",
            self._settings,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        for _ in range(100):
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)
        pytest.fail("the broker does not start")

    def stop(self) -> None:
        """Let it hang: its sockets stay open, and nobody answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None


class Gateway:
    """Keeps each record once, counts the copies, and acknowledges; it can be told to be deaf."""

    def __init__(self, port: int, topics: EdgeTopics = TOPICS) -> None:
        self._port = port
        self._topics = topics
        self.rows: dict[int, Record] = {}
        self.order: list[int] = []
        self.copies = 0
        self.deaf = False
        self.client: aiomqtt.Client | None = None
        self.states: list[Presence] = []
        self.cards: list[str] = []

    async def run(self) -> None:
        while True:
            try:
                async with aiomqtt.Client("127.0.0.1", self._port, identifier="gw") as client:
                    for topic in (
                        self._topics.journal,
                        self._topics.state,
                        self._topics.card + "+",
                    ):
                        await client.subscribe(topic, qos=1)
                    self.client = client
                    async for message in client.messages:
                        await self._take(client, message.topic.value, bytes(message.payload))
            except aiomqtt.MqttError:
                self.client = None
                await asyncio.sleep(0.2)

    async def _take(self, client: aiomqtt.Client, topic: str, payload: bytes) -> None:
        if topic == self._topics.state:
            self.states.append(presences.decode(payload))
        elif topic.startswith(self._topics.card):
            self.cards.append(topic.removeprefix(self._topics.card))
        elif not self.deaf:
            stream, first, records = decode_mixed(payload)
            for seq, record in enumerate(records, first):
                if seq in self.rows:
                    self.copies += 1
                    continue
                assert isinstance(record, Record)
                self.rows[seq] = record
                self.order.append(seq)
            done = Ranges((seq, seq) for seq in self.rows)
            ack = Ack(stream, tuple((low, high) for low, high in done))
            await client.publish(self._topics.ack, encode(ack), qos=1)

    def outcomes(self) -> list[CommandOutcome]:
        return [row for row in self.rows.values() if isinstance(row, CommandOutcome)]


async def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    pytest.fail(f"not within {seconds} s")


async def ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def site_at(port: int, bus: int = 502) -> Site:
    name = {"en": "Library", "zh": "图书馆"}
    device = {"id": "probe", "model": "xy-md02"}
    link: dict[str, object] = {"kind": "modbus-tcp", "id": "bus", "host": "127.0.0.1", "port": bus}
    link["devices"] = [device]
    return Site.model_validate(
        {
            "site": "site",
            "name": name,
            "timezone": "Europe/London",
            "broker": f"mqtt://127.0.0.1:{port}",
            "spaces": [{"id": "vault", "kind": "vault", "name": name}],
            "edges": [{"id": "stacks", "links": [link]}],
        }
    )
