"""What happens in a story: work, and everything that can go wrong with it."""

import shutil
from collections.abc import Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from contracts.codec import encode, raws
from contracts.messages import Ack, Batch
from contracts.records import RecordsGivenUp
from contracts.topics import of_edge
from runtime.database import DatabaseError, connect
from runtime.mqtt.connection import Message
from edge.journal.witness import unpacked
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.exchange.account import rows_in
from wenlan.proofs.exchange.brokers import Chances
from wenlan.proofs.exchange.edge_process import JOURNAL, SITE, TOPICS
from wenlan.proofs.exchange.gateway_process import OTHER, STORE

if TYPE_CHECKING:
    from wenlan.proofs.exchange.story import Story

WHOLE = 2 * 2**30
WORK = {"read": 12.0, "event": 6.0, "command": 1.5, "wait": 4.0}
MESSAGES = {"unsettle": 1.0, "settle": 1.0, "cut": 1.5, "away": 1.0, "move": 1.0, "repeat": 1.5}
KILLS = {"kill edge": 1.2, "kill edge soon": 1.2, "kill gateway": 0.8, "kill gateway soon": 0.8}
DISKS = {"sicken edge": 1.0, "fill edge": 0.5, "sicken gateway": 0.6, "heal": 2.0}
REPLACED = {"copy journal": 1.0, "put journal back": 0.6, "journal vanishes": 0.3}
STORES = {"copy store": 1.0, "put store back": 0.5}
FORGED = {"forge ack": 0.8, "forge batch": 0.8}
ROT = {"rot": 0.8, "bit flips": 0.4}
POWER = {"cut power": 1.0}
KINDS = (MESSAGES, KILLS, DISKS, REPLACED, STORES, FORGED, ROT)


class Nature(NamedTuple):
    """What kind of story a seed tells."""

    weights: dict[str, float]
    budget: int = WHOLE
    memory: int = 64 * 2**20
    power: bool = False


def drawn(seed: int) -> Nature:
    """Draw the kind of a story: some things go wrong in it, rarely all."""
    dice = Random(seed * 7919 + 1)
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
    memory = dice.choice((64 * 2**20, 64 * 2**20, 12_000))
    if WHOLE > budget or memory < WHOLE // 100:
        weights["burst"] = 2.0
    return Nature(weights, budget, memory, power)


async def read(story: "Story") -> None:
    """Measure a few times."""
    if story.edge.ready:
        for _ in range(story.dice.randint(1, 5)):
            story.count += 1
            story.edge.append(f"s{story.count}", story.edge.reading(story.count))


async def burst(story: "Story") -> None:
    """Measure often: budgets and memories fill."""
    if story.edge.ready:
        for _ in range(story.dice.randint(20, 60)):
            story.count += 1
            story.edge.append(f"s{story.count}", story.edge.reading(story.count))


async def event(story: "Story") -> None:
    """Have something happen."""
    if story.edge.ready:
        story.count += 1
        name = f"e{story.count}"
        story.account.events.add(name)
        story.edge.append(name, story.edge.event(name))


async def command(story: "Story") -> None:
    if story.gateway.ready:
        story.gateway.ask()


async def wait(_: "Story") -> None:
    """Do nothing: time passes behind every stroke."""


async def unsettle(story: "Story") -> None:
    """Lose, double and hold up messages from now on."""
    share = story.dice.choice((0.1, 0.3, 0.6))
    story.network.chances = Chances(*(share * story.dice.random() for _ in range(3)))


async def settle(story: "Story") -> None:
    story.network.chances = Chances()


async def cut(story: "Story") -> None:
    """Cut the edge off; it finds a broker again."""
    if story.edge.ready:
        story.edge.cut()


async def away(story: "Story") -> None:
    """Cut the edge off for some steps, or end the gateway for as long: a backlog grows."""
    if story.dice.random() < 0.5:
        await cut(story)
        story.edge_away = story.dice.randint(3, 12)
    else:
        story.gateway.machine.kill()
        story.gateway_away = story.dice.randint(3, 12)


async def move(story: "Story") -> None:
    """Go to the other broker, with or without a last will of the first."""
    broker = story.edge.broker
    if not story.edge.ready or broker is None:
        return
    retained = dict(broker.retained)
    story.edge.cut()
    if story.dice.random() < 0.5:
        broker.retained = retained  # it fell with the connection, and came back
    other = next(one for one in story.network.brokers if one is not broker)
    story.edge.connect(other)
    if story.gateway.ready and story.dice.random() < 0.5:
        broker.gateway = None  # it connects again, and is told what is retained


