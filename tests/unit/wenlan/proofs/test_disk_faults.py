"""The disk with faults, held against what SQLite promises: its cuts of power are real ones."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from runtime.database import (
    Connection,
    DatabaseError,
    Failure,
    close,
    connect,
    failure,
    transaction,
)
from runtime.folder import Folder, SystemFolder
from wenlan.proofs.disk_faults import Disk, Faults, Write, copy_as_killed
from wenlan.proofs.faulty_files import FaultyFolder, FileLayer

CUTS = 24
"""Cuts of power for each way of syncing. (300 were made once: see decision 0010.)"""


class Machine:
    """One process's disk, its database, and what it was promised."""

    def __init__(self, folder: Path, seed: int) -> None:
        folder.mkdir()
        self.folder = folder
        self.faults = Faults()
        self.random = Random(seed)
        self.wait: Callable[[float], None] = self._count
        self.disk = Disk(lambda: self.faults, self.random, self._turn, keep=True)
        self.layer = FileLayer(f"faulty {folder}", self.disk)
        self.waited = 0.0

    def _turn(self, seconds: float) -> None:
        self.wait(seconds)

    def _count(self, seconds: float) -> None:
        self.waited += seconds

    def connect(self) -> Connection:
        return connect(self.folder / "s", vfs=f"faulty {self.folder}")

    def begin(self) -> Connection:
        store = self.connect()
        store.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
        return store

    def insert(self, store: Connection, number: int) -> None:
        with transaction(store):
            store.execute("INSERT INTO t VALUES (?, randomblob(?))", (number, 300))


@pytest.fixture(name="machine")
def _machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "disk", 1)


def held(path: Path) -> list[int]:
    store = connect(path)
    try:
        verdict = store.execute("PRAGMA integrity_check").fetchall()
        assert verdict == [("ok",)], verdict
        return [number for (number,) in store.execute("SELECT n FROM t ORDER BY n")]
    finally:
        store.close()


class PowerCutError(Exception):
    """Ends a story in the midst of a turn of the disk."""


def after_a_cut(folder: Path, seed: int, synchronous: str) -> tuple[int, int | None]:
    """Commit rows until the power goes; give how many were promised and found, None: damaged."""
    machine = Machine(folder, seed)
    store = machine.begin()
    store.pragma("synchronous", synchronous)
    store.pragma("wal_autocheckpoint", 20)
    left = machine.random.randint(1, 800)

    def turn(_: float) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            machine.disk.lose_power(machine.folder, folder / "after")
            raise PowerCutError

    machine.wait = turn
    machine.faults.latency = 1.0
    promised = 0
    with suppress(PowerCutError):
        while True:
            machine.insert(store, promised)
            promised += 1
    machine.faults.latency = 0.0
    store.close()
    try:
        found = held(folder / "after" / "s")
    except (DatabaseError, AssertionError):
        return promised, None
    # A later row without an earlier one is damage too.
    return promised, len(found) if found == list(range(len(found))) else None


def test_no_promised_row_is_lost_when_every_commit_is_synced(tmp_path: Path) -> None:
    for seed in range(CUTS):
        promised, found = after_a_cut(tmp_path / str(seed), seed, "full")
        assert found is not None, f"damaged by the cut of seed {seed}"
        assert promised <= found <= promised + 1, f"{promised}, {found} after seed {seed}"


def test_rows_are_lost_when_only_checkpoints_are_synced(tmp_path: Path) -> None:
    runs = [after_a_cut(tmp_path / str(seed), seed, "normal") for seed in range(CUTS)]
    assert all(found is not None for _, found in runs)
    assert sum(found is not None and found < promised for promised, found in runs) > CUTS // 2


def test_files_are_damaged_when_nothing_is_synced(tmp_path: Path) -> None:
    runs = [after_a_cut(tmp_path / str(seed), seed, "off") for seed in range(CUTS)]
    assert sum(found is None or found < promised for promised, found in runs) > CUTS // 2
    assert any(found is None for _, found in runs)


def test_a_cut_of_the_same_seed_leaves_the_same_bytes(tmp_path: Path) -> None:
    def left(folder: Path) -> list[bytes]:
        after_a_cut(folder, 7, "normal")
        return [len(file.read_bytes()).to_bytes(8) for file in sorted((folder / "after").iterdir())]

    assert left(tmp_path / "a") == left(tmp_path / "b")


def test_a_kill_loses_nothing_that_was_written(machine: Machine, tmp_path: Path) -> None:
    store = machine.begin()
    store.pragma("synchronous", "off")
    for number in range(50):
        machine.insert(store, number)
    store.execute("BEGIN IMMEDIATE")
    store.execute("INSERT INTO t VALUES (50, x'')")
    copy_as_killed(machine.folder, tmp_path / "killed")
    assert held(tmp_path / "killed" / "s") == list(range(50))


@contextmanager
def sorted_as(kind: Failure) -> Iterator[None]:
    with pytest.raises(DatabaseError) as caught:
        yield
    assert failure(caught.value) is kind


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (Faults(write_error=1), Failure.IO),
        (Faults(sync_error=1), Failure.IO),
        (Faults(full=True), Failure.FULL),
        (Faults(room=1000), Failure.FULL),
    ],
    ids=["write", "sync", "full", "room"],
)
def test_work_goes_on_after_a_fault(machine: Machine, trouble: Faults, kind: Failure) -> None:
    store = machine.begin()
    machine.insert(store, 0)
    machine.faults = trouble
    for number in (1, 2):
        with sorted_as(kind):
            machine.insert(store, number)
    assert not store.in_transaction
    machine.faults = Faults()
    store.close()
    store = machine.connect()
    machine.insert(store, 3)
    store.close()
    found = held(machine.folder / "s")
    # A commit that failed is in doubt: it may be there. What was promised is.
    assert {0, 3} <= set(found) <= {0, 1, 2, 3}


