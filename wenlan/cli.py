"""The command line: one subcommand per process, and the tools around them.

A subcommand's module has `add_arguments(parser)` and `run(options)`, which gives the exit status.
Only the one that is called is imported: an edge has no web server, a gateway no drivers.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from config.loader import ConfigError
from runtime.host import Host, system_host

COMMANDS = {
    "demo": ("demo", "the example library, every process at once"),
    "gateway": ("gateway", "stores, judges, commands, counts and shows"),
    "edge": ("edge", "drives the devices of one edge"),
    "simulate": ("simulate", "the devices of the site on real wires"),
    "check": ("check", "validate a site file and print the polling plan"),
    "import": ("import_export", "take a logger's export with its own times"),
    "chaos": ("chaos", "kill processes at random; prove nothing is lost"),
    "model": ("model", "random stories of an edge and its gateway; prove each rule is needed"),
    "fuzz": ("fuzz", "feed mutated messages to every codec"),
    "bench": ("bench", "measure every speed that is promised"),
}
"""By name: the module of `wenlan.commands`, and what it is for."""


def main(arguments: Sequence[str] | None = None, host: Host | None = None) -> int:
    """Run one subcommand and give the exit status: 2 for a refused site file or argument.

    Gateway and edge find the host they run on as `options.machine`: without one, this machine.
    """
    words = sys.argv[1:] if arguments is None else arguments
    options = _parser(words).parse_args(words)
    options.machine = host or system_host()
    try:
        return int(options.run(options) or 0)
    except ConfigError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 2
    except (KeyError, FileNotFoundError, PermissionError) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        print(f"wenlan: {reason}", file=sys.stderr)
        return 2


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wenlan", description="Runs a library building.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (module, purpose) in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=purpose)
        if name in words[:1]:
            command = importlib.import_module(f"wenlan.commands.{module}")
            command.add_arguments(subparser)
            subparser.set_defaults(run=command.run)
    return parser
