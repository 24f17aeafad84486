"""The Modbus server on a real socket: against an independent client, and byte by byte."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import time_ns
from typing import Any

import pytest
from pymodbus.client import AsyncModbusTcpClient

from simulators.faults import WIRE, Faults
from simulators.ground_truth import POLLS, Ledger
from simulators.modbus.devices.sensing import NOTHING, Sample
from simulators.modbus.devices.vaisala_hmp import vaisala_hmp
from simulators.modbus.devices.xy_md02 import xy_md02
from simulators.modbus.server import ModbusServer, Unit

Play = Callable[..., Any]
READ = bytes.fromhex("000100000006 01 04 0001 0002")
GOOD = bytes.fromhex("000100000007 01 04 04 00d2 01f4")


@dataclass
class Wire:
    port: int
    faults: Faults
    path: Path
    server: ModbusServer
    air: list[Sample] = field(default_factory=lambda: [Sample(21.0, 50.0)])

    def lines(self, kind: str) -> list[dict[str, Any]]:
        path = self.path.with_name(POLLS) if kind == "poll" else self.path
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [row for row in rows if row["kind"] == kind]


@asynccontextmanager
async def wire(folder: Path) -> AsyncIterator[Wire]:
    def now() -> int:
        return time_ns() // 1000

    air = [Sample(21.0, 50.0)]
    with Ledger(folder / "ledger.jsonl", now) as ledger:
        faults = Faults(ledger, now)
        for target in ("bus", "probe", "second"):
            faults.admit(target, WIRE)
        units = {
            1: Unit("probe", xy_md02(lambda: air[0])),
            240: Unit("second", vaisala_hmp(lambda: air[0])),
        }
        server = ModbusServer("bus", units, faults, ledger)
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(server.run("127.0.0.1", 0, port.set_result), name="server")
        try:
            yield Wire(await port, faults, ledger.path, server, air)
        finally:
            task.cancel()
            await asyncio.wait([task])
            assert task.cancelled(), task.exception()


@asynccontextmanager
async def line(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def ask(port: int, request: bytes = READ, within: float = 1.0) -> bytes:
    """Send one request on a line of its own; give all that comes until it is quiet."""
    async with line(port) as (reader, writer):
        writer.write(request)
        answer = b""
        try:
            while True:
                async with asyncio.timeout(within if not answer else 0.05):
                    part = await reader.read(1000)
                if not part:
                    return answer
                answer += part
        except TimeoutError:
            return answer


def test_an_independent_client_reads_and_writes(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            client = AsyncModbusTcpClient("127.0.0.1", port=it.port, timeout=1, retries=0)
            await client.connect()
            try:
                assert (await client.read_input_registers(1, count=2)).registers == [210, 500]
                floats = await client.read_holding_registers(0, count=4, device_id=240)
                kind = client.DATATYPE.FLOAT32
                decoded = client.convert_from_registers(floats.registers, kind, word_order="little")
                assert decoded == [50.0, 21.0]
                assert (await client.write_register(0x0103, 10)).registers == [10]
                assert (await client.read_holding_registers(0x0103)).registers == [10]
                await client.write_registers(0x0103, [0, 5])
                assert (await client.read_input_registers(1, count=2)).registers == [210, 505]
                both = await client.readwrite_registers(
                    read_address=0x0103, read_count=2, write_address=0x0104, values=[0]
                )
                assert both.registers == [0, 0]
                masked = await client.mask_write_register(
                    address=0x0104, and_mask=0xFFF0, or_mask=0x0003
                )
                assert not masked.isError()
                assert (await client.read_holding_registers(0x0104)).registers == [3]
                named: Any = await client.read_device_information(read_code=1, object_id=0)
                assert named.information[1] == b"XY-MD02"
                for refused, code in (
                    (await client.read_input_registers(0, count=1), 2),
                    (await client.read_coils(0, count=1), 1),
                    (await client.read_input_registers(1, count=1, device_id=9), 11),
                ):
                    assert refused.isError()
                    assert refused.exception_code == code
                it.air[0] = NOTHING
                assert (await client.read_input_registers(1, count=2)).exception_code == 4
            finally:
                client.close()

    play(story())


def test_the_ledger_has_every_answer_and_every_write(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            assert await ask(it.port) == GOOD
            await ask(it.port, bytes.fromhex("000200000006 01 06 0103 0001"))
            await ask(it.port, bytes.fromhex("000300000006 01 04 0000 0002"))
            (poll,) = it.lines("poll")
            assert {key: poll[key] for key in poll if key != "at"} == {
                "kind": "poll",
                "device": "probe",
                "unit": 1,
                "function": 4,
                "start": 1,
                "words": [210, 500],
            }
            (written,) = it.lines("write")
            assert (written["start"], written["words"]) == (0x0103, [1])

    play(story())


def test_requests_may_come_torn_and_in_bunches(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            for byte in READ:
                writer.write(bytes((byte,)))
                await writer.drain()
                await asyncio.sleep(0.001)
            assert await reader.readexactly(len(GOOD)) == GOOD
            bunch = [struct.pack(">H", number) + READ[2:] for number in range(50)]
            writer.write(b"".join(bunch))
            for number in range(50):
                answer = await reader.readexactly(len(GOOD))
                assert answer == struct.pack(">H", number) + GOOD[2:]

    play(story())


def test_many_clients_are_served_side_by_side(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            assert set(await asyncio.gather(*(ask(it.port) for _ in range(20)))) == {GOOD}

    play(story())


@pytest.mark.parametrize(
    "nonsense",
    [
        "0001 0001 0006 01 04 0001 0002",
        "0001 0000 0001 01 04 0001 0002",
        "0001 0000 00ff 01 04 0001 0002",
        "474554202f20485454502f312e310d0a0d0a",
    ],
)
def test_what_is_not_modbus_ends_its_connection_only(
    play: Play, tmp_path: Path, nonsense: str
) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            writer.write(READ)
            assert await reader.readexactly(len(GOOD)) == GOOD
            assert await ask(it.port, bytes.fromhex(nonsense)) == b""
            assert it.server.refused == 1
            writer.write(READ)
            assert await reader.readexactly(len(GOOD)) == GOOD

    play(story())


def test_random_bytes_harm_nobody_else(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        chance = Random(4)
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            for _ in range(60):
                noise = chance.randbytes(chance.randint(1, 400))
                if chance.random() < 0.5:  # a header that holds, around nonsense
                    body = noise[:253]
                    noise = (
                        struct.pack(">HHHB", 7, 0, len(body) + 1, chance.choice((1, 240))) + body
                    )
                async with line(it.port) as (_, other):
                    other.write(noise)
                    other.write_eof()
            writer.write(READ)
            assert (await reader.readexactly(len(GOOD)))[:8] == GOOD[:8]

    play(story())


# Faults, on the wire


@pytest.mark.parametrize(
    ("what", "value", "answer"),
    [
        ("unplug", None, "000100000003 01 84 0b"),
        ("exception", 6, "000100000003 01 84 06"),
        ("exception", None, "000100000003 01 84 04"),
        ("foreign-transaction", None, "5554" + GOOD.hex()[4:]),
        ("wrong-unit", None, "000100000007 02 04 04 00d2 01f4"),
        ("cut", None, GOOD[:6].hex()),
        ("silent", None, ""),
        ("half-open", None, ""),
    ],
)
@pytest.mark.parametrize("target", ["probe", "bus"])
def test_a_fault_shows_on_the_wire_and_passes(
    play: Play, tmp_path: Path, target: str, what: str, value: float | None, answer: str
) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            it.faults.begin(target, what, value=value)
            within = 0.2 if what in ("silent", "half-open") else 1.0
            assert await ask(it.port, within=within) == bytes.fromhex(answer)
            it.faults.clear(target)
            assert await ask(it.port) == GOOD

    play(story())


def test_a_fault_of_one_unit_leaves_its_neighbour_alone(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            it.faults.begin("second", "silent")
            writer.write(bytes.fromhex("000000000006 f0 03 0000 0004") + READ)
            assert await reader.readexactly(len(GOOD)) == GOOD

    play(story())


def test_garbage_is_no_answer_and_the_ledger_says_so(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            it.faults.begin("probe", "garbage")
            answer = await ask(it.port)
            assert len(answer) == len(GOOD)
            assert answer != GOOD
            assert it.lines("poll")[0]["fault"] == "garbage"

    play(story())


def test_a_late_answer_comes_after_that_to_a_later_request(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            it.faults.begin("probe", "late", value=0.3)
            writer.write(READ)
            await asyncio.sleep(0.1)
            it.faults.clear("probe")
            it.air[0] = Sample(22.0, 50.0)
            writer.write(b"\0\2" + READ[2:])
            first = await reader.readexactly(len(GOOD))
            second = await reader.readexactly(len(GOOD))
            assert first == bytes.fromhex("000200000007 01 04 04 00dc 01f4")
            assert second == GOOD, "the value of then, under the number of then"

    play(story())


def test_a_client_that_leaves_before_a_late_answer_harms_nobody(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            it.faults.begin("probe", "late", value=0.3)
            assert await ask(it.port, within=0.1) == b""
            await asyncio.sleep(0.4)
            it.faults.clear("probe")
            assert await ask(it.port) == GOOD

    play(story())


def test_a_trickle_is_complete_in_the_end(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            it.faults.begin("probe", "trickle", value=0.01)
            writer.write(READ)
            assert len(await reader.read(1000)) < len(GOOD)
            it.faults.clear("probe")

    play(story())


def test_a_frozen_probe_repeats_itself_until_it_thaws(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it:
            it.faults.begin("probe", "frozen")
            assert await ask(it.port) == GOOD
            it.air[0] = Sample(25.0, 40.0)
            assert await ask(it.port) == GOOD
            it.faults.begin("probe", "frozen")
            moved = bytes.fromhex("000100000007 01 04 04 00fa 0190")
            assert await ask(it.port) == moved
            it.faults.clear("probe")
            it.air[0] = Sample(21.0, 50.0)
            assert await ask(it.port) == GOOD

    play(story())


def test_a_half_open_connection_stays_dead_and_a_new_one_lives(play: Play, tmp_path: Path) -> None:
    async def story() -> None:
        async with wire(tmp_path) as it, line(it.port) as (reader, writer):
            it.faults.begin("bus", "half-open")
            writer.write(READ)
            await asyncio.sleep(0.05)
            it.faults.clear("bus")
            writer.write(READ)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await reader.read(1)
            assert await ask(it.port) == GOOD

    play(story())
