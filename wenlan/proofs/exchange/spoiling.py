"""What is spoilt or replaced while a process is down: journals, rows, stores."""

import shutil
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

from edge.journal.witness import unpacked
from runtime.database import DatabaseError, connect
from wenlan.proofs.exchange.account import rows_in
from wenlan.proofs.exchange.edge_process import JOURNAL
from wenlan.proofs.exchange.gateway_process import STORE
from wenlan.proofs.exchange.world import World

PAGE = 4096
"""Bytes of a page of a database; the first one says what kind of page it is."""


async def copy_journal(story: World) -> None:
    """Copy the journal as it is found at a kill; what stands beside it, too."""
    story.look()
    story.edge.machine.kill()
    story.copies["edge"] = _copy(story.edge.machine.path, story.path / "edge-copy")


async def put_journal_back(story: World) -> None:
    """Put the copy in the journal's place, while the process is down."""
    if "edge" in story.copies:
        whole = story.dice.random() < 0.3
        _replace_journal(story, story.copies["edge"], whole=whole)


async def journal_vanishes(story: World) -> None:
    _replace_journal(story, None, whole=False)


async def copy_store(story: World) -> None:
    story.gateway.machine.kill()
    story.copies["gateway"] = _copy(story.gateway.machine.path, story.path / "gateway-copy")


async def put_store_back(story: World) -> None:
    if "gateway" in story.copies:
        story.gateway.machine.kill()
        path = story.gateway.machine.path
        copy = story.copies["gateway"]
        heard = story.edge.uplink.heard.newest if story.edge.ready else None
        newest = heard[0] if heard else 0
        story.account.replaced(path / STORE, copy / STORE, story.edge.now(), newest)
        _put(copy, path, STORE)
        story.gateway.asked.clear()


async def rot(story: World) -> None:
    """Let bits of rows flip, while the process is down."""
    _begin_to_spoil(story)
    path = story.edge.machine.path / JOURNAL
    with suppress(DatabaseError), closing(connect(path)) as db:
        table, column = story.dice.choice(
            (("entry", "body"), ("entry", "body"), ("entry", "was"), ("remembered", "value"))
        )
        query = f"SELECT key, {column} FROM {table} WHERE {column} IS NOT NULL"  # noqa: S608
        found: list[tuple[Any, ...]] = db.execute(query).fetchall()
        for key, content in story.dice.sample(found, min(len(found), 2)):
            update = f"UPDATE {table} SET {column} = ? WHERE key = ?"  # noqa: S608 - constants
            db.execute(update, (_flipped(content, story.dice), key)).fetchall()


async def bit_flips(story: World) -> None:
    """Let a few bits flip, anywhere in the files of the journal, while the process is down."""
    _begin_to_spoil(story)
    files = [one for one in _files(story.edge.machine.path, JOURNAL) if one.stat().st_size]
    if files:
        file = story.dice.choice(files)
        content = file.read_bytes()
        for _ in range(story.dice.choice((1, 1, 4))):
            content = _flipped(content, story.dice)
        file.write_bytes(content)


async def damage_a_page(story: World) -> None:
    """Make a page of the journal something that it is not, while the process is down."""
    _begin_to_spoil(story)
    path = story.edge.machine.path / JOURNAL
    with suppress(DatabaseError), closing(connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    content = bytearray(path.read_bytes() if path.exists() else b"")
    pages = len(content) // PAGE
    if pages > 1:
        content[story.dice.randrange(1, pages) * PAGE] ^= 0xFF
        path.write_bytes(content)


def _begin_to_spoil(story: World) -> None:
    """End the process; of what has a number that another record has nothing will be told."""
    story.look()
    story.edge.machine.kill()
    account = story.account
    account.memory_spoilt = account.damaged = True
    if account.numbers_reused:
        bodies = {body for _, _, body in rows_in(story.edge.machine.path / JOURNAL)}
        names = {account.names[body] for body in bodies if body in account.names}
        account.excuse(names, "it may have had the number of another record")


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


def _replace_journal(story: World, source: Path | None, *, whole: bool) -> None:
    """Lose what is on the disk; what nobody can tell of any more is excused.

    That is what the witness did not know of; with `whole`, it is replaced too.
    """
    _begin_to_spoil(story)
    path, account = story.edge.machine.path, story.account
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