def test_a_commit_whose_sync_failed_is_in_doubt(tmp_path: Path) -> None:
    there = set[bool]()
    for seed in range(20):
        machine = Machine(tmp_path / str(seed), seed)
        store = machine.begin()
        machine.faults.sync_error = 1
        with sorted_as(Failure.IO):
            machine.insert(store, 1)
        machine.disk.lose_power(machine.folder, tmp_path / str(seed) / "after")
        there.add(held(tmp_path / str(seed) / "after" / "s") == [1])
        close(store)
    assert there == {True, False}


def test_a_database_is_closed_on_a_sick_disk_too(machine: Machine) -> None:
    store = machine.begin()
    machine.insert(store, 1)
    machine.faults = Faults(write_error=1, sync_error=1)
    close(store)
    machine.faults = Faults()
    assert held(machine.folder / "s") == [1]


def test_a_file_that_cannot_be_read_or_opened_is_for_now(machine: Machine) -> None:
    machine.begin().close()
    for trouble in (Faults(read_error=1), Faults(open_error=1)):
        machine.faults = trouble
        with sorted_as(Failure.IO):
            machine.connect().execute("SELECT * FROM t").fetchall()
    machine.faults = Faults()
    assert machine.connect().execute("SELECT * FROM t").fetchall() == []


def test_a_bit_that_flips_is_seen_and_is_not_on_the_disk(machine: Machine) -> None:
    store = machine.begin()
    for number in range(200):
        machine.insert(store, number)
    close(store)
    clean = (machine.folder / "s").read_bytes()
    altered, kinds = set[int](), set[Failure]()
    machine.faults = Faults(flip=1)
    for _ in range(20):
        try:
            store = machine.connect()
            rows = store.execute("SELECT n, length(body) FROM t").fetchall()
            altered.add(sum(row != (n, 300) for n, row in enumerate(rows)))
        except DatabaseError as error:
            kinds.add(failure(error))
    assert kinds <= {Failure.CORRUPT, Failure.IO, Failure.PROGRAM}
    assert kinds or altered != {0}
    assert (machine.folder / "s").read_bytes() == clean


def test_a_slow_disk_takes_its_time(machine: Machine) -> None:
    store = machine.begin()
    before = machine.waited
    machine.faults.latency = 0.25
    machine.insert(store, 1)
    assert machine.waited - before >= 0.5, "a write and a sync"


FolderMaker = Callable[[Machine], Folder]


def faulty(machine: Machine) -> Folder:
    return FaultyFolder(machine.folder, machine.disk)


def real(machine: Machine) -> Folder:
    return SystemFolder(machine.folder)


@pytest.mark.parametrize("make", [real, faulty])
def test_a_faulty_folder_without_faults_is_a_folder(machine: Machine, make: FolderMaker) -> None:
    folder = make(machine)
    folder.write("b", b"old")
    folder.write("b", b"new")
    folder.write_at("a", 2, b"xy", sync=True)
    folder.write_at("a", 0, b"12", sync=False)
    folder.rename("a", "c")
    folder.unlink("none")
    assert folder.names() == ["b", "c"]
    assert (folder.read("b"), folder.read("c")) == (b"new", b"12xy")
    assert folder.exists("c")
    assert not folder.exists("a")
    assert folder.free() > 0
    with pytest.raises(FileNotFoundError):
        folder.read("a")


def test_after_a_cut_a_small_file_is_the_old_or_the_new(tmp_path: Path) -> None:
    for seed in range(40):
        machine = Machine(tmp_path / str(seed), seed)
        folder = faulty(machine)
        folder.write("key", b"old" * 500)
        machine.faults = Faults(write_error=0.3, sync_error=0.3)
        new, sure = b"new" * 500, False
        with suppress(OSError):
            folder.write("key", new)
            sure = True
        machine.disk.lose_power(machine.folder, tmp_path / str(seed) / "after")
        found = (tmp_path / str(seed) / "after" / "key").read_bytes()
        assert found == new if sure else found in (b"old" * 500, new)


def test_what_is_written_in_place_is_sure_once_synced(tmp_path: Path) -> None:
    kept = set[bytes]()
    for seed in range(40):
        machine = Machine(tmp_path / str(seed), seed)
        folder = faulty(machine)
        folder.write_at("witness", 0, b"a" * 64, sync=True)
        folder.write_at("witness", 64, b"b" * 64, sync=False)
        machine.disk.lose_power(machine.folder, tmp_path / str(seed) / "after")
        kept.add((tmp_path / str(seed) / "after" / "witness").read_bytes())
    assert kept == {b"a" * 64, b"a" * 64 + b"b" * 64}


def test_a_full_disk_refuses_small_files_too(machine: Machine) -> None:
    folder = faulty(machine)
    folder.write("key", b"old")
    machine.faults = Faults(room=10)
    assert folder.free() == 10
    with pytest.raises(OSError, match="No space"):
        folder.write("key", b"longer than ten bytes")
    assert folder.read("key") == b"old"
    folder.write_at("key", 0, b"new", sync=True)  # over what is there: no room is needed
    machine.faults = Faults(full=True)
    with pytest.raises(OSError, match="No space"):
        folder.write_at("key", 0, b"end", sync=True)
    assert folder.read("key") == b"new"


def test_a_torn_write_keeps_whole_sectors() -> None:
    write = Write(500, bytes(2000))
    kept = {len(write.torn(Random(seed)).content or b"") for seed in range(200)}
    assert kept == {0, 12, 524, 1036, 1548, 2000}
