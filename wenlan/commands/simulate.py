"""`wenlan simulate`: the devices of a site, a recorded series, or an order to running devices."""

import argparse
import json
import os
import sys
from pathlib import Path

from config.site import Site
from simulators.errors import SimulatorError
from simulators.faults import What
from simulators.ground_truth import Ledger
from simulators.modbus.replay import first_probe, replay_of, run_replay, speed
from simulators.run import Options, run_simulators
from wenlan import process
from wenlan.example.fault_words import ending, explain
from wenlan.example.orders import send
from wenlan.example.ports import free
from wenlan.example.site import DEMO, ENVIRONMENT
from wenlan.options import add_site, read_site, seconds
from wenlan.process import now

CONTROL = "control-port"
"""The file in the data folder that tells where running simulators take orders."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_site(parser, data="data")
    parser.add_argument("--pace", type=float, default=60.0, help="world seconds per second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calm", action="store_true", help="nothing fails by chance")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="play a T/RH series instead")
    parser.add_argument("--speed", default="lockstep", help="times real time, or lockstep")
    parser.add_argument("--device", help="with --replay: the probe that plays it (the first)")
    parser.add_argument(
        "--fault", nargs=2, metavar=("DEVICE", "WHAT"), help="let a running device fail: unplug, …"
    )
    parser.add_argument("--seconds", type=seconds, help="with --fault: for how long")
    parser.add_argument("--value", type=float, help="with --fault: the number that some take")
    parser.add_argument("--clear", metavar="DEVICE", help="mend a running device")


def run(options: argparse.Namespace) -> int:
    """Do what the options ask for; 2 when it cannot be done."""
    site = read_site(options)
    process.begin_logging("simulate")
    if not (options.fault or options.clear):
        options.data.mkdir(parents=True, exist_ok=True)
    return process.run(simulate(site, options))


async def simulate(site: Site, options: argparse.Namespace) -> int:
    """Do what the options ask for; 2 with a message when it cannot be done."""
    try:
        if options.fault or options.clear:
            return await _order(site, options)
        if options.replay:
            return await _replay(site, options)
        control = int(os.environ.get("WENLAN_CONTROL_PORT") or free(0))
        (options.data / CONTROL).write_text(str(control), encoding="utf-8")
        chosen = Options(
            pace=options.pace,
            seed=options.seed,
            chance=not options.calm,
            control_port=control,
            gateway=os.environ.get("WENLAN_GATEWAY_URL", ""),
        )
        await run_simulators(site, options.data, chosen, now)
    except (SimulatorError, OSError) as error:
        print(f"wenlan simulate: {error}", file=sys.stderr)
        return 2
    return 0


async def _order(site: Site, options: argparse.Namespace) -> int:
    port = _control_port(options)
    if options.clear:
        answer = await send(port, {"do": "clear", "device": options.clear})
        print(_cleared(options.clear, answer["was"]))
        return 0
    device, what = options.fault
    order = {"do": "fault", "device": device, "what": what}
    answer = await send(port, order | {"for": options.seconds, "value": options.value})
    told = explain(site, _console(options.data), device, What(what), options.value)
    clear = f"{sys.argv[0]} simulate --clear {device} --data {options.data}"
    print(told.happens)
    print(ending(site, What(what), answer["until"], clear))
    print(f"You will see:  {told.seen}")
    return 0


def _cleared(device: str, was: str | None) -> str:
    if was is None:
        return f"Nothing was wrong with {device}."
    return f"{device} is well again ({was} is over)."


def _console(data: Path) -> str:
    """Give the address of an example's console, as far as the folder tells."""
    noted = data / ENVIRONMENT
    known = json.loads(noted.read_text(encoding="utf-8")) if noted.exists() else {}
    return str(known.get("WENLAN_GATEWAY_URL", ""))


def _control_port(options: argparse.Namespace) -> int:
    file: Path = options.data / CONTROL
    if file.exists():
        return int(file.read_text(encoding="utf-8"))
    hint = ""
    if (DEMO / CONTROL).exists():
        hint = f" The example library keeps its files in {DEMO}: add  --data {DEMO}"
    raise SimulatorError(
        f"no simulators have run with --data {options.data}: {file} is missing.{hint}"
    )


async def _replay(site: Site, options: argparse.Namespace) -> int:
    device = options.device or first_probe(site)
    replay = replay_of(site, device, options.replay, speed(options.speed))
    print(f"{device} plays {options.replay} at {replay.host}:{replay.port}.", flush=True)
    with Ledger(options.data / "ledger.jsonl", now, polls=False) as ledger:
        await run_replay(
            replay,
            ledger,
            now,
            finished=lambda rows: print(f"Played {rows} rows; no value from here on.", flush=True),
        )
    return 0
