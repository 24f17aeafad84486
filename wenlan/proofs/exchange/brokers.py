"""Two brokers and the ways to them: what is sent may be lost, doubled, late, or come back."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from config.broker import BrokerAddress
from runtime.mqtt.connection import Message

LATEST = 15.0
"""Seconds that a message may be late: well behind a reconnection."""


class Chances(NamedTuple):
    """Shares of messages."""

    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Held up for a long time, and then given to whoever is there."""


CALM = Chances()
Take = Callable[[Message], None]


@dataclass(slots=True)
class Broker:
    """One broker: what it retains, and who listens."""

    address: BrokerAddress
    retained: dict[str, bytes] = field(default_factory=dict)
    edge: tuple[int, Take] | None = None
    """Who is connected: the number of the connection, and who takes what comes."""
    gateway: tuple[int, Take] | None = None


class Network:
    """Carries messages; none is ever carried at the instant it was sent."""

    def __init__(self, dice: Random) -> None:
        self.brokers = tuple(Broker(BrokerAddress(name, 1883)) for name in ("east", "west"))
        self.chances = CALM
        self.moving = 0
        """Messages under way."""
        self.seen: list[tuple[str, Message]] = []
        """Messages that went by, for whoever repeats them: to whom, and what."""
        self.tampered: dict[str, int] = dict.fromkeys(Chances._fields, 0)
        self._dice = dice
        self._connections = 0

    def join(self, broker: Broker, side: str, take: Take) -> int:
        """Connect a side (`edge`, `gateway`), which gets what is retained; give the number."""
        self._connections += 1
        setattr(broker, side, (self._connections, take))
        if side == "gateway":
            for topic, payload in broker.retained.items():
                self._carry(broker, side, Message(topic, payload, retained=True))
        return self._connections

    def publish(self, broker: Broker, to: str, topic: str, payload: bytes, *, retain: bool) -> None:
        """Publish to the other side."""
        if retain:
            broker.retained[topic] = payload
        message = Message(topic, payload)
        if self._dice.random() < 0.2:
            self.seen.append((to, message))
        if self._happens("lost"):
            return
        self._carry(broker, to, message)
        if self._happens("doubled"):
            self._carry(broker, to, message)

    def inject(self, broker: Broker, to: str, message: Message) -> None:
        """Have a message appear that nobody sent just now."""
        self._carry(broker, to, message, even_if_new=True)

    def _carry(
        self, broker: Broker, to: str, message: Message, *, even_if_new: bool = False
    ) -> None:
        listening = getattr(broker, to)
        late = even_if_new or self._happens("late")
        if listening is None and not late:
            return
        number = listening[0] if listening else 0
        pause = 0.002 * self._dice.random()
        if late and not even_if_new:
            pause = LATEST * self._dice.random() ** 3
        self.moving += 1
        loop = asyncio.get_running_loop()
        loop.call_later(pause, self._deliver, broker, to, message, 0 if late else number)

    def _deliver(self, broker: Broker, to: str, message: Message, number: int) -> None:
        self.moving -= 1
        listening = getattr(broker, to)
        if listening is not None and number in (0, listening[0]):
            listening[1](message)

    def _happens(self, what: str) -> bool:
        share: float = getattr(self.chances, what)
        happens = share > 0 and self._dice.random() < share
        self.tampered[what] += happens
        return happens
