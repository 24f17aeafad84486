"""A logger's export, with its own times, gives the counts that an independent script found."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import data_folder
from tests.system.library import open_library, probes_site, rows
from wenlan.example.library import Library

pytestmark = pytest.mark.system

COUNTS = """
WITH pair AS (
    SELECT t.value AS temperature, h.value AS humidity
    FROM reading t JOIN point pt ON pt.id = t.point AND pt.path = :device || '/temperature'
    JOIN point ph ON ph.path = :device || '/humidity'
    JOIN reading h ON h.point = ph.id AND h.at = t.at
    WHERE t.value IS NOT NULL AND h.value IS NOT NULL
)
SELECT count(*), sum(temperature BETWEEN 16 AND 22), sum(humidity BETWEEN 45 AND 60),
       sum(temperature BETWEEN 16 AND 22 AND humidity BETWEEN 45 AND 60) FROM pair
"""


def take(library: Library, file: Path, device: str) -> str:
    argv = [sys.executable, "-m", "wenlan", "import", str(file), "--device", device]
    argv += ["--space", "vault", "--site", str(library.site_path), "--data", str(library.data)]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=240, env=_environment(library), check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _environment(library: Library) -> dict[str, str]:
    import os

    return {**os.environ, **library.environment}


def test_imported_series_give_the_golden_counts(tmp_path: Path, play: Callable[..., Any]) -> None:
    folder = data_folder("consciR-museum")
    site = probes_site(tmp_path, 1, "2s")

    async def story() -> None:
        import asyncio

        async with open_library(site, tmp_path / "data", "--calm") as (library, _, _):
            for name in ("london_room1", "london_room1case"):
                file = folder / f"{name}_2024_15min.csv"
                await asyncio.to_thread(take, library, file, name)
            # The same file again is the same stream: nothing is stored twice.
            room = folder / "london_room1_2024_15min.csv"
            await asyncio.to_thread(take, library, room, "london_room1")
            live = await library.get("/api/v1/alarms")
            assert not [one for one in live if one["kind"] == "limit"], "a late fact rang"
            assert [one for one in live if one["kind"] == "retrospective"], "nothing was judged"

    play(story(), within=300)
    data = tmp_path / "data"
    room = rows(data, COUNTS.replace(":device", "'london_room1'"))
    case = rows(data, COUNTS.replace(":device", "'london_room1case'"))
    assert room == [(35_127, 28_506, 15_517, 11_545)]
    assert case == [(34_874, 16_563, 13_850, 8_271)]
