"""Damage costs what it hit: everything else is carried over, nothing altered, the hole declared."""

import re
import shutil
from pathlib import Path
from random import Random

import pytest

from contracts.codec import decode_record
from contracts.ranges import Ranges
from contracts.records import RecordsGivenUp, StreamClosed
from edge.journal.port import FORGOTTEN, Forgotten
from runtime.database import connect
from tests.unit.edge.journal.journal_world import (
    Note,
    World,
    pieces,
    play,
    records,
    settle,
    values,
)

COUNT = 600
PAGE = 4096


async def written(path: Path) -> World:
    """Fill a journal in two lives, with some pages free and something remembered."""
    world = World(path)
    for life in range(2):
        async with world.journal() as journal:
            notes = journal.memory("note", Note)
            journal.append([world.event()], [notes.put(f"n{life}", Note("x" * 200))])
            for n in range(COUNT // 2):
                journal.append([world.reading(1 + life * COUNT // 2 + n)])
            await settle(journal)
            if life:
                stream = journal.tracks()[0].stream
                journal.named(stream, Ranges(), Ranges([(100, 199)]))
                await settle(journal)
    return world


def damaged(source: World, path: Path) -> World:
    """Copy a disk, to damage it."""
    shutil.copytree(source.path, path)
    world = World(path, Random(path.name))
    world.lives = source.lives
    return world


async def survivors(world: World) -> set[float]:
    """Open a journal, and see that what comes of it is true."""
    async with world.journal() as journal:
        await pieces(journal)
        found = await records(journal)
        closings = [one for one in found if isinstance(one, StreamClosed)]
        for closing in closings:
            held = Ranges(
                one
                for piece in await pieces(journal)
                if piece.stream == closing.stream
                for one in [(piece.first, piece.last)]
            )
            assert [tuple(one) for one in held] == [tuple(one) for one in closing.held]
        lost = journal.memory(FORGOTTEN, Forgotten).values
        assert bool(lost) == bool(closings)
        got = values(found)
        assert len(got) == len(set(got))
        assert set(got) <= {float(n) for n in range(1, COUNT + 1)}
        journal.append([world.event("afterwards")])
        await settle(journal)
        return set(got)


def test_a_file_that_calls_itself_write_protected_is_salvaged(tmp_path: Path) -> None:
    # A bit that flips in byte 18 of the header makes SQLite refuse to write it, for ever.
    async def story() -> None:
        source = await written(tmp_path / "source")
        for bit in range(18 * 8 + 2, 19 * 8):
            world = damaged(source, tmp_path / f"bit-{bit}")
            file = world.path / "journal.sqlite3"
            content = bytearray(file.read_bytes())
            content[bit // 8] ^= 1 << bit % 8
            file.write_bytes(content)
            assert len(await survivors(world)) == COUNT - 100

    play(story())


def test_a_bit_that_flips_in_the_name_of_a_column_costs_no_row(tmp_path: Path) -> None:
    # Each page is sound then, and each statement fails for ever.
    async def story() -> None:
        source = await written(tmp_path / "source")
        whole = (source.path / "journal.sqlite3").read_bytes()
        names = list(re.finditer(rb"\n    ([a-z]+) +(?:INTEGER|TEXT|BLOB)", whole[:PAGE]))
        assert len(names) == 25
        for name in names:
            world = damaged(source, tmp_path / f"name-{name.start()}")
            content = bytearray(whole)
            content[name.start(1)] ^= 4
            (world.path / "journal.sqlite3").write_bytes(content)
            assert len(await survivors(world)) == COUNT - 100
            shutil.rmtree(world.path)

    play(story())


def test_an_edge_begins_though_nobody_knows_the_lives_of_a_stream(tmp_path: Path) -> None:
    async def story() -> None:
        world = await written(tmp_path / "source")
        file = world.path / "journal.sqlite3"
        db = connect(file)
        (page,) = next(db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'life'"))
        db.close()
        for suffix in (".names", ".witness"):
            file.with_name(file.name + suffix).unlink()
        content = bytearray(file.read_bytes())
        content[(page - 1) * PAGE : page * PAGE] = bytes(PAGE)
        file.write_bytes(content)
        for start in range(3):
            async with world.journal() as journal:
                journal.append([world.event(f"start {start}")])
                await settle(journal)
                assert len(await records(journal)) == start + 1

    play(story())


def test_each_page_that_is_lost_costs_only_what_was_on_it(tmp_path: Path) -> None:
    async def story() -> None:
        source = await written(tmp_path / "source")
        whole = (source.path / "journal.sqlite3").read_bytes()
        kept: list[int] = []
        for page in range(len(whole) // PAGE):
            world = damaged(source, tmp_path / f"page-{page}")
            content = bytearray(whole)
            content[page * PAGE : (page + 1) * PAGE] = bytes(PAGE)
            (world.path / "journal.sqlite3").write_bytes(content)
            kept.append(len(await survivors(world)))
            shutil.rmtree(world.path)
        every = COUNT - 100
        # The first page is the file itself; one more leads to all rows.
        assert sum(count < every - 60 for count in kept) <= 3
        assert sum(count == every for count in kept) >= 6

    play(story())


def test_a_file_cut_short_or_with_a_bad_freelist_is_salvaged(tmp_path: Path) -> None:
    async def story() -> None:
        source = await written(tmp_path / "source")
        whole = (source.path / "journal.sqlite3").read_bytes()
        every = COUNT - 100
        world = damaged(source, tmp_path / "cut")
        (world.path / "journal.sqlite3").write_bytes(whole[:-PAGE])
        assert len(await survivors(world)) >= every - 60
        world = damaged(source, tmp_path / "freelist")
        content = bytearray(whole)
        assert int.from_bytes(content[32:36], "big"), "no page is free"
        content[33] ^= 1
        (world.path / "journal.sqlite3").write_bytes(content)
        assert len(await survivors(world)) == every
        assert list(world.path.glob("*.corrupt-*"))
        world = damaged(source, tmp_path / "empty")
        (world.path / "journal.sqlite3").write_bytes(b"")
        assert await survivors(world) == set()
        world = damaged(source, tmp_path / "nonsense")
        (world.path / "journal.sqlite3").write_bytes(Random(1).randbytes(5 * PAGE))
        assert await survivors(world) == set()

    play(story())


@pytest.mark.parametrize("seed", range(40))
def test_no_flipped_bit_alters_a_value(tmp_path: Path, seed: int) -> None:
    async def story() -> None:
        dice = Random(seed)
        source = await written(tmp_path / "source")
        path = source.path / "journal.sqlite3"
        content = bytearray(path.read_bytes())
        for _ in range(dice.choice((1, 5))):
            bit = dice.randrange(8 * len(content))
            content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        await survivors(source)

    play(story())


def test_damage_that_is_met_while_running_is_salvaged_and_memory_is_kept(tmp_path: Path) -> None:
    async def story() -> None:
        world = await written(tmp_path / "edge")
        async with world.journal() as journal:
            notes = journal.memory("note", Note)
            journal.append([], [notes.put("late", Note("z"))])
            await settle(journal)
            first = journal.tracks()[0].stream
            db = connect(world.path / "journal.sqlite3")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            (page,) = next(iter(db.execute("SELECT rootpage FROM sqlite_master WHERE name='life'")))
            db.close()
            path = world.path / "journal.sqlite3"
            content = bytearray(path.read_bytes())
            content[:PAGE] = b"x" * PAGE
            path.write_bytes(content)
            assert page
            journal.append([world.event("on")])
            await settle(journal)
            own = next(one.stream for one in journal.tracks() if one.current)
            assert own != first
            assert journal.state.condition == "ok"
        async with world.journal() as journal:
            assert set(journal.memory("note", Note).values) >= {"n0", "n1", "late"}
            assert not journal.memory(FORGOTTEN, Forgotten).values
            causes = [getattr(one, "cause", "") for one in await records(journal)]
            assert "on" in causes

    play(story())


def test_the_notice_of_a_hole_names_stream_life_and_range(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal.append([world.reading(n) for n in range(1, 4)])
        db = connect(world.path / "journal.sqlite3")
        db.execute("DELETE FROM entry WHERE key = 2")
        db.close()
        async with world.journal() as journal:
            await pieces(journal)
            found = [decode_record(row.body) for one in await pieces(journal) for row in one.rows]
            (notice,) = [one for one in found if isinstance(one, RecordsGivenUp)]
            stream = journal.tracks()[0].stream
            assert (notice.stream, notice.life, notice.first, notice.last) == (
                stream,
                "life-1",
                2,
                2,
            )

    play(story())
