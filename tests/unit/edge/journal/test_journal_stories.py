"""What an edge writes down is there after a kill, whatever became of the disk meanwhile."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from contracts.ranges import Ranges
from contracts.records import RecordsGivenUp, StreamClosed
from edge.journal.journal import Journal
from edge.journal.opening import JournalError
from edge.journal.port import FORGOTTEN, Forgotten
from edge.journal.schema import VERSION
from runtime.database import connect
from tests.unit.edge.journal.journal_world import (
    InLine,
    Note,
    World,
    held,
    passes,
    pieces,
    play,
    records,
    settle,
    values,
)


def test_what_was_durable_is_there_after_a_kill_in_its_own_life(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        first = world.journal()
        await first.__aenter__()
        ticket = first.append([world.reading(21.5), world.event("a")])
        assert not await ticket.durable(0.0)
        await first.step()
        assert await ticket.durable(0.0)
        world.kill()

        async with world.journal() as second:
            second.append([world.reading(22.5)])
            await settle(second)
            lives = [(one.life, one.since, one.current) for one in second.tracks()]
            assert lives == [("life-1", 1, False), ("life-2", 3, True)]
            found = await pieces(second)
            assert [(one.life, one.since, one.first, len(one.rows)) for one in found] == [
                ("life-1", 1, 1, 2),
                ("life-2", 3, 3, 1),
            ]
            assert values(await records(second)) == [21.5, 22.5]

    play(story())


def groups_of(journal: Journal) -> list[tuple[int, int]]:
    """Give a list that will tell each group: milliseconds since now, and its last number."""
    loop, told = asyncio.get_running_loop(), list[tuple[int, int]]()
    begun, before = loop.time(), journal.tracks()[0].next

    def look() -> None:
        last = journal.tracks()[0].next - before
        if last > (told[-1][1] if told else 0):
            told.append((round((loop.time() - begun) * 1000), last))

    journal.listen(look)
    return told


def test_an_idle_journal_writes_at_once_and_a_busy_one_gathers_samples(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            running = asyncio.create_task(journal.run())
            await passes(1.0)
            groups = groups_of(journal)
            for _ in range(20):  # at 0, 10 … 190 ms
                journal.append([world.reading(20.0)])
                await passes(0.01)
            await passes(1.0)
            journal.append([world.reading(20.0)])
            await passes(0.001)
            assert groups == [(0, 1), (80, 8), (160, 16), (240, 20), (1200, 21)]
            running.cancel()
            await asyncio.wait([running])

    play(story())


def test_an_event_takes_the_samples_before_it_along_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            running = asyncio.create_task(journal.run())
            await passes(1.0)
            groups = groups_of(journal)
            for _ in range(4):  # at 0, 10, 20 and 30 ms
                journal.append([world.reading(20.0)])
                await passes(0.01)
            journal.append([world.event()])
            await passes(0.005)
            journal.append([], [journal.memory("note", Note).put("one", Note("kept"))])
            journal.append([world.reading(20.0)])
            await passes(1.0)
            assert groups == [(0, 1), (40, 5), (60, 6)]
            running.cancel()
            await asyncio.wait([running])

    play(story())


def test_what_somebody_waits_for_is_written_within_20_ms(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        loop = asyncio.get_running_loop()
        async with world.journal() as journal:
            running = asyncio.create_task(journal.run())
            await passes(1.0)
            begun = loop.time()
            ticket = journal.append([world.reading(20.0)])
            assert await ticket.durable(1.0)
            assert loop.time() == begun
            later = journal.append([world.reading(20.1)])
            assert not await later.durable(0.019)
            assert await later.durable(0.002)
            running.cancel()
            await asyncio.wait([running])

    play(story())


class Slow(InLine):
    """Does blocking work in a hundredth of a second."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()

        def work() -> None:
            if done.set_running_or_notify_cancel():
                done.set_result(fn(*args, **kwargs))

        asyncio.get_running_loop().call_later(0.01, work)
        return done


def test_who_is_cancelled_while_it_writes_loses_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge", executor=Slow())
        async with world.journal() as journal:
            running = asyncio.create_task(journal.run())
            await passes(1)
            first = journal.append([world.event("a")])
            await passes(0.005)
            journal.append([world.event("b")])
            running.cancel()
            await asyncio.wait([running])
            before = first.kept
        assert (before, first.kept) == (False, True)
        async with world.journal() as journal:
            found = [getattr(one, "cause", "") for one in await records(journal)]
            assert found == ["a", "b"]

    play(story())


def test_what_is_remembered_comes_back_with_its_type_and_damage_is_said(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            notes = journal.memory("note", Note)
            journal.append([], [notes.put("a", Note("x")), notes.put("b", Note("y"))])
            journal.append([world.event()], [notes.drop("b"), notes.put("c", Note("z"))])
            journal.append([], [notes.put("bad", Note("w"))])
            assert dict(notes.values) == {"a": Note("x"), "c": Note("z"), "bad": Note("w")}
        db = connect(world.path / "journal.sqlite3")
        db.execute("UPDATE remembered SET value = x'7b7d' WHERE key = 'bad'")
        db.close()
        async with world.journal() as journal:
            notes = journal.memory("note", Note)
            assert dict(notes.values) == {"a": Note("x"), "c": Note("z")}
            assert "checksum" in notes.damaged["bad"]
            journal.append([], [notes.put("bad", Note("anew"))])
            assert not notes.damaged
        async with world.journal() as journal:
            assert journal.memory("note", Note).values["bad"] == Note("anew")

    play(story())


def test_a_row_that_rots_becomes_a_declared_hole_and_its_neighbours_are_read(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal.append([world.reading(20 + n) for n in range(5)])
        db = connect(world.path / "journal.sqlite3")
        altered = "cast(replace(cast(body AS TEXT), '220', '320') AS BLOB)"
        db.execute(f"UPDATE entry SET body = {altered} WHERE key = 3")
        db.close()
        async with world.journal() as journal:
            await pieces(journal)
            found = await records(journal)
            assert values(found) == [20.0, 21.0, 23.0, 24.0]
            (notice,) = [one for one in found if isinstance(one, RecordsGivenUp)]
            assert (notice.life, notice.first, notice.last) == ("life-1", 3, 3)
            (ranges,) = (await held(journal)).values()
            assert ranges == [(1, 2), (4, 6)]

    play(story())


def test_a_file_that_vanished_is_said_with_its_last_life(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal.append([world.reading(20 + n) for n in range(5)])
        stream = next(iter(await held(journal)))
        for part in world.path.glob("journal.sqlite3*"):
            if part.suffix != ".witness":
                part.unlink()
        async with world.journal() as journal:
            (closing,) = await records(journal)
            assert isinstance(closing, StreamClosed)
            assert (closing.stream, closing.life, closing.begun) == (stream, "life-1", 1)
            assert (closing.held, closing.last) == ((), 5)
            assert stream not in await held(journal)
            (lost,) = journal.memory(FORGOTTEN, Forgotten).values.values()
            assert "has vanished" in lost.reason

    play(story())


def test_an_old_copy_is_left_and_drains_under_its_own_numbers(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal() as journal:
            journal.append([world.reading(20.0), world.reading(21.0)])
            await settle(journal)
            stream = journal.tracks()[0].stream
        old = (world.path / "journal.sqlite3").read_bytes()
        async with world.journal() as journal:
            journal.append([world.reading(22.0)])
        (world.path / "journal.sqlite3").write_bytes(old)
        async with world.journal() as journal:
            journal.append([world.reading(23.0)])
            await settle(journal)
            tracks = {(one.use, one.life): list(one.held) for one in journal.tracks()}
            assert tracks == {
                ("draining", "life-1"): [(1, 2)],
                ("own", "life-3"): [(1, 2)],
            }
            (closing,) = [one for one in await records(journal) if isinstance(one, StreamClosed)]
            assert (closing.stream, closing.life, closing.begun) == (stream, "life-2", 3)
            assert (closing.held, closing.last) == (((1, 2),), 3)
            (lost,) = journal.memory(FORGOTTEN, Forgotten).values.values()
            assert "an old copy" in lost.reason
            journal.named(stream, Ranges(), Ranges([(1, 2)]))
            await settle(journal)
            assert [one.use for one in journal.tracks()] == ["own"]
        async with world.journal() as journal:
            assert [one.life for one in journal.tracks()] == ["life-3", "life-4"]

    play(story())


def test_an_edge_that_begins_has_forgotten_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        for _ in range(2):
            async with world.journal() as journal:
                assert not journal.memory(FORGOTTEN, Forgotten).values

    play(story())


def test_two_processes_never_have_one_journal_and_a_newer_form_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        async with world.journal():
            with pytest.raises(JournalError, match="in use by another process"):
                await world.journal().__aenter__()
        db = connect(world.path / "journal.sqlite3")
        db.pragma("user_version", VERSION + 1)
        db.close()
        with pytest.raises(JournalError, match="written by a newer program"):
            await world.journal().__aenter__()
        with pytest.raises(JournalError, match="written by a newer program"):
            await world.journal().__aenter__()

    play(story())


def test_words_of_what_was_sent_long_ago_do_not_pile_up(tmp_path: Path) -> None:
    async def story() -> None:
        world = World(tmp_path / "edge")
        for start in range(20):
            world.segment = f"segment-{start}"
            async with world.journal() as journal:
                journal.append([world.reading(20.0)])
                await settle(journal)
                (track, *_) = journal.tracks()
                journal.named(track.stream, Ranges(), Ranges([(1, track.next)]))
                await settle(journal)
        db = connect(world.path / "journal.sqlite3")
        assert next(iter(db.execute("SELECT count(*) FROM word")))[0] == 2
        assert next(iter(db.execute("SELECT count(*) FROM life")))[0] == 1
        db.close()

    play(story())
