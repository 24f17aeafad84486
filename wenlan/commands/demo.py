"""`wenlan demo`: the example library, every process as production runs it, under one supervisor."""

import argparse
import asyncio
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from simulators.errors import SimulatorError
from wenlan import process
from wenlan.example.cable import Cable
from wenlan.example.folder import FolderError
from wenlan.example.library import Library, open_house, prepare
from wenlan.example.ports import PortError
from wenlan.example.processes import Supervisor
from wenlan.example.settling import settle
from wenlan.example.site import DEMO
from wenlan.example.small_troubles import Script, cables
from wenlan.options import add_site, seconds
from wenlan.process import now, say
from wenlan.proofs.report import examine

STOPPED = 130
"""Exit status of a run with a length that was interrupted: nothing was compared."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the user asked for. `duration` is in seconds; None runs until interrupted."""

    site: Path
    data: Path
    http_port: int
    pace: float
    seed: int
    duration: float | None
    keep: bool
    calm: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    add_site(parser, data=str(DEMO))
    parser.add_argument("--for", dest="duration", type=seconds, help="stop after this long")
    parser.add_argument(
        "--keep", action="store_true", help="go on with the building that is in the data folder"
    )
    parser.add_argument(
        "--calm", action="store_true", help="no small troubles, and nothing fails by chance"
    )
    parser.add_argument("--port", type=int, default=8080, help="of the console (or the next free)")
    parser.add_argument("--pace", type=float, default=60.0, help="world seconds per second")
    parser.add_argument("--seed", type=int, default=1, help="of the world's chances")


def run(options: argparse.Namespace) -> int:
    """Run the library.

    Gives 1 when a part did not come up or the sums do not agree, 2 when the folder or a port is
    not to be had, and 130 when a run with `--for` was interrupted.
    """
    plan = Plan(
        site=options.site,
        data=options.data,
        http_port=options.port,
        pace=options.pace,
        seed=options.seed,
        duration=options.duration,
        keep=options.keep,
        calm=options.calm,
    )
    try:
        library = prepare(plan.site, plan.data, plan.http_port, say, keep=plan.keep)
    except (FolderError, PortError, OSError) as error:
        print(f"wenlan demo: {error}", file=sys.stderr)
        return 2
    return process.run(run_demo(plan, library))


async def run_demo(plan: Plan, library: Library) -> int:
    """Run the library; with a duration, stop by itself and say what happened."""
    pulled = {} if plan.calm else cables(library)
    library = replace(library, broker_ports={edge: cable.port for edge, cable in pulled.items()})
    supervisor = Supervisor(library.data, now, say)
    say(f"Opening {_title(library)}")
    say(f"  files      {library.data}")
    try:
        failure = await _open(plan, library, supervisor, pulled)
    except asyncio.CancelledError:
        if plan.duration is None:
            return 0
        say("Stopped before its time: nothing was compared.")
        return STOPPED
    if failure is not None:
        say(f"FAILED: {failure}. See {library.data / 'logs'}.")
        return 1
    report = await asyncio.to_thread(examine, library.site, library.data)
    say("\n" + report.text())
    return 0 if report.clean else 1


async def _open(
    plan: Plan, library: Library, supervisor: Supervisor, pulled: dict[str, Cable]
) -> BaseException | None:
    """Run everything and end everything; give what failed, if something did."""
    failures: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            wires = [group.create_task(one.run(), name="cable") for one in pulled.values()]
            try:
                await _live(plan, library, supervisor, group, pulled)
            except asyncio.CancelledError:
                say("\nClosing …")
                raise
            finally:
                await _end(supervisor)
                for wire in wires:
                    wire.cancel()
    except* (TimeoutError, OSError, SimulatorError) as failed:
        failures += failed.exceptions
    return failures[0] if failures else None


async def _end(supervisor: Supervisor) -> None:
    try:
        await supervisor.end_all()
        say("Closed.")
    except asyncio.CancelledError:
        say("Ended at once. Nothing is lost: --keep goes on from here.")
        raise


async def _live(
    plan: Plan,
    library: Library,
    supervisor: Supervisor,
    group: asyncio.TaskGroup,
    pulled: dict[str, Cable],
) -> None:
    # What fails, and when, is told by the script: the simulators leave nothing to chance.
    words = ("--calm", "--pace", str(plan.pace), "--seed", str(plan.seed))
    await open_house(library, supervisor, group, *words)
    say(f"\nOpen  {library.address}\n")
    if plan.duration is None:
        say("Stop with Ctrl-C.")
    script = None
    if not plan.calm:
        new = library.claim is None or not library.claim.kept
        playing = Script(library, pulled, say, now).run(plan.seed, planned=new)
        script = group.create_task(playing, name="small troubles")
    try:
        await _count_down(plan.duration)
    finally:
        if script is not None:
            script.cancel()
            await asyncio.wait((script,))
    say("Closing: the readers finish, the journals empty …")
    await settle(library, supervisor)


def _title(library: Library) -> str:
    name = library.site.name
    return name.en if name.en == name.zh else f"{name.en} · {name.zh}"


async def _count_down(duration: float | None) -> None:
    if duration is None:
        await asyncio.Event().wait()
        return
    # A person watches a terminal; a file needs no progress.
    step = 10.0 if sys.stdout.isatty() else duration
    left = duration
    while left > 0:
        await asyncio.sleep(min(step, left))
        left -= step
        if left > 0:
            say(f"  {left:.0f} s left")
