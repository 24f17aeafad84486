"""The gateway was away for an hour: 200 points come complete, in order, beside live values."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from contracts.instants import SECOND, Instant
from contracts.layouts import sample
from edge.composition import build_devices
from edge.journal.disk import Seams
from edge.journal.journal import Journal
from edge.journal.opening import Place
from edge.journal.rows import Stamp
from runtime.database import connect
from runtime.folder import SystemFolder
from runtime.host import system_host
from tests.system.library import open_library, probes_site, rows
from wenlan.example.library import Library
from wenlan.example.processes import until
from wenlan.process import now

pytestmark = pytest.mark.system

PROBES = 100
STEP = 10 * SECOND
POLLS = 360
"""An hour."""


async def fill(library: Library, ends: Instant) -> None:
    """Write the hour into the edge's journal, as the edge would have."""
    host, life = system_host(), "before"
    cards = build_devices(library.site.edges[0], host, host.clock).cards
    layouts = {card.device: card.layouts[0] for card in cards}
    stamp = Stamp(ends, life)
    with ThreadPoolExecutor(1) as executor:
        seams = Seams(
            host.clock.monotonic,
            lambda: stamp,
            executor,
            lambda: host.secret(8).hex(),
            host.random.random,
        )
        folder = SystemFolder(library.data)
        place = Place(folder, "journal-stacks.sqlite3", connect, host.clock.monotonic)
        async with Journal(place, life, seams, lambda _: life) as journal:
            for poll in range(POLLS):
                at = ends - (POLLS - poll) * STEP
                tenths = poll % 7
                journal.append(
                    [
                        sample(
                            device,
                            layout,
                            layout.digest,
                            at,
                            {"temperature": (180 + tenths) / 10, "humidity": (500 + tenths) / 10},
                        )
                        for device, layout in layouts.items()
                    ]
                )
                await journal.step()


def stored_before(library: Library, at: Instant) -> int:
    return int(rows(library.data, "SELECT count(*) FROM reading WHERE at < ?", [at])[0][0])


def test_an_hour_of_backlog_is_complete_in_order_and_delays_nothing(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    site = probes_site(tmp_path, PROBES, "5s")

    async def story() -> tuple[Instant, float]:
        async with open_library(site, tmp_path / "data", opened=False) as (
            library,
            supervisor,
            group,
        ):
            begun = now()
            await fill(library, begun - STEP)
            supervisor.keep(group, library.broker())
            supervisor.keep(group, library.simulate("--calm"))
            supervisor.keep(group, library.gateway())

            async def gateway_answers() -> bool:
                return await library.get("/api/v1/health") is not None

            await until(gateway_answers, 30, "the gateway answers")
            loop = asyncio.get_running_loop()
            opened = loop.time()
            supervisor.keep(group, library.edges()[0])

            async def drained() -> bool:
                there = await asyncio.to_thread(stored_before, library, begun)
                return there >= POLLS * PROBES * 2

            await until(drained, 120, "the backlog is in the store", step=0.5)
            took = loop.time() - opened
            # A few more live polls after the backlog.
            await asyncio.sleep(6)
            return begun, took

    begun, took = play(story(), within=240)
    data = tmp_path / "data"
    print(f"{POLLS * PROBES * 2} readings of backlog taken in {took:.1f} s")
    per_point = rows(
        data,
        "SELECT count(*), count(DISTINCT at) FROM reading WHERE at < ? GROUP BY point",
        [begun],
    )
    assert per_point == [(POLLS, POLLS)] * (2 * PROBES)
    out_of_order = """
        SELECT count(*) FROM (
            SELECT at, lag(at) OVER (PARTITION BY point ORDER BY seq) AS before FROM reading
        ) WHERE at < before
    """
    assert rows(data, out_of_order) == [(0,)]
    live = rows(data, "SELECT count(*), max(received - at) FROM reading WHERE at >= ?", [begun])
    count, oldest = live[0]
    assert count >= 2 * PROBES, "nothing live arrived beside the backlog"
    assert oldest <= 5 * SECOND
