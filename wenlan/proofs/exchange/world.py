"""The world of one story: an edge, two brokers, a gateway, and what is known of them."""

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import NamedTuple

from config.site import Site
from edge.journal.journal import Policy
from wenlan.proofs.exchange.account import Account
from wenlan.proofs.exchange.brokers import Network
from wenlan.proofs.exchange.edge_process import EdgeProcess
from wenlan.proofs.exchange.gateway_process import STORE, GatewayProcess
from wenlan.proofs.exchange.machine import Machine


class Nature(NamedTuple):
    """What kind of story a seed tells."""

    weights: dict[str, float]
    """Of the strokes."""
    budget: int
    memory: int
    power: bool
    """Whether the edge's power may be cut."""
    sequence: str = ""
    """Several steps in a row at some point of it; empty: none."""

    @property
    def steps(self) -> frozenset[str]:
        """All that may happen in it."""
        return frozenset((*self.weights, *([self.sequence] if self.sequence else ())))


@dataclass(frozen=True, slots=True)
class Ground:
    """What all stories of a process share."""

    folder: Path
    site: Site
    store: Path
    """An empty store, to be copied."""


@dataclass
class World:
    """The world of one seed."""

    ground: Ground
    seed: int
    nature: Nature
    account: Account = field(default_factory=Account)
    strokes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    count: int = 0
    """Records so far."""
    copies: dict[str, Path] = field(default_factory=dict)
    edge_away: int = 0
    """Steps for which the edge finds no broker, and …"""
    gateway_away: int = 0
    """… for which the gateway is not started."""
    forged: set[str] = field(default_factory=set)
    """Sessions in which an ack was forged: one message, not two, deletes nothing."""

    def __post_init__(self) -> None:
        self.path = self.ground.folder / f"story-{self.seed}"
        self.dice = Random(self.seed)  # noqa: S311 - a story, not a secret
        self.network = Network(self.dice)
        edge = Machine(self.path, "edge", self.dice, self._edge_killed)
        gateway = Machine(self.path, "gateway", self.dice, self._gateway_killed)
        edge.keep = self.nature.power
        shutil.copy(self.ground.store, gateway.path / STORE)
        policy = Policy(self.nature.budget, memory=self.nature.memory)
        self.edge = EdgeProcess(
            *(edge, self.network, self.account, self.dice, policy, self._pause, self._failed)
        )
        self.gateway = GatewayProcess(
            *(gateway, self.network, self.account, self.dice, self.ground.site),
            *(self.edge.now, self._pause, self._failed),
        )

    def tell(self, what: str) -> None:
        """Write a step down."""
        now = asyncio.get_running_loop().time()
        self.told.append(
            f"{now:9.3f} {what} [edge {self.edge.machine.life} gateway {self.gateway.machine.life}]"
        )

    def look(self) -> None:
        """See which promises were kept, while those who were promised something live."""
        if self.edge.machine.alive:
            self.account.look(asyncio.get_running_loop().time())

    def attend(self) -> None:
        """Start what fell, connect who is apart; now and then at once, else later."""
        chance = self.dice.random
        self.edge_away -= 1
        self.gateway_away -= 1
        if not self.edge.machine.alive and chance() < 0.5:
            self.edge.begin()
        elif (
            self.edge.ready and self.edge.broker is None and self.edge_away <= 0 and chance() < 0.5
        ):
            self.edge.connect(self.dice.choice(self.network.brokers))
        if not self.gateway.machine.alive and chance() < 0.5 and self.gateway_away <= 0:
            self.gateway.begin()
        elif self.gateway.ready and chance() < 0.3:
            for broker in self.network.brokers:
                self.gateway.connect(broker)

    def _pause(self) -> float:
        """Give how long a piece of work of a thread waits, or takes."""
        return 0.0 if self.dice.random() < 0.7 else 0.01 * self.dice.random()

    def _failed(self, error: BaseException) -> None:
        self.errors.append(f"a part fell: {type(error).__name__}: {error}")

    def _edge_killed(self) -> None:
        self.edge.kill()
        self.account.began_anew(self.gateway.machine.path / STORE)

    def _gateway_killed(self) -> None:
        self.gateway.kill()
