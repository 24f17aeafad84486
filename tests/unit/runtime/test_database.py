"""The way to SQLite: what it promises about commits, and how its errors are sorted."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runtime.database import Connection, DatabaseError, Failure, connect, failure, transaction


def rows(store: Connection) -> list[int]:
    return [number for (number,) in store.execute("SELECT n FROM t ORDER BY n")]


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Connection:
    store = connect(tmp_path / "s", patience=0.0)
    store.execute("CREATE TABLE t (n INTEGER PRIMARY KEY CHECK (n < 100)) STRICT")
    return store


class BindingError(Exception):
    """What a caller's own values may raise half-way."""


def unreadable() -> Iterator[tuple[int]]:
    yield (3,)
    raise BindingError


def why(store: Connection, statement: str, *values: int | str) -> Failure:
    with pytest.raises(DatabaseError) as caught:
        store.execute(statement, values).fetchall()
    return failure(caught.value)


def test_what_is_committed_is_synced(store: Connection) -> None:
    assert store.pragma("journal_mode") == "wal"
    assert store.pragma("synchronous") == 2


def test_a_place_without_a_log_is_refused() -> None:
    with pytest.raises(DatabaseError, match="only memory"):
        connect(Path(":memory:"))


def test_a_transaction_is_kept_or_undone_as_a_whole(store: Connection) -> None:
    with transaction(store):
        store.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    with pytest.raises(BindingError), transaction(store):
        store.executemany("INSERT INTO t VALUES (?)", unreadable())
    with pytest.raises(DatabaseError), transaction(store):
        store.executemany("INSERT INTO t VALUES (?)", [(4,), (2,)])
    assert not store.in_transaction
    assert rows(store) == [1, 2]


def test_a_transaction_whose_connection_is_gone_tells_the_first_error(store: Connection) -> None:
    def closed() -> None:
        with transaction(store):
            store.close()
            raise BindingError

    with pytest.raises(BindingError):
        closed()


def test_a_reader_keeps_one_picture_and_changes_nothing(store: Connection, tmp_path: Path) -> None:
    store.execute("INSERT INTO t VALUES (1)")
    with closing(connect(tmp_path / "s", read_only=True)) as reader:
        with transaction(reader, "DEFERRED"):
            assert rows(reader) == [1]
            store.execute("INSERT INTO t VALUES (2)")
            assert rows(reader) == [1]
        assert rows(reader) == [1, 2]
        assert why(reader, "INSERT INTO t VALUES (3)") is Failure.IO


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError) as caught:
        connect(tmp_path / "none", read_only=True)
    assert failure(caught.value) is Failure.IO
    assert not list(tmp_path.iterdir())


def test_errors_are_sorted_by_what_can_be_done(store: Connection) -> None:
    assert why(store, "INSERT INTO t VALUES (100)") is Failure.REFUSED
    assert why(store, "INSERT INTO t VALUES (?)", "x") is Failure.REFUSED
    assert why(store, "INSERT INTO t VALUES (zeroblob(2000000000))") is Failure.REFUSED
    assert why(store, "INSERT INTO nothing VALUES (1)") is Failure.PROGRAM
    assert why(store, "INSERT INTO t VALUES (?)", 1, 2) is Failure.PROGRAM
    store.close()
    assert why(store, "SELECT 1") is Failure.PROGRAM


def test_a_lock_of_another_is_for_now(store: Connection, tmp_path: Path) -> None:
    with closing(connect(tmp_path / "s", patience=0.0)) as other, transaction(other):
        assert why(store, "BEGIN IMMEDIATE") is Failure.IO


def test_a_full_disk_is_told_from_a_sick_one(store: Connection) -> None:
    store.pragma("max_page_count", store.pragma("page_count"))
    store.execute("SAVEPOINT s")
    assert why(store, "CREATE TABLE more (n INTEGER) STRICT") is Failure.FULL


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "s").write_bytes(os.urandom(4096))
    with pytest.raises(DatabaseError) as caught:
        connect(tmp_path / "s")
    assert failure(caught.value) is Failure.CORRUPT


def test_a_page_that_rotted_is_damaged(store: Connection, tmp_path: Path) -> None:
    store.executemany("INSERT INTO t VALUES (?)", [(n,) for n in range(100)])
    store.close()
    content = bytearray((tmp_path / "s").read_bytes())
    content[4096:4104] = b"\xff" * 8  # the head of the page that holds the rows
    (tmp_path / "s").write_bytes(content)
    with closing(connect(tmp_path / "s")) as again:
        assert why(again, "SELECT n FROM t") is Failure.CORRUPT


def test_a_question_is_interrupted_from_another_thread(store: Connection) -> None:
    endless = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c"
    heard: list[Failure] = []
    asked = threading.Event()

    def tell(*_: object) -> int:
        asked.set()
        return 1

    store.create_scalar_function("asked", tell, 0)
    asker = threading.Thread(
        target=lambda: heard.append(why(store, f"SELECT asked(), ({endless})"))
    )
    asker.start()
    assert asked.wait(10)
    store.interrupt()
    asker.join(10)
    assert heard == [Failure.INTERRUPTED]
