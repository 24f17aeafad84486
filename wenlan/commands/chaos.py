"""`wenlan chaos`: kills edge, broker and gateway at random; proves nothing lost or doubled.

One seed decides victims and moments, so a bad run can be repeated.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
from datetime import datetime
from pathlib import Path

from contracts.instants import SECOND, Instant, instant
from wenlan import process
from wenlan.example.folder import FolderError
from wenlan.example.library import House, open_house, prepare
from wenlan.example.ports import PortError
from wenlan.example.processes import Supervisor, until
from wenlan.example.settling import settle
from wenlan.options import add_site
from wenlan.process import now, say
from wenlan.proofs.report import examine

SHORTEST_LIFE = 0.1
LONGEST_LIFE = 4.0
FRESH_AGAIN = 60.0
"""Seconds after the last kill by which every point must be live."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_site(parser, data=".run/chaos")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> int:
    """Run the kills; 1 when something was lost, doubled or altered, 2 for an unusable folder."""
    try:
        return process.run(run_chaos(options.site, options.data, options.rounds, options.seed))
    except (FolderError, PortError) as error:
        print(f"wenlan chaos: {error}", file=sys.stderr)
        return 2


async def run_chaos(site: Path, data: Path, rounds: int, seed: int) -> int:
    """Run `rounds` kills; 0 when nothing was lost, doubled or altered and all is fresh again.

    Raises FolderError and PortError.
    """
    house = prepare(site, data, 0, say)
    supervisor = Supervisor(house.data, now, say)
    chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
    say(f"Chaos with seed {seed}: {rounds} kills of {', '.join(_victims(house))}")
    failures: list[BaseException] = []
    recovery = 0.0
    try:
        async with asyncio.TaskGroup() as group:
            try:
                # Chance faults are switched off: every hole must come from a kill.
                await open_house(house, supervisor, group, "--calm", "--seed", str(seed))
                await until(lambda: _all_live(house, 0), 60, "every point is live at the start")
                for number in range(1, rounds + 1):
                    await _round(house, supervisor, chance, number)
                recovery = await _recover(house)
                await settle(house, supervisor)
            finally:
                await supervisor.end_all()
    except* TimeoutError as failed:
        failures += failed.exceptions
    if failures:
        say(f"FAILED: {failures[0]}. See {house.data / 'logs'}.")
        return 1
    report = await asyncio.to_thread(examine, house.site, house.data)
    say(f"\nAll points fresh {recovery:.1f} s after the last kill")
    say(report.text())
    return 0 if report.clean else 1


def _victims(house: House) -> list[str]:
    return ["broker", "gateway", *(f"edge-{edge.id}" for edge in house.site.edges)]


async def _round(house: House, supervisor: Supervisor, chance: random.Random, number: int) -> None:
    await asyncio.sleep(chance.uniform(SHORTEST_LIFE, LONGEST_LIFE))
    # One victim mostly, sometimes several at the same instant.
    victims = chance.sample(_victims(house), chance.choices((1, 2, 4), (6, 3, 1))[0])
    for victim in victims:
        pid = supervisor.pid(victim)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
    say(f"  round {number}: killed {', '.join(victims)}")


async def _recover(house: House) -> float:
    begun = now()
    fresh = "every point is live, with a value from after the last kill,"
    await until(lambda: _all_live(house, begun), FRESH_AGAIN, fresh)
    return (now() - begun) / SECOND


async def _all_live(house: House, since: Instant) -> bool:
    """Say whether every point has a live value measured after `since`: none is only remembered."""
    points = await house.get("/api/v1/points")
    return bool(points) and all(
        one["freshness"] == "live"
        and one["at"] is not None
        and instant(datetime.fromisoformat(one["at"])) > since
        for one in points
    )
