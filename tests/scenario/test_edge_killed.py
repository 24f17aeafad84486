"""The process of an edge is killed at random moments: nothing that it promised is lost."""

import asyncio
import json
import random
import signal
import sys
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from contracts.ranges import Ranges
from contracts.records import EdgeStarted, OutcomeStatus, RecordsGivenUp, Sample
from tests.scenario.acker import Gateway, free_port, site_file, until
from tests.scenario.edge_world import DEVICES, EdgeWorld, edge_world

Play = Callable[..., Any]


async def started(world: EdgeWorld, bus: int) -> asyncio.subprocess.Process:
    """Start `wenlan edge` and wait until it is present."""
    site = world.folder / "site.yaml"
    site.write_text(json.dumps(site_file(world.nats.port, bus, DEVICES)), encoding="utf-8")
    before = len(world.gateway.states)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "wenlan", "edge", "stacks"),
        *("--site", str(site), "--data", str(world.data)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    await until(lambda: any(one.online for one in world.gateway.states[before:]))
    return process


def setpoints(gateway: Gateway) -> list[float | None]:
    """Give how the air conditioner's set-point changed."""
    told = sorted(gateway.readings(), key=lambda one: one.at)
    values = [one.value for one in told if one.point == "ac/temperature_setpoint"]
    return [value for value, _ in groupby(values)]


async def left(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        assert await process.wait() == 0


def test_killed_at_random_moments_every_number_comes_once(tmp_path: Path, play: Play) -> None:
    dice = random.Random(20261125)

    async def story() -> None:
        bus = free_port()
        async with edge_world(tmp_path, bus) as world:
            gateway = world.gateway
            for _ in range(6):
                process = await started(world, bus)
                gateway.deaf = dice.random() < 0.5
                await asyncio.sleep(dice.uniform(0.0, 1.5))
                process.kill()
                await process.wait()
                gateway.deaf = False
            process = await started(world, bus)
            await asyncio.sleep(1.0)
            await left(process)
            await until(lambda: not world.presence.online)

            (stream,) = {name for name, _ in gateway.rows}
            assert stream == world.presence.stream
            assert gateway.numbers() == Ranges([(1, world.presence.next - 1)])
            assert not gateway.of(RecordsGivenUp)
            starts = gateway.of(EdgeStarted)
            assert len({one.life for one in starts}) == len(starts) == 7
            numbered = [gateway.rows[key] for key in sorted(gateway.rows)]
            samples = [one for one in numbered if isinstance(one, Sample) and one.block == "0.2s"]
            assert len(samples) > 20
            assert [one.at for one in samples] == sorted({one.at for one in samples})

    play(story(), within=120)


def test_a_lease_goes_through_a_kill(tmp_path: Path, play: Play) -> None:
    async def story() -> None:
        bus = free_port()
        async with edge_world(tmp_path, bus) as world:
            gateway = world.gateway
            process = await started(world, bus)
            await gateway.send(world.write("c1", 25.0, lease=4.0))
            await until(lambda: bool(gateway.outcomes()))
            begun = asyncio.get_running_loop().time()
            process.kill()
            await process.wait()
            process = await started(world, bus)
            await gateway.send(world.write("c1", 25.0, lease=4.0))
            await until(lambda: len(gateway.outcomes()) == 2)
            assert 3.5 < asyncio.get_running_loop().time() - begun < 8.0
            told = [(one.command, one.status) for one in gateway.outcomes()]
            assert told == [("c1", OutcomeStatus.DONE), ("c1", OutcomeStatus.REVERTED)]
            await until(lambda: setpoints(gateway)[-2:] == [25.0, 19.0])
            await left(process)

    play(story(), within=60)
