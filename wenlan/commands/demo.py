"""`wenlan demo`: the example library, every process as production runs it, under one supervisor."""

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from wenlan import process
from wenlan.example.library import House, open_house, prepare
from wenlan.example.processes import Supervisor
from wenlan.example.settling import settle
from wenlan.options import add_site, seconds
from wenlan.process import now, say
from wenlan.proofs.report import examine


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for. `duration` is in seconds; None runs until interrupted."""

    site: Path
    data: Path
    http_port: int
    pace: float
    seed: int
    duration: float | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_site(parser, data=".run/demo")
    parser.add_argument("--for", dest="duration", type=seconds, help="stop after this long")
    parser.add_argument("--port", type=int, default=8080, help="of the console (or the next free)")
    parser.add_argument("--pace", type=float, default=60.0, help="world seconds per second")
    parser.add_argument("--seed", type=int, default=1, help="of the world's chances")


def run(options: argparse.Namespace) -> int:
    """Run the library; 1 when a part did not come up or the sums do not agree."""
    plan = Plan(
        site=options.site,
        data=options.data,
        http_port=options.port,
        pace=options.pace,
        seed=options.seed,
        duration=options.duration,
    )
    return process.run(run_demo(plan))


async def run_demo(plan: Plan) -> int:
    """Run the library; with a duration, stop by itself and say what happened."""
    house = prepare(plan.site, plan.data, plan.http_port)
    supervisor = Supervisor(house.data, now, say)
    say(f"Opening {house.site.name.en} · {house.site.name.zh}")
    say(f"  logs       {house.data / 'logs'}")
    failures: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            try:
                await open_house(
                    house, supervisor, group, "--pace", str(plan.pace), "--seed", str(plan.seed)
                )
                say(f"\nOpen  {house.address}\n")
                if plan.duration is None:
                    say("Stop with Ctrl-C.")
                    await asyncio.Event().wait()
                await _count_down(plan.duration or 0)
                await _close(house, supervisor)
            finally:
                await supervisor.end_all()
                say("Closed.")
    except* TimeoutError as failed:
        failures += failed.exceptions
    if failures:
        say(f"FAILED: {failures[0]}. See {house.data / 'logs'}.")
        return 1
    report = await asyncio.to_thread(examine, house.site, house.data)
    say("\n" + report.text())
    return 0 if report.clean else 1


async def _count_down(duration: float) -> None:
    # A person watches a terminal; a file needs no progress.
    step = 10.0 if sys.stdout.isatty() else duration
    left = duration
    while left > 0:
        await asyncio.sleep(min(step, left))
        left -= step
        if left > 0:
            say(f"  {left:.0f} s left")


async def _close(house: House, supervisor: Supervisor) -> None:
    say("Closing: the readers finish, the journals empty …")
    await settle(house, supervisor)
