"""The catalogue's drivers against the simulated devices, healthy and failing in every way."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from config.links import ModbusTcp
from contracts.quantities import Quality
from drivers import registry
from drivers.devices.register_device import RegisterDevice
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError
from runtime.host import system_host
from simulators.building.air import Air, mixing_ratio
from simulators.faults import WIRE, Faults, What
from simulators.ground_truth import Ledger
from simulators.modbus.devices.adam_6051 import Counters, adam_6051
from simulators.modbus.devices.liebert_pac import Liebert
from simulators.modbus.devices.sensing import NOTHING, Sample
from simulators.modbus.devices.vaisala_hmp import vaisala_hmp
from simulators.modbus.devices.xy_md02 import xy_md02
from simulators.modbus.server import ModbusServer, Unit
from tests.polled import leaping_clock, poll

Play = Callable[[Coroutine[Any, Any, None]], None]
TIMEOUT = 0.25


@dataclass
class Building:
    faults: Faults
    counters: Counters
    drivers: dict[str, RegisterDevice] = field(default_factory=dict)
    air: list[Sample] = field(default_factory=lambda: [Sample(21.4, 53.2)])

    async def poll(self, device: str) -> dict[str, float | None]:
        return {name: one.value for name, one in (await poll(self.drivers[device])).items()}


@asynccontextmanager
async def building(folder: Path) -> AsyncIterator[Building]:
    clock = leaping_clock(60)
    now = clock.wall
    with Ledger(folder / "ledger.jsonl", now) as ledger:
        faults = Faults(ledger, now)
        it = Building(faults, Counters())
        plant = Liebert(lambda: Air(21.5, mixing_ratio(21.5, 52.0)))
        units = {
            1: Unit("probe", xy_md02(lambda: it.air[0])),
            240: Unit("second", vaisala_hmp(lambda: it.air[0])),
            3: Unit("ac", plant.registers()),
            4: Unit("gates", adam_6051(it.counters)),
        }
        for unit in units.values():
            faults.admit(unit.device, WIRE)
        server = ModbusServer("bus", units, faults, ledger)
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.run("127.0.0.1", 0, port.set_result), name="server")
        models = {
            "probe": ("xy-md02", 1),
            "second": ("vaisala-hmp", 240),
            "ac": ("liebert-pac", 3),
            "gates": ("adam-6051", 4),
        }
        config = ModbusTcp.model_validate(
            {
                "kind": "modbus-tcp",
                "id": "bus",
                "host": "127.0.0.1",
                "port": await port,
                "timeout": f"{int(1000 * TIMEOUT)}ms",
                "devices": [
                    {"id": name, "model": model, "unit": unit}
                    for name, (model, unit) in models.items()
                ],
            }
        )
        link = registry.open_link(config, system_host())
        for device in config.devices:
            driver = registry.build(device, link, clock)
            assert isinstance(driver, RegisterDevice)
            it.drivers[device.id] = driver
        try:
            yield it
        finally:
            await link.aclose()
            task.cancel()
            await asyncio.wait([task])


SOUND = {"temperature": 21.4, "humidity": 53.2}


def test_every_model_reads_what_its_device_has(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with building(tmp_path) as it:
            it.counters.pulse(0, 70_000)
            it.counters.pulse(3, 5)
            assert await it.poll("probe") == SOUND
            assert await it.poll("second") == SOUND | {"healthy": 1}
            read = await it.poll("ac")
            assert read["return_temperature"] == 21.5
            assert read["return_humidity"] == 52.0
            assert read["fan"] == 1
            gates = await it.poll("gates")
            assert (gates["channel_0"], gates["channel_3"]) == (70_000, 5)

    play(story())


def test_a_setpoint_is_written_read_back_and_refused_out_of_limits(
    play: Play, tmp_path: Path
) -> None:
    async def story() -> None:
        async with building(tmp_path) as it:
            plant = it.drivers["ac"]
            assert await plant.write("temperature_setpoint", 18.5) == 18.5
            assert await plant.write("humidity_setpoint", 50) == 50
            read = await it.poll("ac")
            assert (read["temperature_setpoint"], read["humidity_setpoint"]) == (18.5, 50)
            with pytest.raises(RefusedError):
                await plant.write("temperature_setpoint", 41)
            assert (await it.poll("ac"))["temperature_setpoint"] == 18.5

    play(story())


def test_an_element_without_a_value_is_never_its_last_value(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with building(tmp_path) as it:
            await it.poll("probe")
            it.air[0] = NOTHING
            with pytest.raises(BadReplyError, match="exception 4"):
                await it.poll("probe")
            readings = await poll(it.drivers["second"])
            assert readings["temperature"].value is None
            assert readings["temperature"].quality == Quality.UNAVAILABLE
            it.air[0] = Sample(19.0, None)
            readings = await poll(it.drivers["probe"])
            assert readings["temperature"].value == 19.0
            assert readings["humidity"].quality == Quality.UNAVAILABLE

    play(story())


RAISES = {
    What.UNPLUG: LinkDownError,
    What.SILENT: LinkDownError,
    What.LATE: LinkDownError,
    What.GARBAGE: DriverError,
    What.HALF_OPEN: LinkDownError,
    What.EXCEPTION: BadReplyError,
    What.FOREIGN_TRANSACTION: LinkDownError,
    What.WRONG_UNIT: BadReplyError,
    What.TRICKLE: LinkDownError,
    What.CUT: LinkDownError,
}


def test_every_way_to_fail_is_tried() -> None:
    assert set(RAISES) | {What.FROZEN} == WIRE


@pytest.mark.parametrize("what", RAISES)
def test_a_failing_probe_is_told_its_neighbours_live_and_it_comes_back(
    play: Play, tmp_path: Path, what: What
) -> None:
    async def story() -> None:
        async with building(tmp_path) as it:
            assert await it.poll("probe") == SOUND
            it.faults.begin("probe", what, value=0.4 if what is What.LATE else None)
            it.air[0] = Sample(20.0, 50.0)
            for _ in range(3):
                with pytest.raises(RAISES[what]):
                    await it.poll("probe")
                assert (await it.poll("second"))["temperature"] == 20.0
                assert len(await it.poll("gates")) == 8
            it.faults.clear("probe")
            it.air[0] = Sample(18.0, 48.0)
            assert await it.poll("probe") == {"temperature": 18.0, "humidity": 48.0}

    play(story())
