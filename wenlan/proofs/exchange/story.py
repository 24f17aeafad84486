"""One story: random steps, then rest, then judgement."""

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.exchange.brokers import CALM
from wenlan.proofs.exchange.gateway_process import STORE
from wenlan.proofs.exchange.judgement import judge, still_waiting
from wenlan.proofs.exchange.plot import STROKES
from wenlan.proofs.exchange.plot import drawn as nature_of
from wenlan.proofs.exchange.simulated_time import play
from wenlan.proofs.exchange.world import Ground, World

LONGEST_REST = 250.0
"""Seconds of the story in which everything must come to rest."""
LOOK = 0.25
RARELY = 5.0
LAST_WORDS = 2
STEPS = (5, 55)
"""How many a story has."""


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


def tell(ground: Ground, seed: int) -> Outcome:
    """Play the story of a seed, and judge it."""
    steps = Random(seed).randint(*STEPS)  # noqa: S311 - a story, not a secret
    story = World(ground, seed, nature_of(seed))
    try:
        play(_whole(story, steps))
        failures = story.errors or judge(story.account, story.gateway.machine.path / STORE)
    finally:
        shutil.rmtree(story.path, ignore_errors=True)
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


async def _whole(story: World, steps: int) -> None:
    try:
        await _happen(story, steps)
        await _rest(story)
    finally:
        for machine in (story.edge.machine, story.gateway.machine):
            machine.kill()
        await asyncio.sleep(0)


async def _happen(story: World, steps: int) -> None:
    """Do random things."""
    story.edge.begin()
    story.gateway.begin()
    names, shares = list(story.nature.weights), list(story.nature.weights.values())
    drawn = story.dice.choices(names, shares, k=steps)
    if story.nature.sequence:
        drawn.insert(story.dice.randint(0, steps), story.nature.sequence)
    for name in drawn:
        story.strokes[name] += 1
        story.tell(name)
        await STROKES[name](story)
        await _go_on(story)
        story.look()
        if story.errors:
            return


async def _go_on(story: World) -> None:
    """Let a random time pass: a few turns of the loop, or seconds."""
    kind = story.dice.random()
    if kind < 0.25:
        for _ in range(story.dice.randint(0, 6)):
            await asyncio.sleep(0)
    elif kind < 0.7:
        await asyncio.sleep(0.02 * story.dice.random())
    elif kind < 0.97:
        await asyncio.sleep(story.dice.choice((0.1, 0.3, 1.0)))
    else:
        await asyncio.sleep(story.dice.choice((3.0, 6.0, 20.0)))
    story.attend()


async def _rest(story: World) -> None:
    """End all faults, and wait until nothing is left to be done."""
    story.tell("rest")
    for machine in (story.edge.machine, story.gateway.machine):
        machine.faults = Faults()
        machine.kill_in(0)
    story.network.chances = CALM
    clock = asyncio.get_running_loop().time
    until, words = clock() + LONGEST_REST, 0
    while clock() < until and not story.errors:
        story.attend()
        await asyncio.sleep(LOOK)
        story.look()
        if not (story.edge.at_rest() and story.gateway.ready and not story.network.moving):
            continue
        if still_waiting(story.gateway.machine.path / STORE):
            await asyncio.sleep(RARELY)
        elif words == LAST_WORDS:
            return
        else:
            await _say_a_word(story, anew=words > 0)
            words += 1
    if not story.errors:
        tracks = story.edge.journal.tracks() if story.edge.ready else "no edge"
        story.errors.append(f"it does not come to rest: {tracks}")


async def _say_a_word(story: World, *, anew: bool) -> None:
    """Have the edge tell what it heard; or, in its next life, what it holds no more."""
    if anew:
        story.errors += [
            f"nobody said what became of {one}" for one in story.account.open_promises()
        ]
        story.account.told()
        story.edge.machine.kill()
        story.edge.begin()
        await asyncio.sleep(LOOK)
    await STROKES["event"](story)
    await asyncio.sleep(LOOK)
