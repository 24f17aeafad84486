"""A year of a real room, played through Modbus, arrives value for value."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import data_folder
from tests.system.library import open_library, probes_site, rows
from wenlan.example.processes import until

pytestmark = pytest.mark.system

VALUES = (
    "SELECT value FROM reading JOIN point ON point.id = reading.point"
    " WHERE path = ? AND value IS NOT NULL ORDER BY at"
)


def room() -> list[tuple[float, float]]:
    path = data_folder("consciR-museum") / "london_room1_2024_15min.csv"
    with path.open(encoding="utf-8") as lines:
        return [
            (float(row["temperature_c"]), float(row["rh_pct"]))
            for row in csv.DictReader(lines)
            if "NA" not in row.values()
        ]


def test_the_london_room_arrives_value_for_value(tmp_path: Path, play: Callable[..., Any]) -> None:
    expected = room()
    file = data_folder("consciR-museum") / "london_room1_2024_15min.csv"
    site = probes_site(tmp_path, 1, "2ms")

    async def story() -> tuple[list[float], list[float]]:
        replay = ["--replay", str(file), "--speed", "lockstep", "--device", "probe-1"]
        async with open_library(site, tmp_path / "data", *replay) as (library, _, _):

            async def all_there() -> bool:
                return len(rows(library.data, VALUES, ["probe-1/humidity"])) >= len(expected)

            await until(all_there, 400, "the whole year is in the store", step=1.0)
            return tuple(  # type: ignore[return-value] # two lists, one per point
                [value for (value,) in rows(library.data, VALUES, [f"probe-1/{name}"])]
                for name in ("temperature", "humidity")
            )

    temperatures, humidities = play(story(), within=460)
    assert len(temperatures) == 35_127
    assert temperatures == [temperature for temperature, _ in expected]
    assert humidities == [humidity for _, humidity in expected]
