"""Nonsense by source: the first at once, then at most once a minute, and none uncounted."""

import asyncio
from collections.abc import Callable
from typing import Any

from contracts.records import InputRefused
from edge.journal.refused_input import RefusedInput
from tests.unit.edge.simulated import MemoryDisk, MemoryJournal, SimulatedTime

Play = Callable[..., Any]


def test_sources_are_counted_apart_and_reported_once_a_minute(play: Play) -> None:
    async def story() -> None:
        time, disk = SimulatedTime(), MemoryDisk()
        refused = RefusedInput(MemoryJournal(disk, time.clock), time.clock)
        reports = asyncio.create_task(refused.run(), name="reports")
        for second in range(150):
            refused.refuse("command", f"nonsense {second} " + "x" * 10_000)
            if second == 10:
                refused.refuse("ack", "no stream")
            await time.after(1)
        await time.after(60)
        reports.cancel()
        told = [(one.source, one.count) for one in disk.of(InputRefused)]
        assert told == [
            ("command", 1),
            ("ack", 1),
            ("command", 59),
            ("command", 60),
            ("command", 30),
        ]
        assert sum(count for source, count in told if source == "command") == 150

    play(story())
