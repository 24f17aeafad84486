"""The tools of the tests do what they promise: they find what was left behind."""

import asyncio
import socket

import pytest

from tests.conftest import data_folder, play


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_story_gives_its_result() -> None:
    async def story() -> int:
        task = asyncio.ensure_future(asyncio.sleep(0))
        await task
        return 7

    assert play(story()) == 7


def test_a_task_left_behind_fails_its_test() -> None:
    async def story() -> None:
        task = asyncio.ensure_future(for_ever())
        await asyncio.sleep(0)
        assert not task.done()

    with pytest.raises(AssertionError, match="left behind"):
        play(story())


def test_a_task_that_was_just_cancelled_is_not_left_behind() -> None:
    async def story() -> None:
        task = asyncio.ensure_future(for_ever())
        await asyncio.sleep(0)
        task.cancel()

    play(story())


def test_a_story_that_never_ends_fails_its_test() -> None:
    with pytest.raises(TimeoutError):
        play(for_ever(), within=0.01)


def test_unit_tests_open_no_socket() -> None:
    with socket.socket() as one, pytest.raises(pytest.fail.Exception, match="no socket"):
        one.connect(("127.0.0.1", 9))
    with socket.socket() as one, pytest.raises(pytest.fail.Exception, match="no socket"):
        one.bind(("127.0.0.1", 0))


def test_absent_data_skips_with_the_setting_to_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WENLAN_DATA", "nowhere")
    with pytest.raises(pytest.skip.Exception, match="WENLAN_DATA"):
        data_folder("sip2")
