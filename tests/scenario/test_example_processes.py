"""The example's supervisor and cable, with real processes and sockets of their own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from wenlan.example.cable import Cable
from wenlan.example.leftovers import FOLDER_VARIABLE, end_left_over, left_over
from wenlan.example.processes import Part, Supervisor, until
from wenlan.process import now
from wenlan.proofs.notes import DIARY

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")


def diary(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / DIARY).read_text("utf-8").splitlines()]


async def supervised(
    folder: Path, part: Part, story: Callable[[Supervisor], Awaitable[None]]
) -> list[str]:
    """Keep one part running for the length of a story; give what was said."""
    said: list[str] = []
    supervisor = Supervisor(folder, now, said.append)
    async with asyncio.TaskGroup() as group:
        supervisor.keep(group, part)
        try:
            await story(supervisor)
        finally:
            await supervisor.end_all()
    return said


def runs(supervisor: Supervisor, name: str) -> Callable[[], Awaitable[bool]]:
    async def running() -> bool:
        return supervisor.pid(name) is not None

    return running


def test_a_process_can_be_found_by_its_file_while_it_runs(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    file = tmp_path / "pids" / "sleeper"

    async def story(supervisor: Supervisor) -> None:
        await until(runs(supervisor, "sleeper"), 10, "it runs")
        assert int(file.read_text("utf-8")) == supervisor.pid("sleeper")
        os.kill(int(file.read_text("utf-8")), signal.SIGKILL)

        async def another() -> bool:
            return len([one for one in diary(tmp_path) if one["what"] == "started"]) == 2

        await until(another, 10, "it was started again")
        assert int(file.read_text("utf-8")) == supervisor.pid("sleeper")

    said = play(supervised(tmp_path, Part("sleeper", SLEEPER), story))
    assert said == ["sleeper ended (SIGKILL); starting it again"]
    assert not file.exists()


def test_whoever_ends_with_a_failure_is_quoted(tmp_path: Path, play: Callable[..., Any]) -> None:
    failing = (
        sys.executable,
        "-c",
        "import sys; print('a', flush=True); sys.exit('port 1 is taken')",
    )
    said: list[str] = []

    async def story(supervisor: Supervisor) -> None:
        async def told() -> bool:
            return bool(said)

        supervisor.say = said.append
        await until(told, 10, "the end is told")

    play(supervised(tmp_path, Part("failing", failing), story))
    assert said[0] == "failing ended (status 1); starting it again\n    port 1 is taken"


def test_a_full_disk_is_said_once_and_what_was_to_be_noted_is_noted_later(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    book = tmp_path / DIARY
    book.symlink_to("/dev/full")
    said: list[str] = []

    async def story(supervisor: Supervisor) -> None:
        supervisor.say = said.append
        for _ in range(2):
            await until(runs(supervisor, "sleeper"), 10, "it runs")
            pid = supervisor.pid("sleeper")
            assert pid is not None
            os.kill(pid, signal.SIGKILL)

            async def another(before: int = pid) -> bool:
                return supervisor.pid("sleeper") not in (None, before)

            await until(another, 10, "it was started again")
        book.unlink()

    play(supervised(tmp_path, Part("sleeper", SLEEPER), story))
    assert len([line for line in said if "No space left on device" in line]) == 1
    notes = diary(tmp_path)
    assert [one["what"] for one in notes] == [
            *("started", "ended") * 2, "started", "ending", "ended",
        ]  # fmt: skip


def test_processes_of_a_killed_example_are_found_and_ended_and_nobody_else(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    """The diary names ids; an id that is somebody else's by now is left alone."""

    async def story() -> None:
        ours = {**os.environ, FOLDER_VARIABLE: str(tmp_path)}
        theirs = {**os.environ, FOLDER_VARIABLE: str(tmp_path / "another")}
        started = [
            await asyncio.create_subprocess_exec(*SLEEPER, env=environment)
            for environment in (ours, theirs)
        ]
        deaf = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "print(1, flush=True); time.sleep(600)",
            env=ours,
            stdout=asyncio.subprocess.PIPE,
        )
        assert deaf.stdout is not None
        await deaf.stdout.readline()
        mine, other = started
        lines = [
            {"part": "gateway", "what": "started", "pid": mine.pid},
            {"part": "edge-front", "what": "started", "pid": other.pid},
            {"part": "edge-stacks", "what": "started", "pid": deaf.pid},
            {"part": "broker", "what": "started", "pid": 2**22 + 1},
            {"part": "simulate", "what": "started", "pid": os.getpid()},
        ]
        text = "".join(json.dumps(line) + "\n" for line in lines) + '{"part": "broker", "wh'
        (tmp_path / DIARY).write_text(text, "utf-8")
        try:
            assert left_over(tmp_path) == {mine.pid: "gateway", deaf.pid: "edge-stacks"}
            said: list[str] = []
            await asyncio.to_thread(end_left_over, tmp_path, said.append)
            assert len(said) == 1
            assert f"gateway ({mine.pid}), edge-stacks ({deaf.pid})" in said[0]
            assert await mine.wait() == -signal.SIGTERM
            assert await deaf.wait() == -signal.SIGKILL
            assert other.returncode is None
            assert left_over(tmp_path) == {}
            await asyncio.to_thread(end_left_over, tmp_path, said.append)
            assert len(said) == 1
        finally:
            for process in (mine, other, deaf):
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    play(story())


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Read on; a connection that was reset is as much at its end as one that was closed."""
    try:
        return await reader.read(1000)
    except OSError:
        return b""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
    writer.close()


def test_a_cable_carries_both_ways_until_it_is_pulled_and_again_when_it_is_plugged(
    play: Callable[..., Any],
) -> None:
    async def story() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        cable = Cable(server.sockets[0].getsockname()[1])
        port = cable.port
        carrying = asyncio.create_task(cable.run(), name="cable")

        async def say(text: bytes) -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
            try:
                writer.write(text)
                return await rest(reader)
            finally:
                writer.close()

        assert await say(b"one") == b"one"
        reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
        writer.write(b"two")
        assert await reader.read(1000) == b"two"
        cable.pull()
        assert await rest(reader) == b""
        writer.close()
        assert await say(b"three") == b""
        cable.plug()
        assert await say(b"four") == b"four"
        carrying.cancel()
        await asyncio.wait((carrying,))
        server.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    play(story())


def test_a_cable_to_a_broker_that_is_away_ends_at_once(play: Callable[..., Any]) -> None:
    async def story() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        cable = Cable(port)
        carrying = asyncio.create_task(cable.run(), name="cable")
        reader, writer = await asyncio.open_connection("127.0.0.1", cable.port)
        assert await rest(reader) == b""
        writer.close()
        carrying.cancel()
        await asyncio.wait((carrying,))

    play(story())
