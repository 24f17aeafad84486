"""`wenlan gateway`: stores, judges, commands, counts and shows."""

import argparse

from gateway.composition import run_gateway
from gateway.storage.sqlite import StoreError
from wenlan import process
from wenlan.options import add_site, cannot, read_site


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_site(parser, data="data")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)


def run(options: argparse.Namespace) -> int:
    """Run until stopped; 1 when the store or the port cannot be had."""
    site = read_site(options)
    process.begin_logging("gateway")
    options.data.mkdir(parents=True, exist_ok=True)
    try:
        return process.run(run_gateway(site, options.data, process.now, options.host, options.port))
    except (StoreError, OSError) as error:
        return cannot(error)
