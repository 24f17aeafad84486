"""The project's own sources, read once."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

PRODUCT = (
    "config",
    "contracts",
    "dataloggers",
    "drivers",
    "edge",
    "gateway",
    "runtime",
    "simulators",
    "wenlan",
)
PURE = (
    "contracts/",
    "drivers/protocols/",
    "gateway/alarms/lifecycle.py",
    "gateway/climate/limits.py",
    "gateway/devices/freshness.py",
    "gateway/devices/silence.py",
    "gateway/engine/facts.py",
    "gateway/engine/ranked_steps.py",
    "gateway/footfall/crossings.py",
)
SKIPPED = {".venv", "node_modules", "__pycache__", ".git", ".run", "dist", "build"}


class Source(NamedTuple):
    """One Python file."""

    path: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")


def source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


@cache
def tracked() -> tuple[str, ...]:
    """Name every file under version control, or every file where there is no version control."""
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode == 0:
        names = listing.stdout.split("\0")
        return tuple(name for name in names if name and (ROOT / name).is_file())
    files = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(str(path) for path in files if not SKIPPED & set(path.parts))


@cache
def python(*folders: str) -> tuple[Source, ...]:
    return tuple(
        source(name, (ROOT / name).read_text(encoding="utf-8"))
        for name in tracked()
        if name.endswith(".py") and name.split("/")[0] in folders
    )


def texts() -> Iterator[tuple[str, str]]:
    """Give every tracked file that is text."""
    for name in tracked():
        try:
            yield name, Path(ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
