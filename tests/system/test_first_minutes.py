"""The example's first minutes, in haste: each small trouble is told and shows; the books agree."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.system.library import QUIET, rows
from wenlan.example.library import open_house, prepare
from wenlan.example.processes import Supervisor
from wenlan.example.settling import settle
from wenlan.example.site import EXAMPLE
from wenlan.example.small_troubles import Pace, Script, cables
from wenlan.process import now
from wenlan.proofs.report import examine

pytestmark = pytest.mark.system

HASTE = Pace(first=2.0, between=1.0, ringing=2.0, pulled=8.0, pressed=6.0)
TOLD = (
    "has a card that is blocked",
    "The card was refused: ",
    "A lamp was left on at Show case",
    "It rings: Show case",
    "the alarm is over",
    "The network cable of the edge Stacks is out",
    "The cable is in again",
    "The hole is filled",
    "Somebody pressed the red button of Book robot 1",
    "the robot goes on by itself",
)


def test_a_newcomer_sees_each_small_trouble_once_and_nothing_is_lost(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    told: list[str] = []

    async def story() -> None:
        library = prepare(EXAMPLE, tmp_path / "data", 0)
        pulled = cables(library)
        library = replace(library, broker_ports={edge: one.port for edge, one in pulled.items()})
        supervisor = Supervisor(library.data, now, QUIET)
        async with asyncio.TaskGroup() as group:
            wires = [group.create_task(one.run(), name="cable") for one in pulled.values()]
            try:
                await open_house(library, supervisor, group, "--calm")
                await Script(library, pulled, told.append, now, pace=HASTE).play()
                await settle(library, supervisor)
            finally:
                await supervisor.end_all()
                for wire in wires:
                    wire.cancel()
        report = examine(library.site, library.data)
        assert report.clean, report.text()

    play(story(), within=300)
    # Told in this order, each once, nothing else.
    assert len(told) == len(TOLD), told
    for line, part in zip(told, TOLD, strict=True):
        assert part in line
    # And it is so in the store.
    data = tmp_path / "data"
    assert rows(data, "SELECT count(*) FROM loan WHERE step = 'refused'")[0][0] >= 1
    rang = rows(data, "SELECT kind FROM alarm ORDER BY kind")
    assert ("limit",) in rang
    assert rang.count(("limit",)) == 1
    assert {kind for (kind,) in rang} <= {"limit", "edge-silence"}


def test_all_of_it_happens_within_five_minutes() -> None:
    """Planned pauses, and at most a minute or so until a delivery is under way."""
    pace = Pace()
    delay = 20 + 6
    robot = 70
    reader = 20
    planned = pace.first + 4 * pace.between + pace.ringing + pace.pulled + pace.pressed
    assert planned + delay + robot + reader + 10 <= 300
