"""`wenlan chaos`: strikes a running building in every way; proves nothing lost or doubled.

One seed decides the blows and their moments, so a bad run can be repeated.
"""

import argparse
import asyncio
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from random import Random

from contracts.instants import SECOND, Instant, instant
from simulators.errors import SimulatorError
from wenlan import process
from wenlan.chaos.blows import Blow, Cast, hits, plan
from wenlan.chaos.hosts import controls
from wenlan.chaos.setpoints import Asking, wishes
from wenlan.chaos.striking import Striker
from wenlan.example.folder import FolderError
from wenlan.example.library import Library, open_house, prepare
from wenlan.example.ports import PortError
from wenlan.example.processes import Supervisor, until
from wenlan.example.settling import settle
from wenlan.options import add_site, seconds
from wenlan.process import now, say
from wenlan.proofs.notes import Notebook
from wenlan.proofs.recovery import PROMISED
from wenlan.proofs.report import examine

FRESH_AGAIN = 60.0
"""Seconds that are waited for every point to be live after the last blow …"""
FRESH_PROMISED = 15.0
"""… and those in which it must be."""
LONGEST_AWAY = 150.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_site(parser, data=".run/chaos")
    parser.add_argument("--rounds", type=int, default=30, help="how many blows")
    parser.add_argument("--seed", type=int, default=1, help="of the plan of blows")
    parser.add_argument(
        "--away",
        type=seconds,
        default=LONGEST_AWAY,
        help="how long the broker is away at most, once in a run (the other times less than 10 s)",
    )


def run(options: argparse.Namespace) -> int:
    """Strike the blows; 1 when the books do not agree or it took too long, 2 for no folder."""
    chosen = (options.rounds, options.seed, options.away)
    try:
        return process.run(run_chaos(options.site, options.data, *chosen))
    except (FolderError, PortError) as error:
        print(f"wenlan chaos: {error}", file=sys.stderr)
        return 2


async def run_chaos(
    site: Path, data: Path, rounds: int, seed: int, away: float = LONGEST_AWAY
) -> int:
    """Strike `rounds` blows; 0 when nothing was lost, doubled or altered and all is fresh again.

    Raises FolderError and PortError.
    """
    library = prepare(site, data, 0, say)
    edges = tuple(part.name for part in library.edges())
    library = replace(library, controls=controls(library.data, ["gateway", *edges]))
    blows = plan(seed, rounds, Cast(edges, away))
    say(f"Chaos with seed {seed}: {hits(blows)}")
    supervisor = Supervisor(library.data, now, say)
    failures: list[BaseException] = []
    recovery = FRESH_AGAIN
    try:
        async with asyncio.TaskGroup() as group:
            try:
                # Chance faults are switched off: every hole must come from a blow.
                await open_house(library, supervisor, group, "--calm", "--seed", str(seed))
                recovery = await _strike_all(library, supervisor, group, blows, seed)
                await settle(library, supervisor)
            finally:
                await supervisor.end_all()
    except* (TimeoutError, SimulatorError) as failed:
        failures += failed.exceptions
    if failures:
        say(f"FAILED: {failures[0]}. See {library.data / 'logs'}.")
        return 1
    return await _judge(library, recovery)


async def _judge(library: Library, recovery: float) -> int:
    report = await asyncio.to_thread(examine, library.site, library.data)
    slow = recovery > FRESH_PROMISED
    say(f"\nAll points fresh {recovery:.1f} s after the last blow{' - TOO LATE' if slow else ''}")
    if report.returns:
        worst = max(one.seconds for one in report.returns)
        say(
            f"Live values in the store at most {worst:.1f} s after the broker was back"
            f" (measured {len(report.returns)} times; promised {PROMISED:.0f} s)"
        )
    say(report.text())
    return 0 if report.clean and not slow else 1


async def _strike_all(
    library: Library,
    supervisor: Supervisor,
    group: asyncio.TaskGroup,
    blows: list[Blow],
    seed: int,
) -> float:
    """Strike, with somebody asking for set-points all the while; give how long recovery took."""
    await until(lambda: _all_live(library, 0), 60, "every point is live at the start")
    random = Random(seed)  # noqa: S311 - repeatable, not secret
    asking = Asking(library.address, library.data, now, random)
    asker = group.create_task(asking.run(wishes(library.site, random)), name="set-points")
    striker = Striker(library, supervisor, group, Notebook(library.data, now), say)
    try:
        await striker.run(blows)
        begun = now()
        fresh = "every point is live, with a value from after the last blow,"
        await until(lambda: _all_live(library, begun), FRESH_AGAIN, fresh)
        recovery = (now() - begun) / SECOND
    finally:
        asking.stop()
    await asker
    say(f"  {asking.taken} set-points asked for, {asking.refused} more that were not taken")
    return recovery


async def _all_live(library: Library, since: Instant) -> bool:
    """Say whether every point has a live value measured after `since`: none is only remembered."""
    points = await library.get("/api/v1/points")
    return bool(points) and all(
        one["freshness"] == "live"
        and one["at"] is not None
        and instant(datetime.fromisoformat(one["at"])) > since
        for one in points
    )
