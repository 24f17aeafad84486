"""A sensor is pulled: the wall says UNKNOWN, then silence is an alarm; plugged in, all is well."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.library import open_library, probes_site
from wenlan.example.library import Library
from wenlan.example.orders import send
from wenlan.example.processes import until

pytestmark = pytest.mark.system


async def point(library: Library, path: str) -> dict[str, Any]:
    return next(one for one in await library.get("/api/v1/points") if one["path"] == path)


async def silence_alarms(library: Library) -> list[dict[str, Any]]:
    alarms = await library.get("/api/v1/alarms")
    return [one for one in alarms if one["kind"] == "silence" and one["source"] == "probe-2"]


def test_a_pulled_sensor_is_unknown_within_three_polls(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    site = probes_site(tmp_path, 3, "1s")

    async def story() -> None:
        async with open_library(site, tmp_path / "data", "--calm") as (library, _, _):
            path = "probe-2/temperature"

            async def is_live() -> bool:
                return bool((await point(library, path))["freshness"] == "live")

            async def is_unknown() -> bool:
                return not await is_live()

            await until(is_live, 20, "the probe is live")
            loop = asyncio.get_running_loop()
            await send(library.control_port, {"do": "fault", "device": "probe-2", "what": "unplug"})
            pulled = loop.time()
            await until(is_unknown, 10, "the pulled probe is unknown")
            # Three polls of a second, the share of a poll under way, and this test's own looking.
            assert loop.time() - pulled <= 3 + 1 + 0.5
            shown = await point(library, path)
            assert shown["value"] is None
            assert shown["last_value"] is not None
            neighbour = await point(library, "probe-1/temperature")
            assert neighbour["freshness"] == "live"

            async def rings() -> bool:
                return any(
                    one["state"] == "unacknowledged" for one in await silence_alarms(library)
                )

            await until(rings, 20, "silence is an alarm")
            assert len(await silence_alarms(library)) == 1
            await send(library.control_port, {"do": "clear", "device": "probe-2"})
            await until(is_live, 20, "the probe is live again")

            async def returned() -> bool:
                alarms = await silence_alarms(library)
                return all(one["state"] == "returned-unacknowledged" for one in alarms)

            await until(returned, 20, "the alarm has returned and waits for a person")

    play(story(), within=120)
