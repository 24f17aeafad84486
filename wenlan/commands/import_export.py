"""`wenlan import`: a logger's export, taken as late facts through the same door as live data."""

import argparse
import re
import sys

from config.site import Site
from dataloggers.header import UnusableFileError
from edge.journal.file import JournalError
from wenlan.import_session import import_csv
from wenlan.process import now


async def take(site: Site, options: argparse.Namespace) -> int:
    """Import one file and say what became of it; 2 when it cannot be used."""
    device = options.device or re.sub(r"[^A-Za-z0-9_-]+", "-", options.file.stem).strip("-_")[:48]
    try:
        await import_csv(options.file, site, device, options.space, options.data, now, print)
    except (UnusableFileError, JournalError, OSError) as error:
        print(f"wenlan import: {error}", file=sys.stderr)
        return 2
    return 0
