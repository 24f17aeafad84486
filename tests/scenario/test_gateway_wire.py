"""A whole gateway on a real broker: batches in, acks and commands out, and back after trouble."""

import asyncio
import json
import random
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from websockets.asyncio import client
from websockets.typing import Origin

from config.broker import Broker as Brokers
from config.site import Site
from contracts.codec import acks, commands, encode, raws
from contracts.instants import SECOND, Instant
from contracts.messages import Batch, Card, CardPoint, Command, Presence
from contracts.quantities import Quantity
from contracts.records import CommandOutcome, OutcomeStatus, Reading, Record
from contracts.topics import of_edge
from gateway.commands.requests import Order, RequestError, Requests
from gateway.composition import run_gateway
from gateway.devices.snapshot import Live
from gateway.engine.outbox import Outbox
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.after_commit import AfterCommit
from gateway.ingest.subscriber import Subscriber
from gateway.storage.sqlite import StoreError
from runtime.database import connect, rows
from runtime.host import system_host
from runtime.mqtt.client import Io
from runtime.mqtt.connect import connect_to
from tests.broker import Broker, free_port
from tests.unit.gateway.gateway_story import PROBE, small_site

TOPICS = of_edge("small", "stacks")
CONDITIONER = Card(
    "conditioner",
    "stacks",
    "liebert-pac",
    "plant",
    "vault",
    {},
    (CardPoint("temperature_setpoint", Quantity.AIR_TEMPERATURE, "°C", 5.0, True, 15, 25),),
    ("restart",),
)


def now() -> Instant:
    return time.time_ns() // 1000


def on(broker: Broker) -> Site:
    return small_site().model_copy(update={"broker": Brokers.model_validate(broker.url)})


