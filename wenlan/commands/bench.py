"""`wenlan bench`: runs the benchmarks, each as a program of its own."""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="*", help="such as ingest or backlog; all if none")


def run(options: argparse.Namespace) -> int:
    return bench(options.name)


def bench(names: Sequence[str]) -> int:
    """Run the named benchmarks, or all; the exit status is the number that missed their floor."""
    found = {path.stem.replace("_", "-"): path for path in sorted(FOLDER.glob("[a-z]*.py"))}
    unknown = [name for name in names if name not in found]
    if unknown or not found:
        raise KeyError(f"no benchmark {', '.join(unknown)}; there are {', '.join(found) or 'none'}")
    missed = 0
    for name in names or found:
        print(f"== {name}", flush=True)
        missed += bool(subprocess.run([sys.executable, str(found[name])], check=False).returncode)  # noqa: S603 - our own file
    return missed
