"""The client on real brokers: killed and back, TLS by an authority of the house, two at once."""

import asyncio
import random
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import aiomqtt
import pytest

from config.broker import Broker as Brokers
from contracts.codec import encode
from contracts.messages import Batch, Card, Presence
from contracts.topics import of_edge
from gateway.engine.outbox import Outbox
from gateway.ingest.subscriber import Subscriber
from gateway.ingest.validation import Arrived, read_presence
from runtime.mqtt.client import Client, Io, Session
from runtime.mqtt.connect import connect_to
from runtime.mqtt.connection import Message, Outgoing
from tests.broker import Broker
from tests.scenario.acker import ended, until
from tests.scenario.mosquitto import Mosquitto, make_certificates
from tests.scenario.test_mqtt_rude_brokers import Watcher

Play = Callable[..., Any]
KINDS = {"nats": lambda folder: Broker(folder / "nats"), "mosquitto": Mosquitto}
TOPICS = of_edge("site", "stacks")


def io(brokers: Brokers) -> Io:
    return Io(connect_to(brokers), asyncio.sleep, time.monotonic, random.Random(1))


def client_of(given: object, *topics: str, identity: str = "me") -> Client:
    brokers = Brokers.model_validate(given)
    return Client(brokers.addresses, Session(identity, topics or ("t/+",)), io(brokers))


@pytest.mark.parametrize("kind", list(KINDS))
def test_killed_and_back_it_is_found_within_two_seconds(
    kind: str, tmp_path: Path, play: Play
) -> None:
    async def story() -> list[float]:
        took = []
        with KINDS[kind](tmp_path) as broker:  # type: ignore[operator]
            watcher, client = Watcher(), client_of(f"mqtt://127.0.0.1:{broker.port}")
            running = asyncio.create_task(client.run(watcher), name="client")
            for outage in (0.1, 3.0, 8.0):
                await until(lambda: client.connected is not None)
                broker.kill()
                await until(lambda: client.connected is None)
                await asyncio.sleep(outage)
                broker.start()
                back = time.monotonic()
                await until(lambda: client.connected is not None)
                took.append(time.monotonic() - back)
            assert await client.publish("t/1", b"x" * 900_000)
            await until(lambda: bool(watcher.messages))
            assert watcher.messages == [Message("t/1", b"x" * 900_000)]
            await ended(running)
        return took

    assert max(play(story(), within=60)) <= 2.0


class Ear(Watcher):
    """Listens, and says nothing."""

    def will(self) -> None:
        return None

    def greeting(self) -> Sequence[Outgoing]:
        return ()

    def farewell(self) -> Sequence[Outgoing]:
        return ()

    @property
    def heard(self) -> list[bytes]:
        return [one.payload for one in self.messages]


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_will_is_told_of_a_cut_and_not_of_a_goodbye(
    kind: str, tmp_path: Path, play: Play
) -> None:
    async def story() -> None:
        with KINDS[kind](tmp_path) as broker:  # type: ignore[operator]
            url = f"mqtt://127.0.0.1:{broker.port}"
            watcher, ear = Ear(), client_of(url, "state", identity="ear")
            listening = asyncio.create_task(ear.run(watcher), name="ear")
            await until(lambda: ear.connected is not None)
            speaker = client_of(url)
            speaking = asyncio.create_task(speaker.run(Watcher()), name="speaker")
            await until(lambda: watcher.heard == [b"here"])
            speaker.drop()
            await until(lambda: watcher.heard == [b"here", b"cut off", b"here"])
            await ended(speaking)
            await until(lambda: watcher.heard == [b"here", b"cut off", b"here", b"bye"])
            await asyncio.sleep(0.3)
            assert len(watcher.heard) == 4
            assert not any(one.retained for one in watcher.messages)
            await ended(listening)
            late, again = Ear(), client_of(url, "state", identity="late")
            listening = asyncio.create_task(again.run(late), name="late")
            await until(lambda: bool(late.messages))
            assert late.messages == [Message("state", b"bye", retained=True)]
            await ended(listening)

    play(story())


TLS = """allow_anonymous true
cafile {0}/ca.pem
certfile {0}/broker.pem
keyfile {0}/broker.key
require_certificate true
"""


