"""`wenlan edge`: drives the devices of one edge."""

import argparse
import logging

from edge.composition import run_edge
from edge.journal.opening import JournalError
from runtime.limits import allow_descriptors, settle_collector
from wenlan import process
from wenlan.options import add_site, cannot, read_site

log = logging.getLogger(__name__)

SPARE_DESCRIPTORS = 64
"""Files that an edge opens beside one for each of its links."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("name", help="the edge's id in the site file")
    add_site(parser, data="data")


def run(options: argparse.Namespace) -> int:
    """Run until stopped; 1 when the journal cannot be had."""
    site = read_site(options)
    edge = site.edge(options.name)
    process.begin_logging(f"edge {edge.id}")
    if shortage := allow_descriptors(len(edge.links) + SPARE_DESCRIPTORS):
        log.error("%s has %d links: %s", edge.id, len(edge.links), shortage)
    options.data.mkdir(parents=True, exist_ok=True)
    try:
        return process.run(run_edge(site, edge, options.data, options.machine, settle_collector))
    except JournalError as error:
        return cannot(error)
