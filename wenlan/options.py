"""What several subcommands ask for: a site file, a data folder, a length of time."""

import argparse
import importlib
import json
import os
import re
import sys
from pathlib import Path

from config.site import Site
from wenlan.example.site import ENVIRONMENT, EXAMPLE


def seconds(text: str) -> float:
    """Read `90`, `90s`, `15min` or `2h` as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time; write 60s or 5min")
    return float(match[1]) * {None: 1, "s": 1, "min": 60, "h": 3600}[match[2]]


def add_site(parser: argparse.ArgumentParser, data: str) -> None:
    """Add `--site` and `--data`, by default the folder `data`."""
    parser.add_argument("--site", type=Path, default=EXAMPLE, help="the site file")
    parser.add_argument("--data", type=Path, default=Path(data), help="where its files are kept")


def read_site(options: argparse.Namespace) -> Site:
    """Read the site file; raise ConfigError with what `wenlan check` says."""
    # The example library notes which ports it found free, for programs that join it.
    noted = options.data / ENVIRONMENT
    known = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    # Models are known where a file is read: no module of the gateway has to do with drivers.
    rules = importlib.import_module("wenlan.site_rules")
    site: Site = rules.load_checked_site(options.site, {**known, **os.environ}).site
    return site


def cannot(error: Exception) -> int:
    """Say in one line why a process ended; a service manager starts it again."""
    print(f"wenlan: {error}", file=sys.stderr)
    return 1
