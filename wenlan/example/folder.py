"""The folder of an example library: it bears a mark, and what is not its own is never touched."""

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from wenlan.example.leftovers import end_left_over
from wenlan.example.site import ENVIRONMENT
from wenlan.proofs.notes import DIARY

STORE = "store.sqlite3"
MARK = "wenlan-example.json"
MADE = (
    MARK,
    ENVIRONMENT,
    DIARY,
    f"{MARK}.new",
    "control-port",
    "ledger.jsonl",
    "polls.jsonl",
    "polls.jsonl.1",
    "ledger.jsonl.1",  # of 0.1
    "pad-1",
    "journal-*.sqlite3*",
    "import-*.sqlite3*",
    "store.sqlite3*",
    "logs/*.log",
    "pids/*",
    "broker/nats.conf",
    "broker/jetstream/*",
    "*/patron.key",
    "*/patron.key.new",
)
"""What the processes of a library write, as patterns."""
FOLDERS = ("logs", "pids", "broker", "broker/jetstream", "broker/jetstream/*")
SHOWN = 5
"""Foreign things that a refusal names."""


class FolderError(Exception):
    """A folder cannot be used; says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A folder that is ours for as long as this process lives."""

    folder: Path
    kept: bool
    """Whether the building that was there goes on."""
    lock: int
    """File descriptor of the folder, which holds the lock."""

    def note(self, **facts: Any) -> None:
        """Write into the mark what a second start should be told."""
        _write_mark(self.folder, _mark(self.folder) | facts)


def claim(folder: Path, site: str, say: Callable[[str], None], *, keep: bool) -> Claim:
    """Take a folder for a building: a new one, or with `keep` the one that is there.

    A building of ours that is there becomes `<folder>.previous`; the one that had that name is
    removed. Raises FolderError, and then nothing was touched.
    """
    try:
        return _claim(folder, site, say, keep=keep)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be used: {error.strerror or error}. Choose another folder with"
            " --data, or give this one room and write access."
        ) from error


def demand_closed(folder: Path) -> None:
    """Raise FolderError when a library is open in a folder."""
    if (folder / MARK).is_file():
        os.close(_lock(folder))


def _claim(folder: Path, site: str, say: Callable[[str], None], *, keep: bool) -> Claim:
    if folder.exists() and not folder.is_dir():
        raise FolderError(f"{folder} is a file. Give a folder with --data.")
    if not folder.exists() or not any(folder.iterdir()):
        if keep:
            say(f"There is no building in {folder} to go on with: a new one begins.")
        return _begin(folder, site)
    if not _is_ours(folder):
        held = _some([one.name for one in folder.iterdir()])
        raise FolderError(
            f"{folder} was not made by this program; it holds {held}."
            " Nothing was touched. Give an empty or a new folder with --data."
        )
    lock = _lock(folder)
    try:
        # Whoever was killed may have left its processes: they would write into either building.
        end_left_over(folder, say)
        if keep:
            _go_on(folder, site, say)
            return Claim(folder, kept=True, lock=lock)
        _put_aside(folder, say)
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return _begin(folder, site)


def _go_on(folder: Path, site: str, say: Callable[[str], None]) -> None:
    held = _mark(folder).get("site", site)
    if held != site:
        raise FolderError(
            f"{folder} holds a building of site {held!r}, not of {site!r}. Nothing was touched."
            " Leave --keep out, or give another folder with --data."
        )
    say(f"The building in {folder} goes on.")
    _write_mark(folder, {"site": site})


def _begin(folder: Path, site: str) -> Claim:
    folder.mkdir(parents=True, exist_ok=True)
    lock = _lock(folder)
    _write_mark(folder, {"site": site})
    return Claim(folder, kept=False, lock=lock)


def _put_aside(folder: Path, say: Callable[[str], None]) -> None:
    previous = folder.with_name(f"{folder.name}.previous")
    _demand_only_own(folder)
    if not (folder / STORE).exists():
        # It never came up: what was put aside before is worth more.
        _remove(folder)
        return
    removed = ""
    if previous.is_symlink() or (previous.exists() and not _is_ours(previous)):
        raise FolderError(
            f"The building in {folder} should become {previous}, but that is something else, which"
            " this program did not make. Nothing was touched. Move it, or give another folder with"
            " --data, or go on with the building (./run --keep)."
        )
    if previous.exists():
        _demand_only_own(previous)
        os.close(_lock(previous))
        _remove(previous)
        removed = " (the one before it is removed)"
    folder.rename(previous)
    say(f"A new building begins. The last one is now in {previous}{removed}.")
    say("To go on with a building instead of beginning anew: ./run --keep")


# Whose it is


def _is_ours(folder: Path) -> bool:
    # 0.1 made no mark: it is known by the two files that it always wrote.
    return (folder / MARK).is_file() or all(
        (folder / name).is_file() for name in (ENVIRONMENT, DIARY)
    )


def foreign(folder: Path) -> list[str]:
    """Name what is in a folder and was not written by the processes of a library."""
    return sorted(name for name, made in _contents(folder) if not made)


def _demand_only_own(folder: Path) -> None:
    found = foreign(folder)
    if found:
        raise FolderError(
            f"{folder} holds {_some(found)}, which this program did not make. Nothing was touched."
            " Move that elsewhere, or give another folder with --data, or go on with the building"
            " that is there (./run --keep)."
        )


def _contents(folder: Path) -> Iterator[tuple[str, bool]]:
    """Give everything in a folder by its relative name, and whether it is of our making."""
    for place, folders, files in os.walk(folder, onerror=_raise):
        inner = Path(place).relative_to(folder)
        for name in folders:
            path = (inner / name).as_posix()
            # A folder of an edge is known by what is in it.
            own = _fits(path, FOLDERS) or (folder / path / "patron.key").is_file()
            yield path, own and not (folder / path).is_symlink()
        for name in files:
            path = (inner / name).as_posix()
            yield path, _fits(path, MADE)


def _raise(error: OSError) -> None:
    raise error


def _fits(path: str, patterns: tuple[str, ...]) -> bool:
    depth = path.count("/")
    return any(
        fnmatchcase(path, pattern)
        and (pattern.startswith("broker/jetstream/") or depth == pattern.count("/"))
        for pattern in patterns
    )


def _remove(folder: Path) -> None:
    """Remove exactly what was found to be ours; anything that came since is left, and raises."""
    for place, folders, files in os.walk(folder, topdown=False, onerror=_raise):
        for name in files:
            if _fits((Path(place) / name).relative_to(folder).as_posix(), MADE):
                (Path(place) / name).unlink()
        for name in folders:
            (Path(place) / name).rmdir()
    folder.rmdir()


def _some(names: list[str]) -> str:
    names = sorted(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


# The mark and the lock


def _mark(folder: Path) -> dict[str, Any]:
    try:
        known = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_mark(folder: Path, facts: dict[str, Any]) -> None:
    about = "A building of Wenlan's example library: ./run may put this folder aside."
    beside = folder / f"{MARK}.new"
    text = json.dumps({"about": about} | facts, indent=2, ensure_ascii=False)
    beside.write_text(text + "\n", encoding="utf-8")
    beside.replace(folder / MARK)


def _lock(folder: Path) -> int:
    """Hold a folder until this process ends; the lock follows the folder when it is renamed."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        known = _mark(folder)
        where = f" at {known['address']}" if "address" in known else ""
        raise FolderError(
            f"The library in {folder} is open already{where} (process {known.get('process', '?')})."
            " Nothing was touched. Use that one, or end it with Ctrl-C where it runs, or give"
            " another folder with --data."
        ) from error
    return lock
