"""An event loop whose clock leaps to where the next thing happens."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class _Leaping(selectors.BaseSelector):
    """Never waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self._map: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._map[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return self._map[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._map.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("everybody waits for ever")
        self.now += max(timeout, 0.0)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._map


class LeapingLoop(asyncio.SelectorEventLoop):
    """An event loop on a simulated clock. Work of an executor is done by whoever made that."""

    def __init__(self) -> None:
        self._leaping = _Leaping()
        super().__init__(self._leaping)

    def time(self) -> float:
        return self._leaping.now

    def run_in_executor(  # type: ignore[override]  # it gives what can be awaited
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Leave the work of a `machine.Thread` to that."""
        begin = getattr(executor, "begin", None)
        if begin is None:
            return super().run_in_executor(executor, func, *args)
        done: asyncio.Future[T] = self.create_future()
        begin(lambda: func(*args), done)
        return done


def play(story: Coroutine[Any, Any, T]) -> T:
    """Run a story on a simulated clock."""
    with asyncio.Runner(loop_factory=LeapingLoop) as runner:
        return runner.run(story)
