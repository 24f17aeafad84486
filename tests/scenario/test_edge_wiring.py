"""A whole edge, as `wenlan edge` runs it: what it says, and that nothing ends it."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from contracts.records import ClockStepped, DeviceChanged, EdgeStarted, OutcomeStatus, PartFell
from contracts.records import Sample as Block
from edge.composition import run_edge
from edge.journal.opening import JournalError, locked
from runtime.host import system_host
from runtime.mqtt.client import Session
from tests.scenario.acker import Nats, ended, free_port, site_at, until
from tests.scenario.edge_world import edge_world
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.faulty_host import Troubles

Play = Callable[..., Any]


def test_an_edge_lives_and_leaves_in_order(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with edge_world(tmp_path, free_port(), devices=False) as world:
            gateway = world.gateway
            for starts in (1, 2):
                await world.start()
                await until(lambda n=starts: len(gateway.of(EdgeStarted)) == n)  # type: ignore[misc]  # bound early
                if starts == 1:
                    await until(lambda: bool(gateway.of(DeviceChanged)))
                await world.stop()
                # What was journalled last had arrived before the goodbye.
                assert len(gateway.rows) == world.presence.next - 1
            assert "probe" in gateway.cards
            changes = gateway.of(DeviceChanged)
            assert [(one.device, one.available) for one in changes] == [("probe", False)]
            first, second = gateway.of(EdgeStarted)
            assert first.life != second.life
            assert (first.boot, first.clock) == (second.boot, f"{first.life}.0")
            assert {batch.life for batch in gateway.batches} == {first.life, second.life}

    play(story())


def test_devices_are_sampled_in_blocks_and_written_under_leases(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        async with edge_world(tmp_path, free_port()) as world:
            gateway = world.gateway
            world.counters.pulse(0, 7)
            await world.start()
            paths = {"probe/temperature", "ac/fan", "gates/channel_0"}
            await until(lambda: paths <= {one.point for one in gateway.readings()})
            newest = {one.point: one for one in gateway.readings()}
            assert newest["probe/temperature"].value == 21.4
            assert newest["probe/humidity"].value == 53.2
            assert newest["gates/channel_0"].value == 7
            assert {one.block for one in gateway.of(Block)} == {"0.2s", "0.5s", "0.5s-counters"}

            await gateway.send(world.write("c1", 22.5, lease=1.5))
            await gateway.send(world.write("c1", 22.5, lease=1.5))
            await gateway.send(world.write("c0", 30.0, session="another"))
            await gateway.send(world.write("c2", 99.0))
            await until(lambda: len(gateway.outcomes()) == 3)
            told = [(one.command, one.status) for one in gateway.outcomes()]
            assert sorted(told) == [
                ("c1", OutcomeStatus.DONE),
                ("c1", OutcomeStatus.REVERTED),
                ("c2", OutcomeStatus.REFUSED),
            ]
            setpoints = [
                one.value for one in gateway.readings() if one.point == "ac/temperature_setpoint"
            ]
            assert 22.5 in setpoints
            await until(lambda: gateway.readings()[-1].point != "" and world.presence.online)

    play(story(), within=60)


def test_a_second_edge_of_the_same_name_ends_with_a_clear_message(
    tmp_path: Path, play: Play
) -> None:
    site = site_at(free_port(), bus=free_port())
    with (
        locked(tmp_path / "journal-stacks.sqlite3"),
        pytest.raises(JournalError, match="in use by another process"),
    ):
        play(run_edge(site, site.edges[0], tmp_path, system_host()))


@pytest.mark.parametrize(
    "faults", [Faults(sync_error=1.0, write_error=1.0), Faults(full=True)], ids=["EIO", "full"]
)
def test_a_sick_disk_ends_nothing_and_is_said(tmp_path: Path, play: Play, faults: Faults) -> None:
    async def story() -> None:
        async with edge_world(tmp_path, free_port()) as world:
            gateway = world.gateway
            await world.start()
            await until(lambda: len(gateway.of(Block)) > 5)
            world.troubles = Troubles(disk=faults)
            await until(lambda: world.presence.journal != "ok", 10)
            sick, begun = len(gateway.of(Block)), world.session
            await gateway.send(world.write("c1", 22.0))
            await until(lambda: len(gateway.of(Block)) > sick + 20)
            await until(lambda: bool(gateway.outcomes()))
            # Its lease would not survive a kill: nothing was written.
            assert [one.status for one in gateway.outcomes()] == [OutcomeStatus.REFUSED]
            assert "nothing was begun" in gateway.outcomes()[0].reason
            world.troubles = Troubles()
            await until(lambda: world.presence.journal == "ok", 20)
            await gateway.send(world.write("c2", 22.0))
            await until(lambda: len(gateway.outcomes()) == 2)
            assert gateway.outcomes()[1].status == OutcomeStatus.DONE
            assert world.session == begun
            assert len(gateway.of(EdgeStarted)) == 1
            assert not gateway.of(PartFell)

    play(story(), within=90)


def test_a_disk_that_is_sick_at_the_start_gives_up_its_leases_late(
    tmp_path: Path, play: Play
) -> None:
    async def story() -> None:
        async with edge_world(tmp_path, free_port()) as world:
            gateway = world.gateway
            await world.start()
            await gateway.send(world.write("c1", 25.0, lease=3.0))
            await until(lambda: bool(gateway.outcomes()))
            own = world.presence.stream
            await world.stop()
            world.troubles = Troubles(disk=Faults(open_error=1.0, read_error=1.0))
            blocks = len(gateway.of(Block))
            await world.start()
            await until(lambda: world.presence.journal == "failing", 15)
            await until(lambda: len(gateway.of(Block)) > blocks + 10)
            assert len(gateway.outcomes()) == 1
            world.troubles = Troubles()
            await until(lambda: len(gateway.outcomes()) == 2, 30)
            told = [(one.command, one.status) for one in gateway.outcomes()]
            assert told == [("c1", OutcomeStatus.DONE), ("c1", OutcomeStatus.REVERTED)]
            # The sound journal was waited for, and is written on.
            await until(lambda: world.presence.stream == own)
            assert len({one.stream for one in gateway.batches}) == 2

    play(story(), within=90)


@pytest.mark.parametrize("ahead", [3600.0, -3600.0, -1_700_000_000.0])
def test_a_step_of_the_clock_is_a_record_and_moves_nothing(
    tmp_path: Path, play: Play, ahead: float
) -> None:
    async def story() -> None:
        async with edge_world(tmp_path, free_port()) as world:
            gateway = world.gateway
            await world.start()
            await gateway.send(world.write("c1", 22.0, lease=600.0))
            await until(lambda: bool(gateway.outcomes()))
            blocks = len(gateway.of(Block))
            world.troubles = Troubles(clock_ahead=ahead)
            await until(lambda: bool(gateway.of(ClockStepped)))
            await until(lambda: len(gateway.of(Block)) > blocks + 20)
            (stepped,) = gateway.of(ClockStepped)
            assert abs(stepped.by / 1e6 - ahead) < 1
            assert stepped.clock == f"{world.session}.1"
            assert {batch.clock for batch in gateway.batches} == {
                f"{world.session}.0",
                f"{world.session}.1",
            }
            await until(lambda: world.presence.steps == 1)
            assert [one.status for one in gateway.outcomes()] == [OutcomeStatus.DONE]
            assert all(one.available for one in gateway.of(DeviceChanged))

    play(story(), within=60)


def test_a_part_that_cannot_run_is_said_and_harms_nobody(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        kiosk = {
            "id": "kiosk-1",
            "name": {"en": "Kiosk", "zh": "机"},
            "space": "vault",
            "reader": "pad",
            "library": "ils",
        }
        pad = {"id": "pad", "model": "feig-obid"}
        line = {"kind": "feig-serial", "id": "line", "port": "/dev/nothing", "devices": [pad]}
        ils = {"id": "ils", "model": "sip2"}
        sip2 = {"kind": "sip2", "id": "lib", "host": "127.0.0.1", "port": 9, "devices": [ils]}
        async with edge_world(tmp_path, free_port(), links=[line, sip2], kiosks=[kiosk]) as world:
            gateway = world.gateway
            key = world.data / "stacks" / "patron.key"
            key.parent.mkdir(parents=True)
            key.write_bytes(b"short")
            await world.start()
            await until(lambda: bool(gateway.of(PartFell)) and len(gateway.of(Block)) > 10)
            (fell,) = gateway.of(PartFell)
            assert (fell.part, fell.stands) == ("kiosk kiosk-1", False)
            assert "has 5 bytes instead of 32; restore or remove it" in fell.reason
            key.unlink()
            await until(lambda: len(gateway.of(PartFell)) == 2, 60)
            assert gateway.of(PartFell)[1].stands

    play(story(), within=90)


def test_a_broker_that_hangs_is_left_and_found_again(
    tmp_path: Path,
    play: Play,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.INFO, "runtime.mqtt")
    monkeypatch.setattr("edge.uplink.gateway.Session", partial(Session, keep_alive=2))

    async def story() -> None:
        async with edge_world(tmp_path, free_port(), devices=False) as world:
            await world.start()
            world.nats.stop()
            await until(lambda: "is gone" in caplog.text, 6)
            world.nats.resume()
            await until(lambda: caplog.text.count("is there") >= 2, 10)

    play(story(), within=90)


def test_two_edges_under_one_name_are_noticed(
    tmp_path: Path,
    play: Play,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # This broker holds clients that kick each other back for 10 s each time.
    monkeypatch.setattr("runtime.mqtt.client.UNWANTED", 1)

    async def story() -> None:
        nats = Nats(tmp_path / "nats")
        await nats.start()
        site = site_at(nats.port, bus=free_port())
        edges = [
            asyncio.create_task(
                run_edge(site, site.edges[0], tmp_path / name, system_host()), name=name
            )
            for name in ("one", "two")
        ]
        await until(lambda: "another" in caplog.text and "same name" in caplog.text)
        for edge in edges:
            await ended(edge)
        await nats.kill()

    play(story())
