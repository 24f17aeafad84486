"""What every test may use: stories on a loop, real data, and no sockets in unit tests."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Never, TypeVar

import pytest
from hypothesis import HealthCheck, settings

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "tests" / "unit"

settings.register_profile(
    "wenlan",
    deadline=None,
    max_examples=60,
    derandomize="CI" in os.environ,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("wenlan")


def play(story: Coroutine[Any, Any, T], within: float = 30.0) -> T:
    """Run a story on a loop of its own; fail when it leaves a task behind or never ends."""

    async def watched() -> T:
        async with asyncio.timeout(within):
            result = await story
        for _ in range(3):  # a task cancelled in the last line still needs a turn to end
            await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"left behind: {sorted(str(task.get_coro()) for task in left)}"
        return result

    return asyncio.run(watched())


@pytest.fixture(name="play")
def _play() -> Callable[..., Any]:
    return play


def data_folder(name: str) -> Path:
    """Give a folder of real data; skip the test where it is absent."""
    base = Path(os.environ.get("WENLAN_DATA", ROOT.parent / "shared" / "data"))
    if not (base / name).is_dir():
        pytest.skip(f"no folder {name!r} in {base}: set WENLAN_DATA to where the real data is")
    return base / name


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not request.path.is_relative_to(UNIT):
        return

    def refuse(*_: object) -> Never:
        pytest.fail("a unit test opens no socket; move the test to tests/scenario")

    # asyncio's own wake-up pair is made by socketpair, which neither binds nor connects.
    for name in ("bind", "connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
