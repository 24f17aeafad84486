"""The tutorial and every how-to, typed as they stand while `./run` runs in another terminal."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pages import PAGES, typed

pytestmark = pytest.mark.system

RUN = '#!/bin/sh\nexec .venv/bin/wenlan demo "$@"\n'
"""`./run` without the making of the environment, which the one that runs this test has."""
MENDABLE = (
    "alarm: ",
    "is unavailable: ",
    "is gone: ",
)
"""What somebody can do something about: a device, a wire, a broker, the climate."""
OPENED = 60.0
LONGEST_PAGE = 240.0


def checkout(folder: Path) -> None:
    """Lay out a folder that looks like the checkout to those who type in it."""
    for name in ("config", "docs", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "run").write_text(RUN, encoding="utf-8")
    (folder / "run").chmod(0o755)


def environment(folder: Path) -> dict[str, str]:
    """Give what a newcomer has: a path and a home, and nothing of ours."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}


class Terminal:
    """A checkout, and the terminal in which `./run` runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        checkout(folder)
        self._told = folder / "terminal"
        with self._told.open("wb") as terminal:
            self._running = subprocess.Popen(
                ["./run", "--port", "0"],
                cwd=folder,
                env=environment(folder),
                stdout=terminal,
                stderr=terminal,
            )

    def wait_until_open(self) -> None:
        began = time.monotonic()
        while b"Open  http" not in self._told.read_bytes():
            assert self._running.poll() is None, self._told.read_text("utf-8")
            assert time.monotonic() - began < OPENED, self._told.read_text("utf-8")
            time.sleep(0.2)

    def close(self) -> int:
        """Press Ctrl-C, and give the exit status."""
        if self._running.poll() is None:
            self._running.send_signal(signal.SIGINT)
        return self._running.wait(60)

    def type(self, script: str) -> str:
        """Type commands in another terminal; all of them must go well."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-x", "-c", script],
            cwd=self.folder,
            env=environment(self.folder),
            capture_output=True,
            text=True,
            timeout=LONGEST_PAGE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module", name="terminal")
def _terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path_factory.mktemp("newcomer"))
    try:
        terminal.wait_until_open()
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works_as_written(terminal: Terminal, page: Path) -> None:
    terminal.type("".join(typed(page.read_text(encoding="utf-8"))))


def test_afterwards_ctrl_c_closes_it_and_the_kept_building_has_lost_nothing(
    terminal: Terminal,
) -> None:
    """Runs last: a second start is told of the first; closed and kept, the books agree."""
    second = subprocess.run(
        ["./run"],
        cwd=terminal.folder,
        env=environment(terminal.folder),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 2
    assert "is open already" in second.stderr
    assert "Traceback" not in second.stderr
    assert terminal.close() == 0
    told = terminal.type("./run --keep --port 0 --calm --for 5s\n")
    assert "goes on." in told
    assert "Nothing lost, nothing doubled." in told


def test_no_log_warns_of_what_nobody_can_mend(terminal: Terminal) -> None:
    warnings = [
        line
        for log in sorted((terminal.folder / ".run" / "demo" / "logs").glob("*.log"))
        for line in log.read_text(encoding="utf-8").splitlines()
        if re.search(r" (?:WARNING|ERROR|CRITICAL) |\[(?:WRN|ERR|FTL)\]|Traceback", line)
        and not any(cause in line for cause in MENDABLE)
    ]
    assert warnings == []


def test_a_new_building_puts_the_whole_of_the_last_one_aside(terminal: Terminal) -> None:
    """Whatever the processes write into the folder is known as the example's own."""
    told = terminal.type("./run --port 0 --calm --for 1s\n")
    assert "is now in" in told
    assert (terminal.folder / ".run" / "demo.previous" / "store.sqlite3").exists()
