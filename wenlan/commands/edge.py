"""`wenlan edge`: drives the devices of one edge."""

import argparse

from edge.composition import run_edge
from edge.journal.file import JournalError
from wenlan import process
from wenlan.options import add_site, cannot, read_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("name", help="the edge's id in the site file")
    add_site(parser, data="data")


def run(options: argparse.Namespace) -> int:
    """Run until stopped; 1 when the journal cannot be had."""
    site = read_site(options)
    edge = site.edge(options.name)
    process.begin_logging(f"edge {edge.id}")
    options.data.mkdir(parents=True, exist_ok=True)
    try:
        return process.run(run_edge(site, edge, options.data, process.now))
    except JournalError as error:
        return cannot(error)
