"""What the edge's scenarios need: a broker process, and a small gateway that acknowledges."""

import asyncio
import atexit
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import aiomqtt
import pytest

from config.site import Site
from contracts.codec import batches, cards, decode_received, encode, presences
from contracts.layouts import Layout, by_digest
from contracts.layouts import readings as readings_of
from contracts.messages import Ack, Batch, Command, Presence
from contracts.ranges import Ranges
from contracts.records import CommandOutcome, Reading, Record, Sample
from contracts.topics import EdgeTopics, of_edge
from wenlan.example.nats import configure, program

TOPICS = of_edge("site", "stacks")
R = TypeVar("R", bound=Record)


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
        self.rows: dict[tuple[str, int], Record] = {}
        """By stream and number."""
        self.order: list[tuple[str, int]] = []
        self.batches: list[Batch] = []
        self.layouts: dict[str, Layout] = {}
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
            self.layouts |= by_digest(cards.decode(payload).layouts)
        elif not self.deaf:
            await client.publish(self._topics.ack, encode(self._keep(payload)))

    def _keep(self, payload: bytes) -> Ack:
        batch = batches.decode(payload)
        self.batches.append(batch)
        for seq, record in enumerate(decode_received(batch), batch.first):
            key = (batch.stream, seq)
            if key in self.rows:
                self.copies += 1
                continue
            assert isinstance(record, Record)
            self.rows[key] = record
            self.order.append(key)
        done = Ranges((seq, seq) for stream, seq in self.rows if stream == batch.stream)
        return Ack(
            batch.stream,
            tuple((low, high) for low, high in done),
            batch.life,
            batch.session,
            batch.k,
            sent=clock(),
        )

    async def send(self, command: Command) -> None:
        """Send a command as a gateway does that knows the edge's session."""
        assert self.client is not None
        await self.client.publish(self._topics.command, encode(command))

    def of(self, kind: type[R]) -> list[R]:
        return [row for row in self.rows.values() if isinstance(row, kind)]

    def outcomes(self) -> list[CommandOutcome]:
        return self.of(CommandOutcome)

    def readings(self) -> list[Reading]:
        """Give the values of every sample that came; its layout must have come before it."""
        samples = self.of(Sample)
        return [one for each in samples for one in readings_of(each, self.layouts[each.layout])]

    def numbers(self, stream: str = "") -> Ranges:
        """Give the numbers that came of a stream, or of the one there is."""
        (name,) = {stream} if stream else {name for name, _ in self.rows}
        return Ranges((seq, seq) for one, seq in self.rows if one == name)


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


def site_at(
    port: int,
    bus: int = 502,
    devices: Sequence[object] = (),
    links: Sequence[object] = (),
    **extra: object,
) -> Site:
    """Make a site of one edge on one bus; `links` are more of them, `extra` more of its keys."""
    return Site.model_validate(site_file(port, bus, devices, links, **extra))


def site_file(
    port: int,
    bus: int = 502,
    devices: Sequence[object] = (),
    links: Sequence[object] = (),
    **extra: object,
) -> dict[str, object]:
    """Make what stands in its site file."""
    name = {"en": "Library", "zh": "图书馆"}
    device = {"id": "probe", "model": "xy-md02"}
    link: dict[str, object] = {"kind": "modbus-tcp", "id": "bus", "host": "127.0.0.1", "port": bus}
    link["devices"] = list(devices) or [device]
    return {
        "site": "site",
        "name": name,
        "timezone": "Europe/London",
        "broker": f"mqtt://127.0.0.1:{port}",
        "spaces": [{"id": "vault", "kind": "vault", "name": name}],
        "edges": [{"id": "stacks", "links": [link, *links], **extra}],
    }
