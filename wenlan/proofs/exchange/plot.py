"""What may happen in a story, and how likely it is."""

from collections.abc import Awaitable, Callable
from random import Random

from wenlan.proofs.exchange import forging, sequences, spoiling, strokes
from wenlan.proofs.exchange.world import Nature, World

WHOLE = 2 * 2**30
"""Bytes of a budget that is never used up."""
PLENTY = 64 * 2**20
"""Bytes of a memory that is never full."""
WORK = {"read": 12.0, "event": 6.0, "command": 2.5, "wait": 4.0}
MESSAGES = {"unsettle": 1.0, "settle": 1.0, "cut": 1.5, "away": 1.0, "move": 1.0, "repeat": 1.5}
KILLS = {"kill edge": 1.2, "kill edge soon": 1.2, "kill gateway": 0.8, "kill gateway soon": 0.8}
DISKS = {"sicken edge": 1.0, "fill edge": 0.5, "sicken gateway": 0.6, "heal": 2.0}
REPLACED = {"copy journal": 1.0, "put journal back": 0.6, "journal vanishes": 0.3}
STORES = {"copy store": 1.0, "put store back": 0.5}
FORGED = {"forge ack": 0.8, "forge batch": 0.8}
ROT = {"rot": 0.8, "bit flips": 0.4}
POWER = {"cut power": 1.0}
SHARE = 0.1
"""Share of the stories that have a sequence of steps, beside what chance brings."""
KINDS = (MESSAGES, KILLS, DISKS, REPLACED, STORES, FORGED, ROT)


def drawn(seed: int) -> Nature:
    """Draw the kind of a story: some things go wrong in it, rarely all."""
    dice = Random(seed * 7919 + 1)  # noqa: S311 - a story, not a secret
    weights = dict(WORK)
    for kind in KINDS:
        if dice.random() < 0.45:
            weights |= kind
    weights |= KILLS if dice.random() < 0.5 else {}
    if dice.random() < 0.3:
        del weights["command"]
    power = dice.random() < 0.15
    if power:
        weights |= POWER
    budget = dice.choice((WHOLE, WHOLE, 36_000, 44_000))
    memory = dice.choice((PLENTY, PLENTY, 12_000))
    if budget < WHOLE or memory < PLENTY:
        weights["burst"] = 2.0
    sequence = _sequence_of(seed)
    budget = BUDGETS.get(sequence, budget)
    return Nature(weights, budget, memory, power, sequence)


def _sequence_of(seed: int) -> str:
    """Draw from other dice than the rest, which goes its way as without one."""
    dice = Random(seed * 7919 + 2)  # noqa: S311 - a story, not a secret
    return dice.choice(list(SEQUENCES)) if dice.random() < SHARE else ""


Stroke = Callable[[World], Awaitable[None]]
SEQUENCES: dict[str, Stroke] = {
    "forged ack twice": sequences.forged_ack_twice,
    "forged ack of an earlier life": sequences.forged_ack_of_an_earlier_life,
    "kill while thinning": sequences.kill_while_thinning,
    "thinning again and again": sequences.thinning_again_and_again,
    "rot in a damaged file": sequences.rot_in_a_damaged_file,
    "store without the stream": sequences.store_without_the_stream,
    "late command": sequences.late_command,
}
"""What needs several steps in a row."""
BUDGETS = {"kill while thinning": 64_000, "thinning again and again": 44_000}
STROKES: dict[str, Stroke] = {
    "read": strokes.read,
    "burst": strokes.burst,
    "event": strokes.event,
    "command": strokes.command,
    "wait": strokes.wait,
    "unsettle": strokes.unsettle,
    "settle": strokes.settle,
    "cut": strokes.cut,
    "away": strokes.away,
    "move": strokes.move,
    "repeat": strokes.repeat,
    "kill edge": strokes.kill_edge,
    "kill edge soon": strokes.kill_edge_soon,
    "kill gateway": strokes.kill_gateway,
    "kill gateway soon": strokes.kill_gateway_soon,
    "cut power": strokes.cut_power,
    "sicken edge": strokes.sicken_edge,
    "sicken gateway": strokes.sicken_gateway,
    "fill edge": strokes.fill_edge,
    "heal": strokes.heal,
    "copy journal": spoiling.copy_journal,
    "put journal back": spoiling.put_journal_back,
    "journal vanishes": spoiling.journal_vanishes,
    "copy store": spoiling.copy_store,
    "put store back": spoiling.put_store_back,
    "forge ack": forging.forge_ack,
    "forge batch": forging.forge_batch,
    "rot": spoiling.rot,
    "bit flips": spoiling.bit_flips,
    **SEQUENCES,
}
