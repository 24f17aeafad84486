"""How a process of Wenlan begins and ends: one clock, one loop, one way out."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from typing import Any

import uvloop

from contracts.instants import Instant


def now() -> Instant:
    """Read the clock. Only process entries do; everybody below is told the time."""
    return time.time_ns() // 1000


def begin_logging(name: str) -> None:
    """Log to standard error, a line each, with the process's name."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format=f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s",
    )


def say(text: str) -> None:
    print(text, flush=True)


def run(work: Coroutine[Any, Any, int | None]) -> int:
    """Run to the end, or until SIGTERM or SIGINT cancels it; give the exit status."""

    async def watched() -> int:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, task.cancel)
        try:
            return await work or 0
        except asyncio.CancelledError:
            return 0

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(watched())
