"""The folder of an example library: what is not its own is never deleted, renamed or written to."""

import errno
import os
from pathlib import Path

import pytest

from wenlan.example.folder import MADE, MARK, Claim, FolderError, claim, foreign

SITE = "zhijiang"
WRITTEN = (
    "environment.json",
    "supervisor.jsonl",
    "control-port",
    "ledger.jsonl",
    "polls.jsonl",
    "journal-front.sqlite3",
    "journal-front.sqlite3-wal",
    "journal-front.sqlite3.lock",
    "store.sqlite3",
    "import-import-0f3a.sqlite3",
    "logs/edge-front.log",
    "pids/gateway",
    "broker/nats.conf",
    "broker/jetstream/jetstream/$G/streams/$MQTT_sess/meta.inf",
    "front/patron.key",
)
"""What a run leaves behind."""


def live_in(folder: Path) -> None:
    for name in WRITTEN:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name, encoding="utf-8")
    (folder / "pad-1").symlink_to("/dev/pts/never")


def listing(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Terminal:
    """What the user is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path / "demo"


def leave(claimed: Claim) -> None:
    """End the process, as far as its lock goes."""
    os.close(claimed.lock)


def begin(folder: Path, say: Terminal | None = None, *, keep: bool = False) -> Claim:
    return claim(folder, SITE, say or Terminal(), keep=keep)


def a_day(folder: Path, *, keep: bool = False) -> None:
    claimed = begin(folder, keep=keep)
    live_in(folder)
    leave(claimed)


def test_a_new_folder_and_an_empty_one_are_taken_and_marked(folder: Path) -> None:
    leave(begin(folder / "deep"))
    assert (folder / "deep" / MARK).exists()
    (folder / "empty").mkdir()
    leave(begin(folder / "empty"))
    assert (folder / "empty" / MARK).exists()


def test_nothing_that_a_run_writes_is_foreign(folder: Path) -> None:
    a_day(folder)
    assert foreign(folder) == []


def test_a_building_is_put_aside_and_the_one_before_it_removed_and_both_are_said(
    folder: Path,
) -> None:
    previous = folder.with_name("demo.previous")
    a_day(folder)
    (folder / "ledger.jsonl").write_text("the first", encoding="utf-8")
    say = Terminal()
    leave(begin(folder, say))
    assert str(previous) in say.lines[0]
    assert "removed" not in say.lines[0]
    assert any("--keep" in line for line in say.lines)
    assert (previous / "ledger.jsonl").read_text(encoding="utf-8") == "the first"
    live_in(folder)
    say = Terminal()
    leave(begin(folder, say))
    assert "removed" in say.lines[0]
    assert (previous / "ledger.jsonl").read_text(encoding="utf-8") == "ledger.jsonl"


def test_a_building_that_never_came_up_does_not_push_out_the_one_before_it(folder: Path) -> None:
    previous = folder.with_name("demo.previous")
    a_day(folder)
    (folder / "ledger.jsonl").write_text("a real one", encoding="utf-8")
    for _ in range(3):
        leave(begin(folder))
    assert (previous / "ledger.jsonl").read_text(encoding="utf-8") == "a real one"
    assert listing(folder).keys() == {MARK}


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "logs/notes.txt",
        "front/notes.txt",
        "pictures/one.png",
        "store.txt",
        "broker/mine.conf",
        "deep/store.sqlite3",
        "deep/logs/edge.log",
    ],
)
def test_a_foreign_thing_in_a_building_stops_a_new_one_and_is_named(
    folder: Path, name: str
) -> None:
    a_day(folder)
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text("mine", encoding="utf-8")
    before = listing(folder)
    with pytest.raises(FolderError, match=r"Nothing was touched") as refused:
        begin(folder)
    assert name in str(refused.value)
    assert listing(folder) == before
    assert not folder.with_name("demo.previous").exists()
    # Going on deletes nothing, so it is allowed.
    leave(begin(folder, keep=True))
    assert (folder / name).read_text(encoding="utf-8") == "mine"


def test_an_empty_foreign_folder_and_a_link_are_foreign_too(folder: Path, tmp_path: Path) -> None:
    a_day(folder)
    (folder / "mine").mkdir()
    (folder / "elsewhere").symlink_to(tmp_path)
    assert foreign(folder) == ["elsewhere", "mine"]


@pytest.mark.parametrize("keep", [False, True])
def test_a_folder_that_bears_no_mark_is_refused_in_words(folder: Path, keep: bool) -> None:
    folder.mkdir()
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FolderError, match=r"notes\.txt.*Nothing was touched.*--data"):
        begin(folder, keep=keep)
    assert listing(folder) == {"notes.txt": "mine"}


@pytest.mark.parametrize("what", ["a folder", "a file", "a link", "a building with notes"])
def test_what_bears_the_name_of_the_previous_building_is_not_removed(
    folder: Path, tmp_path: Path, what: str
) -> None:
    previous = folder.with_name("demo.previous")
    a_day(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if what == "a folder":
        previous.mkdir()
    elif what == "a file":
        previous.write_text("mine", encoding="utf-8")
    elif what == "a link":
        previous.symlink_to(elsewhere)
    else:
        a_day(previous)
        (previous / "notes.txt").write_text("mine", encoding="utf-8")
    before = listing(tmp_path)
    with pytest.raises(FolderError, match=r"Nothing was touched.*--data"):
        begin(folder)
    assert listing(tmp_path) == before
    assert elsewhere.exists()


def test_a_building_of_0_1_is_known_without_a_mark(folder: Path) -> None:
    live_in(folder)
    leave(begin(folder))
    assert (folder.with_name("demo.previous") / "store.sqlite3").exists()


def test_keep_goes_on_with_what_is_there_and_says_so(folder: Path) -> None:
    a_day(folder)
    before = listing(folder)
    say = Terminal()
    claimed = begin(folder, say, keep=True)
    assert claimed.kept
    leave(claimed)
    assert listing(folder).keys() == before.keys()
    assert "goes on" in say.lines[0]


def test_keep_without_a_building_begins_one_and_says_so(folder: Path) -> None:
    say = Terminal()
    claimed = begin(folder, say, keep=True)
    assert not claimed.kept
    assert "a new one begins" in say.lines[0]
    leave(claimed)


def test_keep_does_not_go_on_with_another_sites_building(folder: Path) -> None:
    a_day(folder)
    with pytest.raises(FolderError, match=r"'zhijiang', not of 'annex'.*--keep"):
        claim(folder, "annex", Terminal(), keep=True)


@pytest.mark.parametrize("keep", [False, True])
def test_a_second_start_is_told_where_the_first_one_is(folder: Path, keep: bool) -> None:
    first = begin(folder)
    first.note(process=4711, address="http://127.0.0.1:8080")
    with pytest.raises(FolderError, match=r"open already at http://127\.0\.0\.1:8080.*4711"):
        begin(folder, keep=keep)
    leave(first)
    leave(begin(folder, keep=keep))


def test_a_mark_that_was_cut_off_is_still_a_mark(folder: Path) -> None:
    a_day(folder)
    (folder / MARK).write_text('{"site": "zhij', encoding="utf-8")
    leave(begin(folder, keep=True))


def test_a_file_instead_of_a_folder_is_refused(folder: Path) -> None:
    folder.write_text("mine", encoding="utf-8")
    with pytest.raises(FolderError, match="is a file"):
        begin(folder)
    assert folder.read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES])
def test_a_disk_that_takes_nothing_is_said_in_words(
    folder: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(FolderError, match=rf"{os.strerror(code)}\. Choose another.*--data"):
        begin(folder)


def test_every_pattern_is_used_by_what_a_run_leaves_behind(folder: Path) -> None:
    """A pattern that fits nothing would only give away what is somebody else's."""
    a_day(folder)
    names = [path.relative_to(folder) for path in folder.rglob("*")]
    unused = [
        pattern
        for pattern in MADE
        if not any(name.match(pattern) for name in names)
        and not pattern.startswith(("broker/jetstream", "ledger.jsonl.1", "polls.jsonl.1"))
        and not pattern.endswith(".new")
    ]
    assert unused == []
