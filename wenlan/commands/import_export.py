"""`wenlan import`: a logger's export, taken as late facts through the same door as live data."""

import argparse
import re
import sys
from pathlib import Path

from config.site import Site
from dataloggers.header import UnusableFileError
from edge.journal.file import JournalError
from wenlan import process
from wenlan.import_session import import_csv
from wenlan.options import add_site, read_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--device", help="id under which the values are kept (the file's name)")
    parser.add_argument("--space", help="the space it stood in")
    add_site(parser, data="data")


def run(options: argparse.Namespace) -> int:
    """Import one file; 2 when it cannot be used."""
    site = read_site(options)
    process.begin_logging("import")
    options.data.mkdir(parents=True, exist_ok=True)
    return process.run(take(site, options))


async def take(site: Site, options: argparse.Namespace) -> int:
    """Import one file and say what became of it; 2 when it cannot be used."""
    device = options.device or re.sub(r"[^A-Za-z0-9_-]+", "-", options.file.stem).strip("-_")[:48]
    try:
        await import_csv(
            options.file, site, device, options.space, options.data, process.now, print
        )
    except (UnusableFileError, JournalError, OSError) as error:
        print(f"wenlan import: {error}", file=sys.stderr)
        return 2
    return 0
