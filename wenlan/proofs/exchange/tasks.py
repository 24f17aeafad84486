"""The tasks of a simulated process."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Runs what a process does; `failed` hears of what fell by itself."""

    def __init__(self, failed: Callable[[BaseException], None]) -> None:
        self._failed = failed
        self._running: list[asyncio.Task[None]] = []

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Begin something."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._running.append(task)

    def cancel(self) -> None:
        """End everything, in the order in which it began."""
        for task in self._running:
            task.cancel()
        self._running.clear()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task in self._running:
            self._running.remove(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
