"""Small files of a folder: whole or in place, and their owner's alone."""

import os
import stat
from pathlib import Path

import pytest

from runtime.folder import SystemFolder


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> SystemFolder:
    return SystemFolder(tmp_path / "data")


def test_a_file_is_read_as_it_was_written(folder: SystemFolder) -> None:
    assert not folder.exists("key")
    with pytest.raises(FileNotFoundError):
        folder.read("key")
    folder.write("key", b"first")
    folder.write("key", b"2nd")
    assert folder.read("key") == b"2nd"
    assert folder.names() == ["key"]


def test_a_write_that_fails_leaves_the_old_file(
    folder: SystemFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write("key", b"old")

    def broken(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", broken)
    with pytest.raises(OSError, match="No space"):
        folder.write("key", b"new")
    assert folder.read("key") == b"old"


def test_a_place_in_a_file_is_written_over(folder: SystemFolder) -> None:
    folder.write_at("witness", 4, b"ab", sync=False)
    folder.write_at("witness", 0, b"1234", sync=True)
    assert folder.read("witness") == b"1234ab"
    folder.write_at("witness", 1, b"--", sync=True)
    assert folder.read("witness") == b"1--4ab"


def test_files_change_names_and_go(folder: SystemFolder) -> None:
    folder.write("a", b"a")
    folder.write("b", b"b")
    folder.rename("a", "b")
    assert folder.names() == ["b"]
    assert folder.read("b") == b"a"
    folder.unlink("b")
    folder.unlink("b")
    assert folder.names() == []


def test_nobody_else_reads_it(folder: SystemFolder) -> None:
    folder.write("key", b"secret")
    folder.write_at("witness", 0, b"1", sync=True)
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert {stat.S_IMODE((folder.path / name).stat().st_mode) for name in folder.names()} == {0o600}


def test_a_name_is_never_a_way_out(folder: SystemFolder) -> None:
    for name in ("../key", "a/b", "", "..", "/etc/hostname"):
        with pytest.raises(ValueError, match="plain"):
            folder.read(name)


def test_the_room_that_is_left_is_told(folder: SystemFolder) -> None:
    assert 0 < folder.free() < 1 << 60