async def repeat(story: "Story") -> None:
    """Have messages come again that went by, maybe long ago."""
    seen = story.network.seen
    for _ in range(story.dice.randint(1, 3) if seen else 0):
        to, message = story.dice.choice(seen[-60:])
        story.network.inject(story.dice.choice(story.network.brokers), to, message)


async def kill_edge(story: "Story") -> None:
    story.look()
    story.edge.machine.kill()


async def kill_edge_soon(story: "Story") -> None:
    """Kill it between two of its next writes."""
    if story.edge.machine.alive:
        story.edge.machine.kill_in(story.dice.randint(1, 25))


async def kill_gateway(story: "Story") -> None:
    story.gateway.machine.kill()


async def kill_gateway_soon(story: "Story") -> None:
    if story.gateway.machine.alive:
        story.gateway.machine.kill_in(story.dice.randint(1, 40))


async def cut_power(story: "Story") -> None:
    story.look()
    story.edge.machine.kill(power=True)


def _sick(dice: Random) -> Faults:
    share = dice.choice((0.1, 0.5, 1.0))
    kind = dice.choice(("write", "sync", "both", "read"))
    return Faults(
        write_error=share if kind in ("write", "both") else 0.0,
        sync_error=share if kind in ("sync", "both") else 0.0,
        read_error=0.3 * share if kind == "read" else 0.0,
    )


async def sicken_edge(story: "Story") -> None:
    story.edge.machine.faults = _sick(story.dice)


async def sicken_gateway(story: "Story") -> None:
    story.gateway.machine.faults = _sick(story.dice)


async def fill_edge(story: "Story") -> None:
    story.edge.machine.faults = Faults(full=True)


async def heal(story: "Story") -> None:
    story.edge.machine.faults = Faults()
    story.gateway.machine.faults = Faults()


async def copy_journal(story: "Story") -> None:
    """Copy the journal as it is found at a kill; what stands beside it, too."""
    story.look()
    story.edge.machine.kill()
    story.copies["edge"] = _copy(story.edge.machine.path, story.path / "edge-copy")


async def put_journal_back(story: "Story") -> None:
    """Put the copy in the journal's place, while the process is down."""
    if "edge" in story.copies:
        story.look()
        story.edge.machine.kill()
        whole = story.dice.random() < 0.3
        _replace_journal(story, story.copies["edge"], whole=whole)


async def journal_vanishes(story: "Story") -> None:
    story.look()
    story.edge.machine.kill()
    _replace_journal(story, None, whole=False)


async def copy_store(story: "Story") -> None:
    story.gateway.machine.kill()
    story.copies["gateway"] = _copy(story.gateway.machine.path, story.path / "gateway-copy")


async def put_store_back(story: "Story") -> None:
    if "gateway" in story.copies:
        story.gateway.machine.kill()
        path = story.gateway.machine.path
        copy = story.copies["gateway"]
        heard = story.edge.uplink.heard.newest if story.edge.ready else None
        newest = heard[0] if heard else 0
        story.account.replaced(path / STORE, copy / STORE, story.edge.now(), newest)
        _put(copy, path, STORE)
        story.gateway.asked.clear()


async def forge_ack(story: "Story") -> None:
    """Say once in a session, in the gateway's name, that it has what it never got."""
    edge = story.edge
    if not edge.ready or edge.broker is None or edge.session in story.forged:
        return
    tracks = edge.journal.tracks()
    if not tracks:
        return
    story.forged.add(edge.session)
    track = story.dice.choice(tracks)
    first = story.dice.randint(1, max(1, track.next))
    k = story.dice.randint(1, 12)
    refused = story.dice.choice((0, 0, 0, first))
    last = first + story.dice.choice((3, 1000))
    ack = Ack(track.stream, ((first, last),), track.life, edge.session, k, refused)
    story.look()
    for _ in range(story.dice.choice((1, 1, 3))):
        story.network.inject(edge.broker, "edge", Message(TOPICS.ack, encode(ack)))
    if track.use == "volatile":
        # What is in memory only is as durable as whoever says that he has it is honest.
        story.account.excuse(set(story.account.waiting), "an ack was forged")


async def forge_batch(story: "Story") -> None:
    """Have another edge speak of this one's streams."""
    if not story.edge.ready:
        return
    tracks = story.edge.journal.tracks()
    if not tracks:
        return
    track = story.dice.choice(tracks)
    if track.stream not in story.gateway.streams():
        return  # a name that was never on the wire cannot be guessed
    notice = RecordsGivenUp(
        story.edge.now(), track.stream, track.life, 1, track.next + 5, 0, 0, "a lie"
    )
    stream = story.dice.choice((track.stream, f"{OTHER}-{story.dice.randint(1, 3)}"))
    number = story.dice.randint(1, track.next + 1)
    body = encode(notice)
    batch = Batch(
        stream, number, raws([body]), "another", number, "another", 1, number,
        origins=((track.stream, track.life),), was=((0, 0, number),),
    )  # fmt: skip
    message = Message(of_edge(SITE, OTHER).journal, encode(batch))
    story.network.inject(story.dice.choice(story.network.brokers), "gateway", message)


