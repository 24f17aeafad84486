"""The command line: one subcommand per process, and the tools around them."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import config
from config.loader import ConfigError, load_site
from config.site import Site
from wenlan.example.folder import ENVIRONMENT

EXAMPLE = Path(config.__file__).parent / "sites" / "zhijiang" / "site.yaml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one subcommand and give the exit status: 2 for a refused site file or argument."""
    options = _parser().parse_args(arguments)
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


def seconds(text: str) -> float:
    """Read `90`, `90s`, `15min` or `2h` as seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|min|h)?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length of time; write 60s or 5min")
    return float(match[1]) * {None: 1, "s": 1, "min": 60, "h": 3600}[match[2]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="wenlan", description="Runs a library building.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="the example library, every process at once")
    _common(demo, data=".run/demo")
    demo.add_argument("--for", dest="duration", type=seconds, help="stop after this long")
    demo.add_argument("--port", type=int, default=8080, help="of the console (or the next free)")
    demo.add_argument("--pace", type=float, default=60.0, help="world seconds per second")
    demo.add_argument("--seed", type=int, default=1, help="of the world's chances")
    demo.set_defaults(run=_demo)

    gateway = commands.add_parser("gateway", help="stores, judges, commands, counts and shows")
    _common(gateway, data="data")
    gateway.add_argument("--host", default="127.0.0.1")
    gateway.add_argument("--port", type=int, default=8080)
    gateway.set_defaults(run=_gateway)

    edge = commands.add_parser("edge", help="drives the devices of one edge")
    edge.add_argument("name", help="the edge's id in the site file")
    _common(edge, data="data")
    edge.set_defaults(run=_edge)

    _add_simulate(commands)

    check = commands.add_parser("check", help="validate a site file and print the polling plan")
    check.add_argument("site", type=Path, nargs="?", default=EXAMPLE)
    check.set_defaults(run=_check)

    take = commands.add_parser("import", help="take a logger's export with its own times")
    take.add_argument("file", type=Path)
    take.add_argument("--device", help="id under which the values are kept (the file's name)")
    take.add_argument("--space", help="the space it stood in")
    _common(take, data="data")
    take.set_defaults(run=_import)

    chaos = commands.add_parser("chaos", help="kill processes at random; prove nothing is lost")
    _common(chaos, data=".run/chaos")
    chaos.add_argument("--rounds", type=int, default=30)
    chaos.add_argument("--seed", type=int, default=1)
    chaos.set_defaults(run=_chaos)

    bench = commands.add_parser("bench", help="measure every speed that is promised")
    bench.add_argument("name", nargs="*", help="ingest, edge-polling, alarm-latency; all if none")
    bench.set_defaults(run=_bench)
    return parser


def _add_simulate(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    simulate = commands.add_parser("simulate", help="the devices of the site on real wires")
    _common(simulate, data="data")
    simulate.add_argument("--pace", type=float, default=60.0, help="world seconds per second")
    simulate.add_argument("--seed", type=int, default=1)
    simulate.add_argument("--calm", action="store_true", help="nothing fails by chance")
    simulate.add_argument("--replay", type=Path, metavar="FILE", help="play a T/RH series instead")
    simulate.add_argument("--speed", default="lockstep", help="times real time, or lockstep")
    simulate.add_argument("--device", help="with --replay: the probe that plays it (the first)")
    simulate.add_argument(
        "--fault", nargs=2, metavar=("DEVICE", "WHAT"), help="let a running device fail: unplug, …"
    )
    simulate.add_argument("--seconds", type=seconds, help="with --fault: for how long")
    simulate.add_argument("--value", type=float, help="with --fault: the number that some take")
    simulate.add_argument("--clear", metavar="DEVICE", help="mend a running device")
    simulate.set_defaults(run=_simulate)


def _common(parser: argparse.ArgumentParser, data: str) -> None:
    parser.add_argument("--site", type=Path, default=EXAMPLE, help="the site file")
    parser.add_argument("--data", type=Path, default=Path(data), help="where its files are kept")


def _site(options: argparse.Namespace) -> Site:
    # The example library notes which ports it found free, for programs that join it.
    noted = options.data / ENVIRONMENT
    known = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    return load_site(options.site, {**known, **os.environ}).site


# Each process imports only what it runs: an edge has no web server, a gateway no drivers.
# ruff: noqa: PLC0415


def _demo(options: argparse.Namespace) -> int:
    from wenlan.commands.demo import Plan, run_demo
    from wenlan.process import run

    plan = Plan(
        site=options.site,
        data=options.data,
        http_port=options.port,
        pace=options.pace,
        seed=options.seed,
        duration=options.duration,
    )
    return run(run_demo(plan))


def _gateway(options: argparse.Namespace) -> int:
    from gateway.composition import run_gateway
    from gateway.storage.sqlite import StoreError
    from wenlan.process import begin_logging, now, run

    site = _site(options)
    begin_logging("gateway")
    options.data.mkdir(parents=True, exist_ok=True)
    try:
        return run(run_gateway(site, options.data, now, options.host, options.port))
    except (StoreError, OSError) as error:
        return _cannot(error)


def _edge(options: argparse.Namespace) -> int:
    from edge.composition import run_edge
    from edge.journal.file import JournalError
    from wenlan.process import begin_logging, now, run

    site = _site(options)
    edge = site.edge(options.name)
    begin_logging(f"edge {edge.id}")
    options.data.mkdir(parents=True, exist_ok=True)
    try:
        return run(run_edge(site, edge, options.data, now))
    except JournalError as error:
        return _cannot(error)


def _cannot(error: Exception) -> int:
    """Say in one line why a process ended; a service manager starts it again."""
    print(f"wenlan: {error}", file=sys.stderr)
    return 1


def _simulate(options: argparse.Namespace) -> int:
    from wenlan.commands.simulate import simulate
    from wenlan.process import begin_logging, run

    site = _site(options)
    begin_logging("simulate")
    options.data.mkdir(parents=True, exist_ok=True)
    return run(simulate(site, options))


def _check(options: argparse.Namespace) -> int:
    from wenlan.commands.check import check

    status, text = check(options.site, os.environ)
    print(text, file=sys.stderr if status else sys.stdout)
    return status


def _import(options: argparse.Namespace) -> int:
    from wenlan.commands.import_export import take
    from wenlan.process import begin_logging, run

    site = _site(options)
    begin_logging("import")
    options.data.mkdir(parents=True, exist_ok=True)
    return run(take(site, options))


def _chaos(options: argparse.Namespace) -> int:
    from wenlan.commands.chaos import run_chaos
    from wenlan.process import run

    return run(run_chaos(options.site, options.data, options.rounds, options.seed))


def _bench(options: argparse.Namespace) -> int:
    from wenlan.commands.bench import bench

    return bench(options.name)
