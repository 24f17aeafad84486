"""The example library's devices, all of them, on real sockets; and series that are replayed."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from math import isnan
from pathlib import Path
from time import time_ns
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from config.links import ModbusTcp
from config.loader import load_site
from config.site import Site
from simulators.control import serve_control
from simulators.errors import SimulatorError
from simulators.ground_truth import Ledger
from simulators.modbus.replay import Replay, replay_of, run_replay
from simulators.run import Options, beginning, run_simulators
from tests.conftest import data_folder
from wenlan.example.orders import send

Play = Callable[..., Any]
EXAMPLE = Path(__file__).parents[2] / "config" / "sites" / "zhijiang" / "site.yaml"


def now() -> int:
    return time_ns() // 1000


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def example(folder: Path) -> tuple[Site, int]:
    ports = free_ports(6)
    names = ("VAULT_BUS", "PLANT_BUS", "LOBBY_BUS", "SIP2", "BROKER")
    environment = {
        f"WENLAN_{name}_PORT": str(port) for name, port in zip(names, ports, strict=False)
    }
    environment["WENLAN_PAD"] = str(folder / "pad-1")
    return load_site(EXAMPLE, environment).site, ports[5]


def modbus_only(site: Site) -> Site:
    """Leave out what needs a broker or a reader."""
    edges = []
    for edge in site.edges:
        links = tuple(link for link in edge.links if isinstance(link, ModbusTcp))
        edges.append(edge.model_copy(update={"links": links, "kiosks": ()}))
    return site.model_copy(update={"edges": tuple(edges)})


@asynccontextmanager
async def running(site: Site, folder: Path, options: Options) -> AsyncIterator[None]:
    task = asyncio.create_task(run_simulators(site, folder, options, now), name="simulators")
    try:
        assert options.control_port is not None
        async with asyncio.timeout(10):
            while True:
                assert not task.done(), task.exception()
                try:
                    await send(options.control_port, {"do": "state"})
                except OSError:
                    await asyncio.sleep(0.02)
                    continue
                break
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled(), task.exception()


async def read(port: int, unit: int, start: int, count: int, *, input_: bool = False) -> Any:
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=2, retries=0)
    await client.connect()
    try:
        call = client.read_input_registers if input_ else client.read_holding_registers
        return await call(start, count=count, device_id=unit)
    finally:
        client.close()


def port_of(site: Site, link: str) -> int:
    for edge in site.edges:
        for one in edge.links:
            if one.id == link and isinstance(one, ModbusTcp):
                return one.port
    raise AssertionError(link)


def test_every_modbus_device_of_the_example_is_alive(play: Play, tmp_path: Path) -> None:
    site, control = example(tmp_path)
    site = modbus_only(site)

    async def story() -> None:
        options = Options(control_port=control, chance=False, visits_per_day=20_000)
        async with running(site, tmp_path, options):
            vaults, plant, lobby = (
                port_of(site, link) for link in ("vault-bus", "plant-bus", "lobby-bus")
            )
            for port, unit in ((vaults, 1), (vaults, 2), (vaults, 3), (plant, 9), (lobby, 2)):
                words = (await read(port, unit, 1, 2, input_=True)).registers
                assert 0 <= words[1] <= 1000, unit
            for unit in (1, 2, 3):
                assert 180 < (await read(plant, unit, 1, 3)).registers[0] < 200
            before = (await read(lobby, 1, 0, 8)).registers
            for _ in range(100):
                await asyncio.sleep(0.05)
                after = (await read(lobby, 1, 0, 8)).registers
                if sum(after) >= sum(before) + 3:
                    break
            await send(control, {"do": "quiet"})
            state = await send(control, {"do": "state"})
            assert state["inside"] > 0
            assert state["quiet"]
            after = (await read(lobby, 1, 0, 8)).registers
            rows = [json.loads(row) for row in (tmp_path / "ledger.jsonl").read_text().splitlines()]
            pulses = [row for row in rows if row["kind"] == "pulse"]
            assert sum(after) == len(pulses) > 0
            assert after[0] == sum(row["channel"] == 0 for row in pulses)

    play(story())


def test_the_whole_example_lives_without_a_broker_and_comes_to_rest(
    play: Play, tmp_path: Path
) -> None:
    site, control = example(tmp_path)

    async def story() -> None:
        async with running(site, tmp_path, Options(control_port=control)):
            for device in ("ils", "pad-1", "robot-1"):
                with pytest.raises(SimulatorError, match=f"{device} cannot fail by 'power-on'"):
                    await send(control, {"do": "fault", "device": device, "what": "power-on"})
            stop = {"do": "fault", "device": "robot-1", "what": "emergency-stop", "for": 5}
            await send(control, stop)
            await send(control, {"do": "clear", "device": "robot-1"})
            await send(control, {"do": "quiet"})
            for _ in range(200):
                busy = (await send(control, {"do": "state"}))["busy"]
                if not busy:
                    break
                await asyncio.sleep(0.1)
            assert busy == []

    play(story())


def test_a_setpoint_moves_the_vault(play: Play, tmp_path: Path) -> None:
    site, control = example(tmp_path)
    site = modbus_only(site)

    async def story() -> None:
        # One real second is an hour of the vault.
        starts = datetime(2026, 7, 6, 10, tzinfo=UTC)
        options = Options(control_port=control, chance=False, pace=3600, starts=starts)
        async with running(site, tmp_path, options):
            plant = port_of(site, "plant-bus")
            client = AsyncModbusTcpClient("127.0.0.1", port=plant)
            await client.connect()
            assert not (await client.write_register(348, 170, device_id=1)).isError()
            client.close()
            here = 190
            for _ in range(100):
                await asyncio.sleep(0.05)
                here = (await read(plant, 1, 1, 1)).registers[0]
                if here < 180:
                    break
            other = (await read(plant, 2, 1, 1)).registers[0]
            assert here < 180 < other

    play(story())


def test_faults_reset_and_jump_come_by_order(play: Play, tmp_path: Path) -> None:
    site, control = example(tmp_path)
    site = modbus_only(site)

    async def story() -> None:
        async with running(site, tmp_path, Options(control_port=control, chance=False)):
            lobby, vaults = port_of(site, "lobby-bus"), port_of(site, "vault-bus")
            order = {"do": "fault", "device": "counter-gates", "what": "jump", "value": 70_000}
            await send(control, order)
            assert (await read(lobby, 1, 8, 2)).registers == [70_000 - 65_536, 1]
            await send(control, {**order, "what": "reset"})
            assert (await read(lobby, 1, 8, 2)).registers == [0, 0]
            await send(control, {"do": "fault", "device": "probe-v2", "what": "unplug", "for": 30})
            assert (await read(vaults, 2, 1, 2, input_=True)).exception_code == 11
            state = await send(control, {"do": "state"})
            assert state["faults"]["probe-v2"]["what"] == "unplug"
            await send(control, {"do": "clear", "device": "probe-v2"})
            assert not (await read(vaults, 2, 1, 2, input_=True)).isError()
            await send(control, {"do": "fault", "device": "probe-v2", "what": "power-on"})
            assert (await read(vaults, 2, 1, 1, input_=True)).registers == [850]
            await send(control, {"do": "fault", "device": "ac-v1", "what": "trip"})
            with pytest.raises(SimulatorError, match="no device, link or kiosk 'probe-v9'"):
                await send(control, {"do": "clear", "device": "probe-v9"})

    play(story())


def test_a_port_that_is_taken_ends_the_simulators(play: Play, tmp_path: Path) -> None:
    site, _ = example(tmp_path)
    site = modbus_only(site)

    async def story() -> None:
        with socket.create_server(("127.0.0.1", port_of(site, "plant-bus"))):
            await run_simulators(site, tmp_path, Options(), now)

    port = port_of(site, "plant-bus")
    with pytest.raises(SimulatorError, match=rf"plant-bus: cannot serve 127.0.0.1 port {port}"):
        play(story())


def test_the_world_begins_at_ten_on_a_weekday() -> None:
    site = load_site(EXAMPLE, {}).site
    friday = datetime(2026, 3, 6, 20, tzinfo=UTC)  # already Saturday at the site
    began = beginning(site, round(friday.timestamp() * 1e6))
    assert began.isoformat() == "2026-03-09T10:00:00+08:00"


def test_a_bad_order_over_the_wire_harms_nothing(play: Play) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        port: asyncio.Future[int] = loop.create_future()

        def obey(line: bytes) -> dict[str, Any]:
            return {"ok": line == b"{}\n", "error": "no"}

        task = asyncio.create_task(serve_control(0, obey, port.set_result), name="control")
        reader, writer = await asyncio.open_connection("127.0.0.1", await port)
        writer.write(b"\xff\n{}\n")
        assert json.loads(await reader.readline())["ok"] is False
        assert json.loads(await reader.readline())["ok"] is True
        writer.write(b"x" * 10_000)
        assert "bytes" in json.loads(await reader.readline())["error"]
        assert await reader.read() == b""
        writer.close()
        assert await send(await port, {}) == {"ok": True, "error": "no"}
        task.cancel()
        await asyncio.wait([task])

    play(story())


# Replay


class Played:
    """A replay on a free port, and a client that asks for every row."""

    def __init__(self, replay: Replay, folder: Path) -> None:
        self.replay = replay
        self.path = folder / "ledger.jsonl"
        self.rows: int | None = None
        self.values: list[tuple[float, float] | None] = []

    def finished(self, rows: int) -> None:
        self.rows = rows

    async def run(self, longest: int) -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        with Ledger(self.path, now, polls=False) as ledger:
            task = asyncio.create_task(
                run_replay(self.replay, ledger, now, port.set_result, self.finished), name="replay"
            )
            client = AsyncModbusTcpClient("127.0.0.1", port=await port, retries=0)
            await client.connect()
            while self.rows is None and len(self.values) < longest:
                self.values.append(await self._read(client))
            after = await self._read(client)
            assert self.rows is None or after is None
            client.close()
            task.cancel()
            await asyncio.wait([task])

    async def _read(self, client: AsyncModbusTcpClient) -> tuple[float, float] | None:
        unit = self.replay.unit
        if self.replay.model == "xy-md02":
            answer = await client.read_input_registers(1, count=2, device_id=unit)
            if answer.isError():
                assert answer.exception_code == 4
                return None
            return answer.registers[0] / 10, answer.registers[1] / 10
        answer = await client.read_holding_registers(0, count=4, device_id=unit)
        kind = client.DATATYPE.FLOAT32
        pair: Any = client.convert_from_registers(answer.registers, kind, word_order="little")
        return None if isnan(pair[0]) else (round(pair[1], 4), round(pair[0], 4))


def play_file(
    play: Play, folder: Path, file: Path, model: str, speed: float | None = None, rows: int = 10**6
) -> Played:
    played = Played(Replay(file, "127.0.0.1", 0, 7, model, "probe", speed), folder)
    play(played.run(rows))
    return played


@pytest.mark.parametrize("model", ["xy-md02", "vaisala-hmp"])
def test_in_lockstep_every_row_of_the_office_arrives(
    play: Play, tmp_path: Path, model: str
) -> None:
    file = data_folder("uci-occupancy-detection") / "datatest.txt"
    played = play_file(play, tmp_path, file, model)
    assert played.rows == len(played.values) == 2665
    places = 1 if model == "xy-md02" else 4
    lines = file.read_text().splitlines()[1:]
    for line, value in zip(lines, played.values, strict=True):
        fields = line.split(",")
        assert value is not None
        assert value[0] == pytest.approx(float(fields[2]), abs=0.051 if places == 1 else 1e-4)
        assert value[1] == pytest.approx(float(fields[3]), abs=0.051 if places == 1 else 1e-4)
    assert json.loads(played.path.read_text())["rows"] == 2665


def test_the_museum_arrives_with_its_gaps(play: Play, tmp_path: Path) -> None:
    whole = data_folder("consciR-museum") / "london_room1case_2024_15min.csv"
    lines = whole.read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if "NA" in line)
    part = [lines[0], *lines[max(1, first - 200) : first + 200]]
    file = tmp_path / "case.csv"
    file.write_text("\n".join(part))
    played = play_file(play, tmp_path, file, "xy-md02")
    expected = [
        None if "NA" in line else tuple(map(float, line.split(",")[1:])) for line in part[1:]
    ]
    assert played.values == expected
    assert None in expected


def test_at_a_pace_rows_follow_their_own_times(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text(
        "date,temperature,humidity\n2024-01-01 00:00,20,50\n2024-01-01 00:15,21,51\n"
        "2024-01-01 00:30,22,52\n"
    )
    begun = now()
    played = play_file(play, tmp_path, file, "xy-md02", speed=9000)
    assert 0.28 < (now() - begun) / 1e6 < 2
    seen = list(dict.fromkeys(played.values))
    assert seen[:3] == [(20.0, 50.0), (21.0, 51.0), (22.0, 52.0)]
    assert played.rows == 3


def test_a_probe_of_a_site_can_play() -> None:
    site = load_site(EXAMPLE, {}).site
    replay = replay_of(site, "probe-v1-b", Path("x.csv"), None)
    assert (replay.unit, replay.model, replay.port) == (240, "vaisala-hmp", 15020)
    with pytest.raises(SimulatorError, match=r"'ac-v1' is no probe.*probe-v1-a"):
        replay_of(site, "ac-v1", Path("x.csv"), None)
