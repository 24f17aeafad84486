"""The journal on disk against a model: append, prune, close, crash, thin, damage."""

import sqlite3
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from contracts.codec import decode_record, encode
from contracts.instants import SECOND
from contracts.ranges import Ranges
from contracts.records import DeviceChanged, JournalThinned, Reading
from edge.journal.file import JournalError, JournalFile, Row
from edge.journal.opening import open_file

LARGE = 2**30


def reading(number: int, point: str = "probe/temperature") -> Row:
    body = encode(Reading(point, number * SECOND, float(number)))
    return Row(number * SECOND, point, body)


def event(number: int) -> Row:
    return Row(number * SECOND, None, encode(DeviceChanged("probe", number * SECOND, True)))


def rows_of(journal: JournalFile) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    first = 1
    while (piece := journal.read(first, 2**60, 7, 10_000)) is not None:
        found |= dict(enumerate(piece.bodies, piece.first))
        first = piece.first + len(piece.bodies)
    return found


class Against(RuleBasedStateMachine):
    """The file does what a dictionary and a counter do."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "journal.sqlite3"
        self.journal, _ = open_file(self.path, 0)
        self.stream = self.journal.stream
        self.rows: dict[int, bytes] = {}
        self.memory: dict[str, bytes] = {}
        self.last = 0

    @rule(
        count=st.integers(0, 5),
        memory=st.dictionaries(st.sampled_from("abc"), st.none() | st.binary(max_size=3)),
    )
    def append(self, count: int, memory: dict[str, bytes | None]) -> None:
        rows = [reading(self.last + 1 + offset) for offset in range(count)]
        done = self.journal.append(rows, memory, LARGE, 0)
        self.rows |= {self.last + 1 + offset: row.body for offset, row in enumerate(rows)}
        self.last += count
        assert done.last == self.last
        for key, value in memory.items():
            self.memory.pop(key, None)
            if value is not None:
                self.memory[key] = value

    @rule(first=st.integers(1, 30), length=st.integers(0, 30))
    def prune(self, first: int, length: int) -> None:
        self.journal.prune(Ranges([(first, first + length)]))
        self.rows = {
            seq: row for seq, row in self.rows.items() if not first <= seq <= first + length
        }

    @rule()
    def prune_all(self) -> None:
        self.journal.prune(Ranges([(1, max(1, self.last))]))
        self.rows.clear()

    @rule()
    def fail(self) -> None:
        """A transaction that breaks in the middle leaves nothing behind."""
        broken = Row(0, None, None)  # type: ignore[arg-type]  # refused by the table
        with pytest.raises(JournalError):
            self.journal.append([reading(self.last + 1), broken], {"a": b"broken"}, LARGE, 0)

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal, wrong = open_file(self.path, 1)
        assert not wrong
        assert self.journal.stream == self.stream
        assert self.journal.last == self.last
        assert self.journal.pending == Ranges((seq, seq) for seq in self.rows)
        assert self.journal.memory == self.memory

    @invariant()
    def same(self) -> None:
        assert rows_of(self.journal) == self.rows

    def teardown(self) -> None:
        self.reopen()
        self.journal.close()
        self.folder.cleanup()


Against.TestCase.settings = settings(max_examples=15, stateful_step_count=20)
TestAgainst = Against.TestCase


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    journal, _ = open_file(tmp_path / "j", 0)
    with pytest.raises(JournalError, match="in use by another process"):
        open_file(tmp_path / "j", 0)
    journal.close()
    open_file(tmp_path / "j", 0)[0].close()


def test_a_journal_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    open_file(tmp_path / "j", 0)[0].close()
    db = sqlite3.connect(tmp_path / "j")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(JournalError, match="newer program"):
        open_file(tmp_path / "j", 0)
    assert not list(tmp_path.glob("*.corrupt-*"))


@pytest.mark.parametrize("damage", ["noise", "zeros", "truncated", "page", "foreign", "no tables"])
def test_a_damaged_journal_is_kept_and_a_new_stream_begins(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "j"
    journal, _ = open_file(path, 0)
    journal.append([reading(number) for number in range(1000)], {}, LARGE, 0)
    journal.close()
    content = path.read_bytes()
    match damage:
        case "noise":
            path.write_bytes(b"nonsense" * 1000)
        case "zeros":
            path.write_bytes(bytes(len(content)))
        case "truncated":
            path.write_bytes(content[: len(content) // 2])
        case "page":
            path.write_bytes(content[:8192] + b"\xff" * 8192 + content[16384:])
        case "foreign":
            path.unlink()
            db = sqlite3.connect(path)
            db.execute("CREATE TABLE other (x)")
            db.close()
        case "no tables":
            db = sqlite3.connect(path)
            db.execute("DROP TABLE memory")
            db.close()
    damaged = path.read_bytes()
    fresh, wrong = open_file(path, 77)
    assert "unusable" in wrong
    assert fresh.stream != journal.stream
    assert fresh.last == 0
    assert fresh.append([reading(1)], {}, LARGE, 0).last == 1
    fresh.close()
    assert (tmp_path / "j.corrupt-77").read_bytes()[: len(damaged)] == damaged


def test_an_empty_file_is_a_new_journal(tmp_path: Path) -> None:
    (tmp_path / "j").touch()
    journal, wrong = open_file(tmp_path / "j", 0)
    assert not wrong
    assert journal.last == 0
    journal.close()


def test_thinning_gives_up_every_second_old_reading_and_tells_exactly_which(
    tmp_path: Path,
) -> None:
    journal, _ = open_file(tmp_path / "j", 0)
    largest = 300_000
    written: dict[int, Row] = {}
    thinned = Ranges()
    number = 0
    while thinned.size < 1000:
        rows: list[Row] = []
        for _ in range(50):
            number += 1
            rows += [reading(number, "a/t"), reading(number, "a/h"), reading(number, "b/t")]
        rows.append(event(number))
        first = journal.last + 1
        done = journal.append(rows, {}, largest, number * SECOND)
        written |= dict(enumerate(rows, first))
        thinned = thinned.union(done.thinned)
        assert journal.used() < largest
    kept = rows_of(journal)
    notices = [
        record
        for record in (decode_record(body) for body in kept.values())
        if isinstance(record, JournalThinned)
    ]
    told = Ranges(one for notice in notices for one in notice.ranges)
    assert told == thinned
    assert set(kept) | {seq for one in thinned for seq in range(one.first, one.last + 1)} == set(
        range(1, journal.last + 1)
    )
    for seq, row in written.items():
        if seq in thinned:
            assert row.point is not None, "an event was given up"
            assert any(one.since <= row.at <= one.until for one in notices)
        else:
            assert kept[seq] == row.body
    newest = [row for seq, row in written.items() if seq > journal.last - 100]
    assert all(row.body in kept.values() for row in newest)
    journal.close()


def test_events_are_never_given_up(tmp_path: Path) -> None:
    journal, _ = open_file(tmp_path / "j", 0)
    for start in range(0, 4000, 500):
        journal.append([event(start + one) for one in range(500)], {}, 100_000, 0)
    assert journal.used() > 100_000
    assert len(rows_of(journal)) == journal.last == 4000
    journal.close()


def test_pruned_space_is_used_again(tmp_path: Path) -> None:
    journal, _ = open_file(tmp_path / "j", 0)
    largest = 0
    for start in range(0, 10_000, 500):
        journal.append([reading(start + one) for one in range(500)], {}, LARGE, 0)
        journal.prune(Ranges([(1, journal.last)]))
        largest = max(largest, (tmp_path / "j").stat().st_size)
    journal.close()
    assert largest < 300_000


def test_damage_that_is_found_later_sets_the_file_aside_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal, _ = open_file(path, 0)
    # More than SQLite keeps in memory, so that the damage is read.
    journal.append([reading(number) for number in range(60_000)], {}, LARGE, 0)
    journal.close()
    journal, _ = open_file(path, 0)
    content = bytearray(path.read_bytes())
    content[40_960:49_152] = b"\xff" * 8192
    path.write_bytes(content)
    with pytest.raises(JournalError, match="the next start sets the file aside"):
        rows_of(journal)
    journal.close()
    fresh, wrong = open_file(path, 5)
    assert "kept as j.corrupt-5" in wrong
    assert fresh.last == 0
    fresh.close()
    open_file(path, 6)[0].close()
    assert len(list(tmp_path.glob("j.corrupt-*"))) >= 1
    assert not (tmp_path / "j.corrupt-6").exists()