async def rot(story: "Story") -> None:
    """Let bits of rows flip, while the process is down."""
    story.look()
    story.edge.machine.kill()
    story.account.memory_spoilt = story.account.damaged = True
    if not (story.edge.machine.path / JOURNAL).exists():
        return
    try:
        db = connect(story.edge.machine.path / JOURNAL)
    except DatabaseError:
        return
    with suppress(DatabaseError), closing(db):
        table, column = story.dice.choice(
            (("entry", "body"), ("entry", "body"), ("entry", "was"), ("remembered", "value"))
        )
        found = db.execute(
            f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
            if table == "entry"
            else "SELECT key, value FROM remembered"
        ).fetchall()
        for key, content in story.dice.sample(found, min(len(found), 2)):
            update = (
                f"UPDATE entry SET {column} = ? WHERE key = ?"  # noqa: S608
                if table == "entry"
                else "UPDATE remembered SET value = ? WHERE key = ?"
            )
            db.execute(update, (_flipped(bytes(content), story.dice), key)).fetchall()


async def bit_flips(story: "Story") -> None:
    """Let one bit flip, anywhere in the files of the journal, while the process is down."""
    story.look()
    story.edge.machine.kill()
    story.account.memory_spoilt = story.account.damaged = True
    files = [one for one in _files(story.edge.machine.path, JOURNAL) if one.stat().st_size]
    if files:
        file = story.dice.choice(files)
        file.write_bytes(_flipped(file.read_bytes(), story.dice))


def _flipped(content: bytes, dice: Random) -> bytes:
    if not content:
        return content
    bit = dice.randrange(8 * len(content))
    flipped = bytearray(content)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def _files(folder: Path, name: str) -> list[Path]:
    return [one for suffix in ("", "-wal") if (one := folder / f"{name}{suffix}").exists()]


def _copy(source: Path, target: Path) -> Path:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target


def _put(source: Path | None, folder: Path, name: str) -> None:
    for file in _files(folder, name):
        file.unlink()
    for file in _files(source, name) if source else ():
        shutil.copy(file, folder)


def _replace_journal(story: "Story", source: Path | None, *, whole: bool) -> None:
    """Lose what is on the disk; what nobody can tell of any more is excused.

    That is what the witness did not know of; with `whole`, it is replaced too.
    """
    path, account = story.edge.machine.path, story.account
    account.memory_spoilt = story.account.damaged = True
    rows = rows_in(path / JOURNAL)
    account.on_disk(rows)
    witness = path / f"{JOURNAL}.witness"
    mark = unpacked(witness.read_bytes()) if witness.exists() and not whole else None
    beyond = {
        body
        for stream, number, body in rows
        if mark is None or stream != mark.stream or number > mark.last
    }
    names = {account.names[body] for body in beyond if body in account.names}
    account.excused_notices |= beyond
    if whole:
        # Nobody can tell any more what was on it, or was to be said of what was before.
        names |= set(account.durable)
        account.numbers_reused = True
    account.excuse(names, "its disk was replaced, and nobody else knew of it")
    _put(source, path, JOURNAL)
    if whole and source is not None:
        for file in source.glob(f"{JOURNAL}.*"):
            shutil.copy(file, path)


Stroke = Callable[["Story"], Awaitable[None]]
STROKES: dict[str, Stroke] = {
    "read": read,
    "burst": burst,
    "event": event,
    "command": command,
    "wait": wait,
    "unsettle": unsettle,
    "settle": settle,
    "cut": cut,
    "away": away,
    "move": move,
    "repeat": repeat,
    "kill edge": kill_edge,
    "kill edge soon": kill_edge_soon,
    "kill gateway": kill_gateway,
    "kill gateway soon": kill_gateway_soon,
    "cut power": cut_power,
    "sicken edge": sicken_edge,
    "sicken gateway": sicken_gateway,
    "fill edge": fill_edge,
    "heal": heal,
    "copy journal": copy_journal,
    "put journal back": put_journal_back,
    "journal vanishes": journal_vanishes,
    "copy store": copy_store,
    "put store back": put_store_back,
    "forge ack": forge_ack,
    "forge batch": forge_batch,
    "rot": rot,
    "bit flips": bit_flips,
}