def test_tls_with_an_authority_and_a_certificate_of_the_house(
    tmp_path: Path, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    make_certificates(tmp_path)

    async def story() -> None:
        with Mosquitto(tmp_path, TLS.format(tmp_path)) as broker:
            url = f"mqtts://localhost:{broker.port}"
            right = {"url": url, **files(tmp_path, "ca.pem", "client.pem", "client.key")}
            watcher, client = Watcher(), client_of(right)
            running = asyncio.create_task(client.run(watcher), name="client")
            await until(lambda: client.connected is not None)
            for number in range(50):
                assert await client.publish("t/1", bytes([number]) * 50_000)
            await until(lambda: len(watcher.messages) == 50)
            assert [one.payload[0] for one in watcher.messages] == list(range(50))
            await ended(running)
            wrong: dict[str, dict[str, Any]] = {
                "certificate is not accepted": {**right, "ca": tmp_path / "other.pem"},
                "name the authority that signed it as ca": {"url": url},
                "the host as the certificate does": {
                    **right,
                    "url": f"mqtts://127.0.0.1:{broker.port}",
                },
                "it closed the connection": {"url": url, "ca": tmp_path / "ca.pem"},
                "ca /nowhere: No such file": {**right, "ca": "/nowhere"},
                "cert /nowhere with key": {**right, "cert": "/nowhere"},
                "the key has a password": {**right, "key": tmp_path / "locked.key"},
                "no TLS within 2 s": {**right, "url": f"mqtts://localhost:{plain.port}"},
            }
            for words, given in wrong.items():
                client = client_of(given)
                running = asyncio.create_task(client.run(Watcher()), name="client")
                await until(lambda words=words: words in caplog.text, 5)  # type: ignore[misc]
                await ended(running)
                caplog.clear()

    with Mute() as plain:
        play(story(), within=60)


class Mute:
    """A port that takes connections and never says a word."""

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def files(folder: Path, ca: str, cert: str, key: str) -> dict[str, Path]:
    return {"ca": folder / ca, "cert": folder / cert, "key": folder / key}


def test_the_gateway_is_on_both_and_an_edge_moves(tmp_path: Path, play: Play) -> None:
    """Either is killed; what a broker says of an edge that has left it is not heard."""

    async def story() -> None:
        arrived: list[Arrived] = []
        outbox = Outbox()
        with Broker(tmp_path / "nats") as one, Mosquitto(tmp_path) as other:
            brokers = Brokers.model_validate(
                [f"mqtt://127.0.0.1:{one.port}", f"mqtt://127.0.0.1:{other.port}"]
            )
            gateway = Subscriber(
                "site", brokers.addresses, outbox, arrived.append, lambda: 1, io(brokers)
            )
            running = asyncio.create_task(gateway.run(), name="gateway")
            watcher = EdgeWatcher()
            session = Session("edge", (TOPICS.ack, TOPICS.command))
            edge = Client(brokers.addresses, session, io(brokers))
            speaking = asyncio.create_task(edge.run(watcher), name="edge")
            await until(lambda: edge.connected is not None)
            assert edge.connected == brokers.addresses[0]
            await until(lambda: said(arrived) == ["here"])
            outbox.put("ack", TOPICS.ack, b"1")
            await until(lambda: [one.payload for one in watcher.messages] == [b"1"])
            one.kill()
            await until(lambda: edge.connected == brokers.addresses[1])
            await until(lambda: said(arrived) == ["here", "here"])
            outbox.put("ack", TOPICS.ack, b"2")
            await until(lambda: [one.payload for one in watcher.messages] == [b"1", b"2"])
            one.start()
            # The first is back and remembers the edge: as online, of old, with an old card.
            stale = aiomqtt.Client("127.0.0.1", one.port, identifier="stale")
            async with stale:
                gone = encode(Presence("stacks", online=False))
                await stale.publish(TOPICS.state, gone, qos=1, retain=True)
            await edge.publish(TOPICS.journal, encode(Batch("s", 1, ())))
            await until(lambda: arrived[-1].address.channel == "journal")
            await asyncio.sleep(2.5)
            assert said(arrived) == ["here", "here"]
            edge.drop()
            await until(lambda: said(arrived)[:3] == ["here", "here", "gone"])
            await until(lambda: said(arrived)[-1] == "here")
            await ended(speaking)
            await until(lambda: said(arrived)[-1] == "gone")
            await ended(running)

    play(story(), within=60)


class EdgeWatcher(Watcher):
    """An edge, as far as its presence goes."""

    def will(self) -> Any:
        return self._state(online=False)

    def greeting(self) -> Any:
        card = encode(Card("probe", "stacks", "xy", "climate"))
        return [
            self._state(online=True),
            Outgoing(TOPICS.card + "probe", card, retain=True),
        ]

    def farewell(self) -> Any:
        return [self._state(online=False)]

    def _state(self, *, online: bool) -> Any:
        return Outgoing(TOPICS.state, encode(Presence("stacks", online=online)), retain=True)


def said(arrived: list[Arrived]) -> list[str]:
    states = [one for one in arrived if one.address.channel == "state"]
    return ["here" if read_presence(one).online else "gone" for one in states]
