"""A sensor is pulled: the wall says UNKNOWN, then silence is an alarm; plugged in, all is well."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.library import open_library, probes_site
from wenlan.example.library import House
from wenlan.example.orders import send
from wenlan.example.processes import until

pytestmark = pytest.mark.system


async def point(house: House, path: str) -> dict[str, Any]:
    return next(one for one in await house.get("/api/v1/points") if one["path"] == path)


async def silence_alarms(house: House) -> list[dict[str, Any]]:
    alarms = await house.get("/api/v1/alarms")
    return [one for one in alarms if one["kind"] == "silence" and one["source"] == "probe-2"]


def test_a_pulled_sensor_is_unknown_within_three_polls(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    site = probes_site(tmp_path, 3, "1s")

    async def story() -> None:
        async with open_library(site, tmp_path / "data", "--calm") as (house, _, _):
            path = "probe-2/temperature"

            async def is_live() -> bool:
                return bool((await point(house, path))["freshness"] == "live")

            async def is_unknown() -> bool:
                return not await is_live()

            await until(is_live, 20, "the probe is live")
            loop = asyncio.get_running_loop()
            await send(house.control_port, {"do": "fault", "device": "probe-2", "what": "unplug"})
            pulled = loop.time()
            await until(is_unknown, 10, "the pulled probe is unknown")
            # Three polls of a second, the share of a poll under way, and this test's own looking.
            assert loop.time() - pulled <= 3 + 1 + 0.5
            shown = await point(house, path)
            assert shown["value"] is None
            assert shown["last_value"] is not None
            neighbour = await point(house, "probe-1/temperature")
            assert neighbour["freshness"] == "live"

            async def rings() -> bool:
                return any(one["state"] == "unacknowledged" for one in await silence_alarms(house))

            await until(rings, 20, "silence is an alarm")
            assert len(await silence_alarms(house)) == 1
            await send(house.control_port, {"do": "clear", "device": "probe-2"})
            await until(is_live, 20, "the probe is live again")

            async def returned() -> bool:
                alarms = await silence_alarms(house)
                return all(one["state"] == "returned-unacknowledged" for one in alarms)

            await until(returned, 20, "the alarm has returned and waits for a person")

    play(story(), within=120)
