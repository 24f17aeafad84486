"""The store's file: one writer, known schema, nothing half done, and trouble that passes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from contracts.codec import acks
from gateway.engine.writer import Writer
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.pipeline import Ingest, Outcome
from gateway.ingest.readings import Readings
from gateway.storage.sqlite import APPLICATION, Store, StoreError, migrate
from runtime.database import DatabaseError, connect
from tests.unit.gateway.gateway_story import T0, Building, Clock, reading, small_site


def test_a_second_gateway_is_told_to_go_elsewhere(tmp_path: Path) -> None:
    with (
        closing(Store(tmp_path / "s", connect)),
        pytest.raises(StoreError, match="another gateway"),
    ):
        Store(tmp_path / "s", connect)
    Store(tmp_path / "s", connect).close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store(tmp_path / "s", connect).close()
    with closing(connect(tmp_path / "s")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="schema 99"):
        Store(tmp_path / "s", connect)


def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "s")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    with pytest.raises(StoreError, match="another program"):
        Store(tmp_path / "s", connect)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(b"hello " * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        Store(tmp_path / "s", connect)


def test_a_broken_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with closing(connect(path)) as connection:
        migrate(connection, path, ["CREATE TABLE a (x)"])
    with closing(connect(path)) as connection:
        script = "CREATE TABLE b (x); CREATE TABLE b (x)"
        with pytest.raises(DatabaseError):
            migrate(connection, path, ["", script])
    with closing(connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_master").fetchall()
        assert names == [("a",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        migrate(connection, path, ["", "CREATE TABLE b (x)"])
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s", connect)) as store:
        with suppress(ZeroDivisionError), store.transaction():
            store.run("count", "x", 1)
            raise ZeroDivisionError
        assert store.connection.execute("SELECT * FROM tally").fetchall() == []


def test_the_store_is_synced_at_every_commit(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "s", connect)) as store:
        assert store.connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert store.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_poison_is_set_aside_and_its_neighbours_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = Building(tmp_path)
    whole = Readings._judge

    def judge(self: Readings, point: Any, at: int, value: float, *rest: Any) -> None:
        if value == 13.0:
            raise ValueError("thirteen")
        whole(self, point, at, value, *rest)

    monkeypatch.setattr(Readings, "_judge", judge)
    good = building.batch([reading(1, 20.0)], 1)
    bad = building.batch(
        [reading(2, 20.0), reading(3, 13.0, "counter/channel_0"), reading(4, 21.0)], 2
    )
    more = building.batch([reading(5, 22.0)], 5)
    outcome = building.writer.take([good, bad, more]).outcome
    assert acks.decode(outcome.acks[-1][2]).committed == ((1, 5),)
    assert building.sql("SELECT seq FROM reading ORDER BY seq") == [(1,), (2,), (4,), (5,)]
    assert building.sql("SELECT seq, reason FROM unreadable") == [(3, "ValueError: thirteen")]
    building.writer.close()


def test_a_full_disk_acknowledges_nothing_and_resumes_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Callable[..., Any]
) -> None:
    outcomes: list[Outcome] = []
    pauses: list[float] = []
    real = Store.many
    full = True
    resumed = asyncio.Event()

    def many(self: Store, name: str, rows: Any) -> None:
        if full and name == "add_reading":
            raise DatabaseError("database or disk is full")
        real(self, name, rows)

    monkeypatch.setattr(Store, "many", many)

    async def perform(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.raised:
            resumed.set()

    async def sleep(seconds: float) -> None:
        nonlocal full
        pauses.append(seconds)
        assert not [one for one in outcomes if one.acks]
        full = len(pauses) < 4
        await asyncio.sleep(0)

    async def story() -> None:
        writer_thread = WriterThread(Clock(), perform, ThreadPoolExecutor(1), sleep)
        await writer_thread.open(small_site(), tmp_path / "store.sqlite3", connect)
        running = asyncio.create_task(writer_thread.run(), name="writer")
        writer_thread.offer(batch)
        await resumed.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await writer_thread.close()

    other = Building(tmp_path / ".." / tmp_path.name)
    batch = other.batch([reading(1, 20.0)])
    other.writer.close()
    play(story())
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    assert [bool(one.acks) for one in outcomes] == [True, False]
    writer = Writer(small_site(), tmp_path / "store.sqlite3", Clock(T0), connect)
    connection = writer.ingest().store.connection
    assert connection.execute("SELECT count(*) FROM reading").fetchone() == (1,)
    assert connection.execute("SELECT kind, code, state FROM alarm").fetchall() == [
        ("store", "unwritable", "returned-unacknowledged")
    ]
    writer.close()


def test_a_real_database_full_is_rolled_back_and_taken_again(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    outcomes: list[Outcome] = []
    pauses: list[float] = []

    async def perform(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if outcome.raised:
            resumed.set()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    def fill(ingest: Ingest) -> None:
        connection = ingest.store.connection
        connection.pragma("max_page_count", connection.pragma("page_count"))

    async def story() -> None:
        writer_thread = WriterThread(Clock(), perform, ThreadPoolExecutor(1), sleep)
        await writer_thread.open(small_site(), tmp_path / "store.sqlite3", connect)
        await writer_thread.ask(fill)
        running = asyncio.create_task(writer_thread.run(), name="writer")
        writer_thread.offer(batch)
        await resumed.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        stored = await writer_thread.ask(lambda ingest: ingest.store.rows("committed_ranges"))
        assert stored == [(1, 1, 3000)]
        await writer_thread.close()

    resumed = asyncio.Event()
    (tmp_path / "other").mkdir()
    other = Building(tmp_path / "other")
    batch = other.batch([reading(n / 1000, 20.0) for n in range(3000)])
    other.writer.close()
    play(story())
    assert pauses == [0.1]
    assert acks.decode(outcomes[1].acks[0][2]).committed == ((1, 3000),)


def test_a_full_inbox_lets_go_of_batches_and_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, play: Callable[..., Any]
) -> None:
    monkeypatch.setattr("gateway.engine.writer_thread.LARGEST_INBOX", 500)

    async def perform(outcome: Outcome) -> None:
        pass

    async def story() -> int:
        writer_thread = WriterThread(Clock(), perform, ThreadPoolExecutor(1))
        for _ in range(10):
            writer_thread.offer(batch)
        await writer_thread.close()
        return writer_thread.let_go

    building = Building(tmp_path)
    batch = building.batch([reading(n, 20.0) for n in range(3)])
    building.writer.close()
    assert 0 < play(story()) < 10
