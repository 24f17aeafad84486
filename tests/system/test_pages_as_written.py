"""The tutorial and every how-to, typed as they stand while `./run` runs in another terminal."""

import json
import os
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


@pytest.fixture(scope="module", name="place")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A checkout in which `./run` runs."""
    folder = tmp_path_factory.mktemp("newcomer")
    checkout(folder)
    told = folder / "terminal"
    with told.open("wb") as terminal:
        running = subprocess.Popen(
            ["./run", "--port", "0"],
            cwd=folder,
            env=environment(folder),
            stdout=terminal,
            stderr=terminal,
        )
        try:
            began = time.monotonic()
            while b"Open  http" not in told.read_bytes():
                assert running.poll() is None, told.read_text("utf-8")
                assert time.monotonic() - began < OPENED, told.read_text("utf-8")
                time.sleep(0.2)
            yield folder
        finally:
            running.send_signal(signal.SIGINT)
            status = running.wait(60)
    assert status == 0, told.read_text("utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works_as_written(place: Path, page: Path) -> None:
    script = "".join(typed(page.read_text(encoding="utf-8")))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", script],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=LONGEST_PAGE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_afterwards_nothing_is_lost_and_no_log_warns_of_what_nobody_can_mend(place: Path) -> None:
    """Runs last: the same building goes on, is closed, and its books are compared."""
    data = place / ".run" / "demo"
    assert json.loads((data / "environment.json").read_text("utf-8"))["WENLAN_GATEWAY_URL"]
    warnings = [
        line
        for log in sorted((data / "logs").glob("*.log"))
        for line in log.read_text(encoding="utf-8").splitlines()
        if (" WARNING " in line or " ERROR " in line or "[WRN]" in line or "[ERR]" in line)
        and not any(cause in line for cause in MENDABLE)
    ]
    assert warnings == []


MENDABLE = (
    "alarm: ",
    "is unavailable: ",
    "is gone: ",
)
"""What somebody can do something about: a device, a wire, a broker, the climate."""
