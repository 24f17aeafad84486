"""`wenlan fuzz`: feeds mutated messages to every codec."""

import argparse

from wenlan.proofs.fuzz import run_all
from wenlan.proofs.fuzz_targets import targets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="*", help=f"{', '.join(targets())}; all if none")
    parser.add_argument("--count", type=int, default=1_000_000, help="messages for each codec")
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> int:
    known = targets()
    unknown = [name for name in options.name if name not in known]
    if unknown:
        raise KeyError(f"no codec {', '.join(unknown)}; there are {', '.join(known)}")
    return run_all(known, options.name, options.count, options.seed)
