"""A whole edge whose one device does not answer: it says so, is present, and leaves in order."""

import asyncio
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.site import Site
from contracts.codec import encode
from contracts.messages import Command
from contracts.records import DeviceChanged, EdgeStarted, OutcomeStatus
from contracts.topics import of_edge
from edge.composition import run_edge
from edge.journal.file import JournalError
from edge.journal.opening import open_file
from runtime.mqtt.client import Session
from tests.scenario.acker import Gateway, Nats, clock, ended, free_port, site_at, until

Play = Callable[..., Any]


def quiet_site(port: int) -> Site:
    return site_at(port, bus=free_port())


def test_an_edge_lives_and_leaves_in_order(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        site = quiet_site(nats.port)
        for starts in (1, 2):
            running = asyncio.create_task(
                run_edge(site, site.edges[0], tmp_path / "data", clock), name="edge"
            )
            await until(lambda: bool(gateway.states) and gateway.states[-1].online)
            await until(
                lambda n=starts: (  # type: ignore[misc]  # bound early
                    sum(isinstance(one, EdgeStarted) for one in gateway.rows.values()) == n
                )
            )
            await ended(running)
            await until(lambda: not gateway.states[-1].online)
            # What was journalled last had arrived before the goodbye.
            assert gateway.states[-1].oldest == gateway.states[-1].next
            assert len(gateway.rows) == gateway.states[-1].next - 1
        assert "probe" in gateway.cards
        changes = [one for one in gateway.rows.values() if isinstance(one, DeviceChanged)]
        assert [(one.device, one.available) for one in changes] == [("probe", False)]
        assert gateway.states[-1].stream
        await ended(listening)
        await nats.kill()

    play(story())


def test_a_command_to_a_device_without_outputs_is_refused(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        site = quiet_site(nats.port)
        running = asyncio.create_task(
            run_edge(site, site.edges[0], tmp_path / "data", clock), name="edge"
        )
        await until(lambda: bool(gateway.states) and gateway.states[-1].online)
        command = Command(
            *("c1", "probe", "write", clock(), clock() + 60_000_000, "me", "temperature"),
            value=20.0,
            lease=60.0,
        )
        assert gateway.client is not None
        topic = of_edge("site", "stacks").command
        await gateway.client.publish(topic, encode(command), qos=1)
        await until(lambda: bool(gateway.outcomes()))
        assert gateway.outcomes()[0].status is OutcomeStatus.REFUSED
        await ended(running)
        await ended(listening)
        await nats.kill()

    play(story())


def test_a_second_edge_of_the_same_name_ends_with_a_clear_message(
    tmp_path: Path, play: Play
) -> None:
    site = quiet_site(free_port())
    journal, _ = open_file(tmp_path / "journal-stacks.sqlite3", 0)
    with pytest.raises(JournalError, match="in use by another process"):
        play(run_edge(site, site.edges[0], tmp_path, clock))
    journal.close()


def test_a_full_disk_ends_the_edge_with_a_clear_message(tmp_path: Path, play: Play) -> None:
    path = tmp_path / "journal-stacks.sqlite3"
    open_file(path, 0)[0].close()
    script = (
        "import resource, sys, asyncio, pathlib; from edge.journal.journal import Journal\n"
        "from contracts.records import EdgeStarted\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "async def main():\n"
        "    async with Journal(pathlib.Path(sys.argv[1]), lambda: 0) as journal:\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "        while True:\n"
        "            await journal.append([EdgeStarted(0, 'e', 'x' * 1000)])\n"
        "            print(journal.last, flush=True)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, timeout=20, check=False
    )
    assert done.returncode != 0
    assert b"JournalError" in done.stderr
    assert b"free some space or replace the disk" in done.stderr
    promised = int(done.stdout.split()[-1])
    journal, wrong = open_file(path, 0)
    assert not wrong
    assert journal.last >= promised
    journal.close()


def test_a_broker_that_hangs_is_left_and_found_again(
    tmp_path: Path,
    play: Play,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "runtime.mqtt")
    monkeypatch.setattr("edge.composition.Session", partial(Session, keep_alive=2))

    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        site = quiet_site(nats.port)
        running = asyncio.create_task(
            run_edge(site, site.edges[0], tmp_path / "data", clock), name="edge"
        )
        await until(lambda: bool(gateway.states) and gateway.states[-1].online)
        nats.stop()
        await until(lambda: "is gone" in caplog.text, 6)
        nats.resume()
        await until(lambda: caplog.text.count("is there") >= 2, 10)
        await ended(running)
        await ended(listening)
        await nats.kill()
        with sqlite3.connect(tmp_path / "data" / "journal-stacks.sqlite3") as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        db.close()

    play(story(), within=90)


def test_an_old_copy_of_the_journal_is_set_aside_before_its_numbers_are_given_twice(
    tmp_path: Path, play: Play
) -> None:
    data = tmp_path / "data"
    path = data / "journal-stacks.sqlite3"

    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        gateway = Gateway(nats.port)
        listening = asyncio.create_task(gateway.run(), name="gateway")
        site = quiet_site(nats.port)

        def begin() -> asyncio.Task[None]:
            return asyncio.create_task(run_edge(site, site.edges[0], data, clock), name="edge")

        running = begin()
        await until(lambda: len(gateway.rows) >= 2)
        await ended(running)
        copy = path.read_bytes()
        for _ in range(3):
            running = begin()
            newest = max(gateway.rows)
            await until(lambda newest=newest: max(gateway.rows) > newest)  # type: ignore[misc]
            await ended(running)
        path.write_bytes(copy)
        path.with_name(path.name + "-wal").unlink(missing_ok=True)
        with pytest.raises(JournalError, match="an old copy was put back"):
            await begin()
        await ended(listening)
        await nats.kill()

    play(story())
    fresh, wrong = open_file(path, 9)
    assert "an old copy" in wrong
    assert fresh.last == 0
    fresh.close()


def test_two_edges_under_one_name_are_noticed(
    tmp_path: Path, play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        site = quiet_site(nats.port)
        edges = [
            asyncio.create_task(run_edge(site, site.edges[0], tmp_path / name, clock), name=name)
            for name in ("one", "two")
        ]
        await until(lambda: "another client running under the same" in caplog.text, 50)
        for edge in edges:
            await ended(edge)
        await nats.kill()

    play(story(), within=60)
