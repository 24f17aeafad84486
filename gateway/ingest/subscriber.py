"""The gateway's one connection to the broker: MQTT 3.1.1, clean session, for ever.

The broker is trusted with nothing: batches come at QoS 0 and are acknowledged by us, after the
commit; whatever is lost on the way, edges send again.
"""

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable

import aiomqtt

from config.broker import BrokerAddress
from contracts.instants import Instant
from contracts.topics import of_edge, parse
from gateway.engine.outbox import Outbox
from gateway.ingest.validation import Arrived
from runtime.mqtt.connection import heed_cancellation

log = logging.getLogger(__name__)
KEEP_ALIVE = 10
"""Seconds; a broker that says nothing is given up within two of them."""
FAREWELL = 1.0
"""Seconds that the broker gets to answer a disconnection."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0
FAILURE = 0x80
"""A SUBACK return code from here on is a refusal (MQTT 3.1.1, 3.9.3)."""


class RefusedSubscriptionError(Exception):
    """The broker is there but does not let this gateway listen; says to what."""


class Broker:
    """Listens for a site's edges, and sends what the outbox holds."""

    def __init__(
        self,
        site: str,
        address: BrokerAddress,
        outbox: Outbox,
        offer: Callable[[Arrived], None],
        now: Callable[[], Instant],
    ) -> None:
        self._site = site
        self._address = address
        self._outbox = outbox
        self._offer = offer
        self._now = now
        self.connected = asyncio.Event()

    async def run(
        self,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        dice: Callable[[], float] = random.random,
    ) -> None:
        """Stay connected until cancelled; say once that it is gone, and once that it is back."""
        failures = 0
        where = f"{self._address.host}:{self._address.port}"
        while True:
            try:
                await self._session(where)
            except* (aiomqtt.MqttError, RefusedSubscriptionError, OSError) as group:
                if self.connected.is_set() or not failures:
                    causes = "; ".join(str(error) for error in _leaves(group))
                    log.warning(
                        "broker %s is gone (%s); trying again until it is back", where, causes
                    )
            heed_cancellation()  # a failing farewell to the broker took its place
            if self.connected.is_set():
                failures = 0
            self.connected.clear()
            failures += 1
            pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
            await sleep(pause * (0.5 + dice()))

    async def _session(self, where: str) -> None:
        client = self._client()
        try:
            async with client:
                await self._subscribe(client)
                log.info("broker %s is there", where)
                self.connected.set()
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self._send(client), name="broker-send")
                        await self._listen(client)
                finally:
                    client.timeout = FAREWELL
        finally:
            # aiomqtt leaves the socket open when the broker never answers CONNECT or DISCONNECT.
            client._client._sock_close()  # noqa: SLF001

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        topics = of_edge(self._site, "+")
        for topic, qos in ((topics.state, 1), (f"{topics.card}+", 1), (topics.journal, 0)):
            answers = await client.subscribe(topic, qos)
            heed_cancellation()
            for granted in answers:
                code = granted if isinstance(granted, int) else granted.value
                if code >= FAILURE:
                    raise RefusedSubscriptionError(
                        f"the broker refuses the subscription to {topic}; let user"
                        f" {self._address.username!r} read it"
                    )

    async def _listen(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            address = parse(message.topic.value)
            if address is not None and address.site == self._site:
                self._offer(Arrived(address, bytes(message.payload), self._now()))

    async def _send(self, client: aiomqtt.Client) -> None:
        while True:
            key, topic, payload = await self._outbox.next()
            try:
                await client.publish(topic, payload, qos=1)
                heed_cancellation()
            except BaseException:
                self._outbox.put_back(key, topic, payload)
                raise

    def _client(self) -> aiomqtt.Client:
        address = self._address
        return aiomqtt.Client(
            address.host,
            address.port,
            identifier=f"gateway-{self._site}",
            username=address.username,
            password=address.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            clean_session=True,
            keepalive=KEEP_ALIVE,
            timeout=KEEP_ALIVE,
            tls_context=ssl.create_default_context() if address.tls else None,
        )


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves
