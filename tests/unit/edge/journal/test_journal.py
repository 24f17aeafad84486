"""The journal as a diary: what is on disk when, and what is remembered."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import SECOND
from contracts.ranges import Ranges
from contracts.records import DeviceChanged, EdgeStarted, InputRefused, Reading
from edge.journal.file import JournalError
from edge.journal.journal import LARGEST_GROUP, Budget, Journal

Play = Callable[..., Any]


def on_disk(path: Path) -> int:
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    count = db.execute("SELECT count(*) FROM record").fetchone()[0]
    db.close()
    return int(count)


def clock() -> int:
    return 1_000 * SECOND


def test_an_event_takes_the_waiting_readings_along(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            await journal.append([Reading("p/t", 1, 1.0), Reading("p/t", 2, 1.0)])
            assert on_disk(tmp_path / "j") == 0
            await journal.append([EdgeStarted(3, "e", "1")])
            assert on_disk(tmp_path / "j") == 3
            assert journal.last == 3

    play(story())


def test_a_counter_is_on_disk_at_once(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock, urgent=frozenset({"gate/in"})) as journal:
            await journal.append([Reading("p/t", 1, 1.0)])
            await journal.append([Reading("gate/in", 2, 7.0)])
            assert on_disk(tmp_path / "j") == 2

    play(story())


def test_readings_are_on_disk_after_a_second(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        pauses: list[float] = []
        release = asyncio.Event()

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await release.wait()

        heard = asyncio.Event()
        async with Journal(tmp_path / "j", clock) as journal:
            journal.tell(lambda _last, _thinned: heard.set())
            running = asyncio.create_task(journal.run(sleep))
            await journal.append([Reading("p/t", 1, 1.0)])
            await journal.append([Reading("p/t", 2, 1.0)])
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert pauses == [1.0]
            assert on_disk(tmp_path / "j") == 0
            release.set()
            await heard.wait()
            assert on_disk(tmp_path / "j") == 2
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    play(story())


def test_memory_does_not_fill_when_nobody_writes(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            for number in range(LARGEST_GROUP + 1):
                await journal.append([Reading("p/t", number, 1.0)])
            assert on_disk(tmp_path / "j") == LARGEST_GROUP + 1

    play(story())


def test_what_waits_is_written_at_the_end(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            await journal.append([Reading("p/t", 1, 1.0)])

    play(story())
    assert on_disk(tmp_path / "j") == 1


def test_a_cancelled_append_is_still_written(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            writing = asyncio.create_task(journal.append([EdgeStarted(1, "e", "1")], {"k": b"v"}))
            await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await journal.append([EdgeStarted(2, "e", "1")])
            assert on_disk(tmp_path / "j") == 2

    play(story())


def test_memory_is_kept_and_forgotten(tmp_path: Path, play: Play) -> None:
    async def first() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            await journal.append([], {"a/1": b"x", "a/2": b"y", "b/1": b"z"})
            await journal.append([EdgeStarted(1, "e", "1")], {"a/2": None})
            assert journal.recall("a/") == {"a/1": b"x"}

    async def second() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            assert journal.recall("") == {"a/1": b"x", "b/1": b"z"}

    play(first())
    play(second())


def test_damage_is_told(tmp_path: Path, play: Play) -> None:
    (tmp_path / "j").write_bytes(b"rubbish" * 1000)

    async def story() -> InputRefused:
        from contracts.codec import decode_record

        async with Journal(tmp_path / "j", clock) as journal:
            piece = await journal.read(1, 10, 10, 10_000)
            assert piece is not None
            record = decode_record(piece.bodies[0])
            assert isinstance(record, InputRefused)
            return record

    told = play(story())
    assert told.source == "journal"
    assert "kept as j.corrupt-" in told.reason


def test_a_disk_that_refuses_ends_the_process(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            running = asyncio.create_task(journal.run())
            journal._file._db.execute("PRAGMA max_page_count = 1").fetchall()
            with pytest.raises(JournalError, match="full"):
                await journal.append([DeviceChanged("d", 1, True, "x" * 8000)])
            with pytest.raises(JournalError):
                await running
            with pytest.raises(JournalError):
                await journal.append([Reading("p/t", 1, 1.0)])

    play(story())


def test_what_was_appended_since_the_opening_is_pending_too(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        for started in range(1, 3):
            async with Journal(tmp_path / "j", clock) as journal:
                await journal.append([EdgeStarted(started, "e", "1")])
                assert journal.pending == Ranges([(1, started)])

    play(story())


def test_the_fill_counts_bytes_and_hours(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        budget = Budget(largest=10_000_000, keep=2_000 * SECOND)
        async with Journal(tmp_path / "j", clock, budget) as journal:
            assert 0 < journal.fill < 0.1
            await journal.append([EdgeStarted(0, "e", "1")])
            assert journal.fill == 0.5

    play(story())


def test_a_record_larger_than_a_batch_is_refused(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with Journal(tmp_path / "j", clock) as journal:
            with pytest.raises(ValueError, match="at most"):
                await journal.append([InputRefused(1, "x", "y" * 1_000_000)])

    play(story())