class FakeEdge:
    """Speaks for the edge `stacks`, and remembers what it was told."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.acks: asyncio.Queue[tuple[tuple[int, int], ...]] = asyncio.Queue()
        self.commands: asyncio.Queue[Command] = asyncio.Queue()

    async def listen(self) -> None:
        async for message in self.client.messages:
            if message.topic.value == TOPICS.ack:
                self.acks.put_nowait(acks.decode(bytes(message.payload)).committed)
            else:
                self.commands.put_nowait(commands.decode(bytes(message.payload)))

    async def send(self, first: int, records: Sequence[Record]) -> None:
        batch = encode(Batch("s", first, raws([encode(record) for record in records])))
        await self.client.publish(TOPICS.journal, batch)

    async def until_acked(
        self, first: int, records: Sequence[Record]
    ) -> tuple[tuple[int, int], ...]:
        """Send until somebody answers, as an uplink does."""
        while True:
            await self.send(first, records)
            try:
                async with asyncio.timeout(1):
                    return await self.acks.get()
            except TimeoutError:
                continue

    async def introduce(self, *cards: Card) -> None:
        presence = Presence("stacks", online=True, at=now(), stream="s")
        await self.client.publish(TOPICS.state, encode(presence), qos=1, retain=True)
        for card in cards:
            await self.client.publish(TOPICS.card + card.device, encode(card), qos=1, retain=True)


@asynccontextmanager
async def edge_on(broker: Broker) -> AsyncIterator[FakeEdge]:
    async with aiomqtt.Client("127.0.0.1", broker.port, identifier="stacks") as client:
        edge = FakeEdge(client)
        await client.subscribe(TOPICS.ack, 1)
        await client.subscribe(TOPICS.command, 1)
        listening = asyncio.create_task(edge.listen(), name="edge-listen")
        try:
            yield edge
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


@asynccontextmanager
async def core(site: Site, path: Path, broker: Broker) -> AsyncIterator[tuple[Requests, Live]]:
    """Run a gateway without its console."""
    live, outbox = Live(), Outbox()
    host = system_host()
    writer_thread = WriterThread(
        now, AfterCommit(site.site, outbox, live), host.threads("store", 1)
    )
    await writer_thread.open(site, path, host.connect)
    io = Io(connect_to(site.broker), asyncio.sleep, time.monotonic, random.Random(1))
    wire = Subscriber(site.site, site.broker.addresses, outbox, writer_thread.offer, now, io)
    tasks = [
        asyncio.create_task(writer_thread.run(), name="writer"),
        asyncio.create_task(writer_thread.keep_time(), name="clock"),
        asyncio.create_task(wire.run(), name="broker"),
    ]
    try:
        await wire.online.wait()
        yield Requests(writer_thread, now, host.new_id), live
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await writer_thread.close()


def temperature(value: float) -> Reading:
    return Reading("probe/temperature", now(), value)


def test_batches_are_acknowledged_and_shown(tmp_path: Path, play: Callable[..., Any]) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            async with (
                core(on(broker), tmp_path / "s", broker) as (_, live),
                edge_on(broker) as edge,
            ):
                await edge.introduce(PROBE)
                assert await edge.until_acked(1, [temperature(20.0)]) == ((1, 1),)
                assert live.picture.points["probe/temperature"].value == 20.0
                assert live.picture.edges["stacks"]
                await edge.send(3, [temperature(21.0)])
                assert await edge.acks.get() == ((1, 1), (3, 3))

    play(story())


def test_a_broker_that_dies_is_found_again(tmp_path: Path, play: Callable[..., Any]) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            async with core(on(broker), tmp_path / "s", broker):
                async with edge_on(broker) as edge:
                    assert await edge.until_acked(1, [temperature(20.0)])
                    broker.kill()
                    with suppress(aiomqtt.MqttError):
                        await edge.client.publish(TOPICS.state, b"", qos=1, timeout=2)
                broker.start()
                async with edge_on(broker) as edge:
                    assert await edge.until_acked(2, [temperature(21.0)]) == ((1, 2),)

    play(story())


def test_a_command_goes_out_once_and_its_outcome_comes_back(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            async with (
                core(on(broker), tmp_path / "s", broker) as (desk, live),
                edge_on(broker) as edge,
            ):
                await edge.introduce(CONDITIONER)
                await edge.until_acked(1, [temperature(20.0)])
                while "conditioner/temperature_setpoint" not in live.picture.points:
                    await live.newer(live.picture.version)
                order = Order("conditioner", "write", "temperature_setpoint", 19.0, 60.0)
                identity = await desk.command(order, "li")
                command = await edge.commands.get()
                assert (command.id, command.value, command.by) == (identity, 19.0, "li")
                done = CommandOutcome(
                    identity, now(), "conditioner", "write", OutcomeStatus.DONE, 19.0
                )
                await edge.send(2, [done])
                await edge.acks.get()
                assert edge.commands.empty()
                for code, wrong in {
                    "unknown-device": Order("nobody", "write"),
                    "unknown-action": Order("conditioner", "explode"),
                    "unknown-point": Order("conditioner", "write", "fan", 1.0, 60.0),
                    "value-missing": Order("conditioner", "write", "temperature_setpoint"),
                    "out-of-limits": Order("conditioner", "write", "temperature_setpoint", 40, 60),
                    "lease-missing": Order("conditioner", "write", "temperature_setpoint", 20.0),
                }.items():
                    with pytest.raises(RequestError) as refused:
                        await desk.command(wrong, "li")
                    assert refused.value.code == code
        with closing(connect(tmp_path / "s")) as store:
            told = rows(store, "SELECT status, value, who, body FROM command")
        assert [row[:3] for row in told] == [("done", 19.0, "li")]
        assert json.loads(told[0][3])["lease"] == 60.0

    play(story())


def test_a_gateway_serves_its_pages_and_ends_quickly_with_a_page_open(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> float:
        with Broker(tmp_path) as broker:
            port = free_port()
            running = asyncio.create_task(
                run_gateway(on(broker), tmp_path, system_host(), "127.0.0.1", port), name="gateway"
            )
            address = f"http://127.0.0.1:{port}/api/v1/openapi.json"
            for _ in range(100):
                try:
                    answer = await asyncio.to_thread(urllib.request.urlopen, address, None, 5)
                    break
                except OSError:
                    await asyncio.sleep(0.05)
            with answer:
                assert answer.status == 200
            origin = f"http://127.0.0.1:{port}"
            async with client.connect(f"ws://127.0.0.1:{port}/live", origin=Origin(origin)):
                await asyncio.sleep(0.3)  # cut short, connecting to the broker would end later
                begun = time.monotonic()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                return time.monotonic() - begun

    assert play(story()) < 3.5


def test_a_second_gateway_on_the_same_folder_ends_with_a_message(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            site = on(broker)
            async with core(site, tmp_path / "store.sqlite3", broker):
                with pytest.raises(StoreError, match="another gateway"):
                    await run_gateway(site, tmp_path, system_host(), "127.0.0.1", 0)

    play(story())


def test_a_command_without_an_outcome_becomes_unknown(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> str:
        later = 0

        def clock() -> Instant:
            return now() + later

        async def perform(_: object) -> None:
            pass

        host = system_host()
        thread = host.threads("store", 1)
        writer_thread = WriterThread(clock, perform, thread, lambda _: asyncio.sleep(0.01))
        await writer_thread.open(small_site(), tmp_path / "s", connect)
        desk = Requests(writer_thread, clock, host.new_id)

        def introduce(ingest: Any) -> None:
            ingest.registry.describe(CONDITIONER)
            ingest.watchdog.presence(Presence("stacks", online=True, stream="s"), clock())

        await writer_thread.ask(introduce)
        identity = await desk.command(Order("conditioner", "restart"), "li")
        later = 120 * SECOND
        ticking = asyncio.create_task(writer_thread.keep_time(), name="clock")
        status = ""
        while status != "unknown":
            await asyncio.sleep(0.01)
            ((status, *_),) = await writer_thread.ask(
                lambda held: held.store.rows("command", identity)
            )
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
        await writer_thread.close()
        return status

    assert play(story()) == "unknown"
