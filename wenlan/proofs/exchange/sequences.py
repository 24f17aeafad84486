"""Steps in a row that some rules need and chance would take thousands of stories to bring about.

Each begins with both sides well and connected. What it does then is what other steps do, too.
"""

import asyncio

from contracts.codec import encode
from contracts.messages import Ack
from runtime.mqtt.connection import Message
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.exchange import spoiling, strokes
from wenlan.proofs.exchange.brokers import CALM
from wenlan.proofs.exchange.edge_process import TOPICS
from wenlan.proofs.exchange.world import World

MOMENT = 0.3
NAMED_TWICE = 6.0
"""Seconds in which everything is acknowledged, confirmed and deleted."""
FAR = 1000
NEARLY_FULL = 0.8
"""Share of the budget; soon rows must go."""
ROUNDS = 6
WRITES = 120
"""Of a burst or two, and of the thinning that follows."""


async def forged_ack_twice(story: World) -> None:
    """Name a backlog twice that no store has, for the same batch."""
    if not await _settled(story, gateway=False) or story.edge.session in story.forged:
        return
    await _work(story)
    ack = _forged_ack(story, k=1)
    for _ in range(2):
        await _work(story)
        _repeat(story, ack)
    await asyncio.sleep(2.0)


async def forged_ack_of_an_earlier_life(story: World) -> None:
    """Name a backlog that no store has, in a life that ends, and again twice in the next one."""
    if not await _settled(story, gateway=False) or story.edge.session in story.forged:
        return
    await _work(story)
    ack = _forged_ack(story, k=FAR)
    await strokes.kill_edge(story)
    if not await _settled(story, gateway=False):
        return
    for _ in range(3):
        _repeat(story, ack)
        await _work(story)
    await asyncio.sleep(2.0)


async def kill_while_thinning(story: World) -> None:
    """Fill the budget while nobody takes anything, and end the edge while it makes room."""
    if not await _settled(story, gateway=False):
        return
    while story.edge.ready and story.edge.journal.state.fill < NEARLY_FULL:
        await _fill(story)
    if story.edge.machine.alive:
        story.edge.machine.kill_in(story.dice.randint(WRITES // 2, WRITES))
    for _ in range(6):
        await _fill(story)


async def thinning_again_and_again(story: World) -> None:
    """Have a store take what the edge does not hear of, and thin it more often than it may say."""
    if not await _settled(story):
        return
    await strokes.burst(story)
    await _work(story)
    for _ in range(ROUNDS):
        if not await _settled(story, gateway=False):
            return
        for _ in range(ROUNDS):
            await _fill(story)
        await strokes.kill_edge(story)  # the next life looks again at what this one gave up on


async def rot_in_a_damaged_file(story: World) -> None:
    """Alter rows that nobody has read yet, and a page of the same file."""
    if not await _settled(story, gateway=False):
        return
    for _ in range(story.dice.randint(1, 4)):
        await strokes.burst(story)
        await _work(story)
    await spoiling.rot(story)
    await spoiling.damage_a_page(story)


async def store_without_the_stream(story: World) -> None:
    """Have a store take a stream in memory whole, and put one in its place that never met it."""
    if not await _settled(story):
        return
    await spoiling.copy_store(story)
    if not await _settled(story):
        return
    story.edge.machine.faults = Faults(write_error=1.0)
    for _ in range(3):
        await _work(story)
    await asyncio.sleep(NAMED_TWICE)
    await strokes.heal(story)
    await _work(story)
    await asyncio.sleep(NAMED_TWICE)
    await spoiling.put_store_back(story)


async def late_command(story: World) -> None:
    """Give a command again that was done, to an edge that remembers nothing of it."""
    if not await _settled(story):
        return
    for _ in range(6):
        await strokes.command(story)
        await asyncio.sleep(MOMENT)
    done = [(to, message) for to, message in story.network.seen if message.topic == TOPICS.command]
    await spoiling.journal_vanishes(story)
    if not await _settled(story, gateway=False):
        return
    for to, message in done[-6:]:
        for broker in story.network.brokers:
            story.network.inject(broker, to, message)
    await asyncio.sleep(MOMENT)


async def _settled(story: World, *, gateway: bool = True) -> bool:
    """End all faults and have both sides up, or the gateway away for some steps; say if so."""
    for machine in (story.edge.machine, story.gateway.machine):
        machine.faults = Faults()
        machine.kill_in(0)
    story.network.chances = CALM
    if not gateway:
        story.gateway.machine.kill()
        story.gateway_away = story.dice.randint(3, 8)
    for _ in range(20):
        if not story.edge.machine.alive:
            story.edge.begin()
        elif story.edge.ready and story.edge.broker is None:
            story.edge.connect(story.dice.choice(story.network.brokers))
        if gateway and not story.gateway.machine.alive:
            story.gateway.begin()
        elif story.gateway.ready:
            for broker in story.network.brokers:
                story.gateway.connect(broker)
        await asyncio.sleep(MOMENT)
        well = story.edge.ready and story.edge.journal.state.condition == "ok"
        if well and story.edge.broker is not None and story.gateway.ready is gateway:
            return True
    return False


async def _fill(story: World) -> None:
    await strokes.burst(story)
    await strokes.event(story)
    await asyncio.sleep(0.1)
    story.look()


async def _work(story: World) -> None:
    """Have something to say, written and sent, whoever takes it."""
    await strokes.read(story)
    await strokes.event(story)
    await asyncio.sleep(MOMENT)
    story.look()


def _forged_ack(story: World, k: int) -> Message:
    """Say that the gateway has all that the edge's newest stream holds."""
    track = next(one for one in story.edge.journal.tracks() if one.current)
    ack = Ack(track.stream, ((1, track.next + FAR),), track.life, story.edge.session, k)
    story.forged.add(story.edge.session)
    message = Message(TOPICS.ack, encode(ack))
    story.network.seen.append(("edge", message))
    _repeat(story, message)
    return message


def _repeat(story: World, message: Message) -> None:
    """Have the edge hear it now. What is in memory only is as durable as it is honest."""
    story.look()
    if story.edge.broker is not None:
        story.network.inject(story.edge.broker, "edge", message)
    story.account.trusting = True
