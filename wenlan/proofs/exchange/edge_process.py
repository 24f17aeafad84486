"""One edge: its journal, uplink, session and commands as the composition puts them together."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any

from contracts.instants import SECOND, Instant
from contracts.layouts import Column, Layout, sample
from contracts.messages import Card, CardPoint, Command
from contracts.records import DeviceChanged, Record
from contracts.topics import of_edge
from edge.commands.commandable import Targets
from edge.commands.inbox import Hearing, Inbox
from edge.commands.known import KnownCommands
from edge.control.outputs import Outputs
from edge.journal.disk import Seams
from edge.journal.journal import Journal, Policy
from edge.journal.opening import Place
from edge.journal.refused_input import RefusedInput
from edge.journal.stamps import Stamps
from edge.journal.terms import Terms
from edge.uplink.gateway import stamp_of
from edge.uplink.layouts import Layouts
from edge.uplink.session import Session, Who, will_of
from edge.uplink.uplink import Uplink
from runtime.clock import Clock
from runtime.mqtt.connection import Message
from wenlan.proofs.exchange.account import Account
from wenlan.proofs.exchange.brokers import Broker, Network
from wenlan.proofs.exchange.machine import Machine
from wenlan.proofs.exchange.sightings import Sightings
from wenlan.proofs.exchange.tasks import Tasks

SITE, EDGE = "model", "stacks"
PROBE, BELL = "probe", "bell"
START = 1_790_000_000 * SECOND
LAYOUT = Layout("air", (Column("temperature", 0),))
CARDS = (
    Card(
        PROBE, EDGE, "xy-md02", "climate", "vault", {},
        (CardPoint("temperature", "air_temperature", "°C", 1.0),), (), (LAYOUT,),
    ),
    Card(BELL, EDGE, "bell", "bell", "vault", {}, (), ("ring",)),
)  # fmt: skip
TOPICS = of_edge(SITE, EDGE)
JOURNAL = "journal.sqlite3"


@dataclass
class Bell:
    """Something that is done once: whoever rings it twice is heard."""

    account: Account
    alive: Callable[[], bool]
    pause: Callable[[], float]
    device: str = BELL
    actions: frozenset[str] = frozenset({"ring"})

    async def execute(self, command: Command) -> float | None:
        """Ring."""
        if self.alive():
            self.account.done[command.id] += 1
        await asyncio.sleep(self.pause())
        return None


def reading(edge: "EdgeProcess", number: int) -> Record:
    """Measure something that nobody else measured."""
    return sample(PROBE, LAYOUT, LAYOUT.digest, edge.clock.wall(), {"temperature": number})


def event(edge: "EdgeProcess", name: str) -> Record:
    """Make an event that is like no other."""
    return DeviceChanged(PROBE, edge.clock.wall(), available=True, cause=name)


@dataclass
class EdgeProcess:
    """The process, and the machine it runs on."""

    machine: Machine
    network: Network
    account: Account
    dice: Random
    policy: Policy
    pause: Callable[[], float]
    failed: Callable[[BaseException], None]
    ready: bool = False
    """Whether it has begun: until then it takes nothing."""
    broker: Broker | None = None
    _lock: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.tasks = Tasks(self.failed)
        self._sightings = Sightings(self.account)

    def now(self) -> Instant:
        """Give the wall clock, in whole milliseconds."""
        return START + round(asyncio.get_running_loop().time() * 1000) * 1000

    @property
    def session(self) -> str:
        """The life of the process."""
        return f"life-{self.machine.life}"

    def begin(self) -> None:
        """Start the process."""
        self.machine.begin()
        self.machine.worked = self._look
        self.machine.opened = self._sightings.watch
        self._sightings.begin()
        self.tasks.run("start", self._start())

    def kill(self) -> None:
        """Take note that the process is gone."""
        if self.ready and self.journal.state.condition != "ok":
            self.account.memory_unwritten = True
        self.ready = False
        if self.broker is not None:
            self.broker.edge = None
            self.broker = None
        self.tasks.cancel()
        self._lock.close()
        self._sightings.look_behind(self.machine.path / JOURNAL)

    def connect(self, broker: Broker) -> None:
        """Join a broker: say who is there, then send."""
        self.broker = broker
        self.network.join(broker, "edge", partial(self._take, self.machine.life))
        self.tasks.run("greeting", self._greet())

    def cut(self) -> None:
        """Lose the broker, which publishes the last will."""
        broker, self.broker = self.broker, None
        if broker is not None:
            broker.edge = None
            self.talk.disconnected()
            self.network.publish(broker, "gateway", TOPICS.state, will_of(EDGE), retain=True)

    def append(self, name: str, record: Record) -> None:
        """Hand a record to the journal."""
        self.account.appended(name, record, self.journal.append([record]))

    def at_rest(self) -> bool:
        """Say whether the journal has nothing left that the gateway lacks."""
        if not self.ready or self.broker is None:
            return False
        journal = self.journal
        return journal.state.condition == "ok" and not any(
            len(one.held) for one in journal.tracks()
        )

    async def _start(self) -> None:
        loop, machine = asyncio.get_running_loop(), self.machine
        clock = Clock(loop.time, self.now, asyncio.sleep)
        life = self.session
        stamps = Stamps(clock, life, EDGE, "boot")
        self.clock = stamps.clock
        place = Place(machine.folder(), JOURNAL, machine.connect, loop.time)
        self._ids = 0
        stamp = partial(stamp_of, stamps)
        seams = Seams(loop.time, stamp, machine.thread(self.pause), self._new_id, self.dice.random)
        journal = self.journal = Journal(place, life, seams, stamps.segment_of, self.policy)
        self._lock = journal._lock  # noqa: SLF001 - what the system does for a dead process
        # Entered and never left: it ends with its process.
        await journal.__aenter__()
        terms = Terms(self.clock, "boot")
        refused = RefusedInput(journal, self.clock)
        layouts = Layouts(journal, CARDS)
        journal.append([stamps.started("model")])
        uplink = self.uplink = Uplink(journal, TOPICS.journal, self._publish, loop.time, stamp)
        begun = machine.life
        bell = Bell(self.account, lambda: machine.life == begun, self.pause)
        outputs = Outputs({}, journal, self.clock, terms, self.dice)
        inbox = Inbox(
            Targets({}, {BELL: bell}),
            outputs,
            KnownCommands(journal, self.clock, terms),
            journal,
            self.clock,
            Hearing(life, uplink.heard.gateway_now),
            refused,
        )
        inbox.resume()
        outputs.resume()
        who = Who(EDGE, "model", TOPICS, lambda: stamps.steps)
        self.talk = Session(who, journal, layouts, uplink, inbox, self._publish, self.clock)
        parts: dict[str, Coroutine[Any, Any, None]] = {
            "journal": journal.run(),
            "uplink": uplink.run(),
            "presence": self.talk.run(),
            "clock": stamps.watch(journal.append),
            "refused input": refused.run(),
            "commands": inbox.run(),
            "bell": inbox.serve(BELL),
        }
        for name, part in parts.items():
            self.tasks.run(name, part)
        self.ready = True

    def _new_id(self) -> str:
        self._ids += 1
        return f"stream-{self.machine.life}-{self._ids}"

    async def _greet(self) -> None:
        await self.talk.greet()
        self.talk.connected()

    async def _publish(
        self, topic: str, payload: bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        assert qos == 0, "reliability is ours"
        broker = self.broker
        if broker is None or not self.machine.alive:
            return False
        if topic == TOPICS.journal:
            self.account.went_out(payload)
        self.network.publish(broker, "gateway", topic, payload, retain=retain)
        return True

    def _take(self, life: int, message: Message) -> None:
        if self.machine.life == life and self.ready and not message.retained:
            self.tasks.run("message", self.talk.received(message.topic, message.payload))

    def _look(self) -> None:
        if self.machine.alive:
            self._sightings.look()
