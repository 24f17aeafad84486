"""The bulkhead at every entry into a driver."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from drivers.bulkhead import guarded
from drivers.errors import DriverBugError, LinkDownError

TURNS = 12
"""More turns of the loop than one answer takes, so that a cancellation comes at each of them."""


async def _answer(then: Exception | None) -> str:
    loop = asyncio.get_running_loop()
    coming: asyncio.Future[str] = loop.create_future()
    for turn in range(4):
        if turn == 3:
            loop.call_soon(coming.set_result, "answer")
        await asyncio.sleep(0)
    # What client libraries do: until Python 3.12 this loses a cancellation now and then.
    answer = await asyncio.wait_for(coming, 1)
    if then is not None:
        raise then
    return answer


async def _swallow() -> str:
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.Event().wait()
    return "as if nothing had happened"


@pytest.mark.parametrize("turns", range(TURNS))
@pytest.mark.parametrize("then", [None, LinkDownError("gone"), ValueError("a bug")])
def test_whoever_polls_ends_when_cancelled_at_any_turn(
    play: Callable[..., Any], turns: int, then: Exception | None
) -> None:
    async def poll() -> None:
        for _ in range(100):
            try:
                await guarded(_answer, then)
            except (LinkDownError, DriverBugError):
                await asyncio.sleep(0)

    async def story() -> None:
        polling = asyncio.create_task(poll())
        for _ in range(turns):
            await asyncio.sleep(0)
        polling.cancel()
        done, _ = await asyncio.wait([polling], timeout=0.5)
        assert done, "the cancellation was lost"
        assert polling.cancelled()

    play(story())


def test_a_driver_that_swallows_a_cancellation_keeps_nobody(play: Callable[..., Any]) -> None:
    async def story() -> None:
        calling = asyncio.create_task(guarded(_swallow))
        await asyncio.sleep(0)
        calling.cancel()
        await asyncio.wait([calling])
        assert calling.cancelled()

    play(story())


def test_a_deadline_around_a_call_still_ends_as_a_deadline(play: Callable[..., Any]) -> None:
    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await guarded(_swallow)
        assert await guarded(_answer, None) == "answer"

    play(story())
