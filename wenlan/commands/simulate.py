"""`wenlan simulate`: the devices of a site, a recorded series, or an order to running devices."""

import argparse
import os
from pathlib import Path

from config.site import Site
from simulators.control import send
from simulators.errors import SimulatorError
from simulators.ground_truth import Ledger
from simulators.modbus.replay import first_probe, replay_of, run_replay, speed
from simulators.run import Options, run_simulators
from wenlan import process
from wenlan.example.ports import free
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
    options.data.mkdir(parents=True, exist_ok=True)
    return process.run(simulate(site, options))


async def simulate(site: Site, options: argparse.Namespace) -> int:
    """Do what the options ask for; 2 with a message when it cannot be done."""
    try:
        if options.fault or options.clear:
            return await _order(options)
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
        print(f"wenlan simulate: {error}")
        return 2
    return 0


async def _order(options: argparse.Namespace) -> int:
    message: dict[str, object]
    if options.clear:
        message = {"do": "clear", "device": options.clear}
    else:
        device, what = options.fault
        message = {"do": "fault", "device": device, "what": what}
        message |= {"for": options.seconds, "value": options.value}
    await send(_control_port(options), message)
    print("Done.")
    return 0


def _control_port(options: argparse.Namespace) -> int:
    file = options.data / CONTROL
    if not file.exists():
        raise SimulatorError(f"{file} is missing: are simulators running with --data there?")
    return int(file.read_text(encoding="utf-8"))


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
