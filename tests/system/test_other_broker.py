"""Any MQTT 3.1.1 broker will do: the same library on Mosquitto, which is killed on the way."""

import asyncio
import dataclasses
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.system.library import QUIET, rows
from wenlan.cli import EXAMPLE
from wenlan.house import House, open_house, prepare
from wenlan.process import now
from wenlan.settling import settle
from wenlan.supervisor import Part, Supervisor, until
from wenlan.verdict import examine

pytestmark = pytest.mark.system


@dataclasses.dataclass(frozen=True, slots=True)
class MosquittoHouse(House):
    """The same house with another broker in it."""

    def broker(self) -> Part:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "install Debian's package mosquitto"
        settings = self.data / "mosquitto.conf"
        settings.write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n",
            encoding="utf-8",
        )
        return Part("broker", [program, "-c", str(settings)])


def test_the_library_runs_on_mosquitto_and_survives_its_death(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        plain = prepare(EXAMPLE, tmp_path / "data", 0)
        fields = {one.name: getattr(plain, one.name) for one in dataclasses.fields(plain)}
        house = MosquittoHouse(**fields)
        keeper = Supervisor(house.data, now, QUIET)
        async with asyncio.TaskGroup() as group:
            try:
                await open_house(house, keeper, group, "--calm")
                await asyncio.sleep(5)
                pid = keeper.pid("broker")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                before = rows(house.data, "SELECT count(*) FROM reading")[0][0]

                async def flows_again() -> bool:
                    return bool(
                        rows(house.data, "SELECT count(*) FROM reading")[0][0] > before + 50
                    )

                await until(flows_again, 60, "readings flow again")
                await settle(house, keeper)
            finally:
                await keeper.end_all()
        report = examine(house.site, house.data)
        assert report.clean, report.text()
        assert report.comparison.loans
        assert report.comparison.visits

    play(story(), within=200)
