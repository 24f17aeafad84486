"""One story: an edge, two brokers and a gateway; random steps, then rest, then judgement."""

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from config.site import Site
from edge.journal.journal import Policy
from runtime.database import connect
from wenlan.proofs.exchange.account import Account
from wenlan.proofs.exchange.brokers import CALM, Network
from wenlan.proofs.exchange.edge_process import START, EdgeProcess
from wenlan.proofs.exchange.gateway_process import STORE, GatewayProcess
from wenlan.proofs.exchange.judgement import judge, still_waiting
from wenlan.proofs.exchange.machine import Machine
from wenlan.proofs.exchange.simulated_time import play
from wenlan.proofs.exchange.strokes import STROKES, Nature, drawn
from wenlan.proofs.disk_faults import Faults

LONGEST_REST = 400.0
"""Seconds of the story in which everything must come to rest."""
LOOK = 0.25
RARELY = 5.0
STEPS = (5, 55)
"""How many a story has."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all stories of a process share."""

    folder: Path
    site: Site
    store: Path
    """An empty store, to be copied."""


@dataclass
class Outcome:
    """How a story ended."""

    seed: int
    failures: list[str]
    steps: int = 0
    records: int = 0
    durable: int = 0
    strokes: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    """Those that were lost, doubled and held up."""
    told: list[str] = field(default_factory=list)
    """Its steps."""


@dataclass
class Story:
    """The world of one seed."""

    ground: Ground
    seed: int
    nature: Nature
    path: Path
    account: Account = field(default_factory=Account)
    strokes: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    causes: list[BaseException] = field(default_factory=list)
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
        self.dice = Random(self.seed)
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
        self.told.append(f"{now:9.3f} {what} [edge {self.edge.machine.life} gateway {self.gateway.machine.life}]")

    def look(self) -> None:
        """See which promises were kept, while those who were promised something live."""
        if self.edge.machine.alive:
            self.account.look(asyncio.get_running_loop().time())

    async def play(self, steps: int) -> None:
        """Do random things, then let everything come to rest."""
        self.edge.begin()
        self.gateway.begin()
        names = list(self.nature.weights)
        shares = list(self.nature.weights.values())
        for name in self.dice.choices(names, shares, k=steps):
            self.strokes[name] += 1
            self.tell(name)
            await STROKES[name](self)
            await self._go_on()
            self.look()
            if self.errors:
                return
        await self._rest()

    async def _go_on(self) -> None:
        """Let a random time pass: a few turns of the loop, or seconds."""
        kind = self.dice.random()
        if kind < 0.25:
            for _ in range(self.dice.randint(0, 6)):
                await asyncio.sleep(0)
        elif kind < 0.7:
            await asyncio.sleep(0.02 * self.dice.random())
        elif kind < 0.97:
            await asyncio.sleep(self.dice.choice((0.1, 0.3, 1.0)))
        else:
            await asyncio.sleep(self.dice.choice((3.0, 6.0, 20.0)))
        self.attend()

    def attend(self) -> None:
        """Start what fell, connect who is apart; now and then at once, else later."""
        chance = self.dice.random
        self.edge_away -= 1
        self.gateway_away -= 1
        if not self.edge.machine.alive and chance() < 0.5:
            self.edge.begin()
        elif self.edge.ready and self.edge.broker is None and chance() < 0.5:
            if self.edge_away <= 0:
                self.edge.connect(self.dice.choice(self.network.brokers))
        if not self.gateway.machine.alive and chance() < 0.5 and self.gateway_away <= 0:
            self.gateway.begin()
        elif self.gateway.ready and chance() < 0.3:
            for broker in self.network.brokers:
                self.gateway.connect(broker)

    async def _rest(self) -> None:
        """End all faults, and wait until nothing is left to be done."""
        self.tell("rest")
        self.edge.machine.faults, self.gateway.machine.faults = Faults(), Faults()
        self.edge.machine.kill_in(0)
        self.gateway.machine.kill_in(0)
        self.network.chances = CALM
        until, last = asyncio.get_running_loop().time() + LONGEST_REST, False
        while asyncio.get_running_loop().time() < until and not self.errors:
            self.attend()
            await asyncio.sleep(LOOK)
            self.look()
            if self.edge.at_rest() and self.gateway.ready and not self.network.moving:
                if still_waiting(self.gateway.machine.path / STORE):
                    await asyncio.sleep(RARELY)
                elif last:
                    return
                else:
                    # What the gateway lacks and the edge holds no more is settled by the next word
                    # of its next life.
                    last = True
                    self.edge.machine.kill()
                    self.edge.begin()
                    await asyncio.sleep(LOOK)
                    await STROKES["event"](self)
        if not self.errors:
            tracks = self.edge.journal.tracks() if self.edge.ready else "no edge"
            self.errors.append(f"it does not come to rest: {tracks}")

    def _pause(self) -> float:
        """Give how long a piece of work of a thread waits, or takes."""
        return 0.0 if self.dice.random() < 0.7 else 0.01 * self.dice.random()

    def _failed(self, error: BaseException) -> None:
        self.errors.append(f"a part fell: {type(error).__name__}: {error}")
        self.causes.append(error)

    def _edge_killed(self) -> None:
        self.edge.kill()
        self.account.began_anew(self.gateway.machine.path / STORE)

    def _gateway_killed(self) -> None:
        self.gateway.kill()


def tell(ground: Ground, seed: int) -> Outcome:
    """Play the story of a seed, and judge it."""
    steps = Random(seed).randint(*STEPS)
    path = ground.folder / f"story-{seed}"
    story = Story(ground, seed, drawn(seed), path)
    try:
        play(_whole(story, steps))
        failures = story.errors or judge(story.account, story.gateway.machine.path / STORE)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    return Outcome(
        seed,
        failures,
        steps,
        len(story.account.bodies),
        len(story.account.durable),
        story.strokes,
        Counter(story.network.tampered),
        story.told,
    )


async def _whole(story: Story, steps: int) -> None:
    try:
        await story.play(steps)
    finally:
        for machine in (story.edge.machine, story.gateway.machine):
            machine.kill()
        await asyncio.sleep(0)
