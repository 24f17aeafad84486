"""Drivers of the catalogue against pymodbus's own server: a peer that none of us wrote."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from config.links import ModbusTcp
from contracts.quantities import Quality
from drivers import registry
from drivers.devices.register_device import RegisterDevice
from drivers.errors import DriverError
from runtime.host import system_host
from tests.polled import leaping_clock, poll

Play = Callable[[Coroutine[Any, Any, None]], None]


def words(kind: str, value: float) -> list[int]:
    """Most significant word first."""
    raw = struct.pack(kind, value)
    return [int.from_bytes(raw[i : i + 2], "big") for i in range(0, len(raw), 2)]


@asynccontextmanager
async def bus(
    registers: dict[int, dict[int, list[int]]], devices: list[dict[str, Any]]
) -> AsyncIterator[dict[str, RegisterDevice]]:
    """Serve registers by unit and address (one memory for all tables); give the drivers."""
    units = [
        SimDevice(
            unit,
            simdata=[
                SimData(address, values=values, datatype=DataType.REGISTERS)
                for address, values in sorted(memory.items())
            ],
        )
        for unit, memory in registers.items()
    ]
    server = ModbusTcpServer(units, address=("127.0.0.1", 0))
    await server.listen()
    transport: Any = server.transport
    port = transport.sockets[0].getsockname()[1]
    config = ModbusTcp.model_validate(
        {
            "kind": "modbus-tcp",
            "id": "bus",
            "host": "127.0.0.1",
            "port": port,
            "timeout": "300ms",
            "devices": devices,
        }
    )
    link = registry.open_link(config, system_host())
    clock = leaping_clock(3600)
    try:
        yield {
            device.id: registry.build(device, link, clock)  # type: ignore[misc]  # all are register devices here
            for device in config.devices
        }
    finally:
        await link.aclose()
        await server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus gives it no types
        await asyncio.sleep(0.01)


async def polled(device: RegisterDevice) -> dict[str, float | None]:
    return {name: one.value for name, one in (await poll(device)).items()}


def test_probes_of_two_makes_on_one_bus(play: Play) -> None:
    humidity, temperature = words(">f", 54.6), words(">f", 21.8)
    floats = [*reversed(humidity), *reversed(temperature)]
    registers = {1: {1: [218, 546]}, 240: {0: floats, 0x200: [1]}}
    devices = [
        {"id": "a", "model": "xy-md02", "unit": 1},
        {"id": "b", "model": "vaisala-hmp", "unit": 240},
    ]

    async def story() -> None:
        async with bus(registers, devices) as drivers:
            assert await polled(drivers["a"]) == {"temperature": 21.8, "humidity": 54.6}
            assert await polled(drivers["b"]) == {
                "temperature": 21.8,
                "humidity": 54.6,
                "healthy": 1,
            }

    play(story())


def test_a_counter_of_two_words(play: Play) -> None:
    counters = [word for n in range(8) for word in reversed(words(">I", 70_000 * (n + 1)))]

    async def story() -> None:
        device = {"id": "gates", "model": "adam-6051", "unit": 1}
        async with bus({1: {0: counters}}, [device]) as drivers:
            read = await polled(drivers["gates"])
            assert read == {f"channel_{n}": 70_000 * (n + 1) for n in range(8)}

    play(story())


def test_every_order_of_bytes_and_a_write_of_two_words(play: Play) -> None:
    orders = {
        "ABCD": [0x41AE, 0x6666],
        "CDAB": [0x6666, 0x41AE],
        "BADC": [0xAE41, 0x6666],
        "DCBA": [0x6666, 0xAE41],
    }
    points = [
        {
            "name": order.lower(),
            "quantity": "air_temperature",
            "table": "holding",
            "register": 10 * i,
            "type": "float32",
            "order": order,
            "write": {"low": 0, "high": 40, "function": 16},
        }
        for i, order in enumerate(orders)
    ]
    memory = {10 * i: orders[order] for i, order in enumerate(orders)}

    async def story() -> None:
        device = {"id": "own", "model": "custom", "map": {"points": points}}
        async with bus({1: memory}, [device]) as drivers:
            assert await polled(drivers["own"]) == dict.fromkeys(map(str.lower, orders), 21.8)
            for order in orders:
                assert await drivers["own"].write(order.lower(), 19.7) == 19.7
            assert await polled(drivers["own"]) == dict.fromkeys(map(str.lower, orders), 19.7)

    play(story())


def test_a_register_that_is_not_there_costs_its_own_point_only(play: Play) -> None:
    names = [f"p{i}" for i in range(6)]
    points = [
        {"name": name, "quantity": "status", "table": "input", "register": i}
        for i, name in enumerate(names)
    ]

    async def story() -> None:
        device = {"id": "own", "model": "custom", "map": {"points": points}}
        memory = {0: [10, 11, 12], 4: [14, 15]}
        async with bus({1: memory}, [device]) as drivers:
            expected = {"p0": 10, "p1": 11, "p2": 12, "p4": 14, "p5": 15}
            assert await polled(drivers["own"]) == expected
            assert await polled(drivers["own"]) == expected

    play(story())


def test_a_unit_that_is_not_there_is_told_and_its_neighbour_lives(play: Play) -> None:
    async def story() -> None:
        devices = [
            {"id": "gone", "model": "xy-md02", "unit": 9},
            {"id": "here", "model": "xy-md02", "unit": 1},
        ]
        async with bus({1: {1: [218, 546]}}, devices) as drivers:
            for _ in range(2):
                with pytest.raises(DriverError, match="unit 9"):
                    await drivers["gone"].poll()
                assert (await polled(drivers["here"]))["temperature"] == 21.8

    play(story())


def test_a_probe_without_a_value_is_unavailable_and_nonsense_is_implausible(play: Play) -> None:
    nothing, impossible = [0x0000, 0x7FC0], list(reversed(words(">f", 778.0)))

    async def story() -> None:
        device = {"id": "b", "model": "vaisala-hmp", "unit": 240}
        async with bus({240: {0: nothing + impossible, 0x200: [0]}}, [device]) as drivers:
            readings = await poll(drivers["b"])
            assert readings["humidity"].value is None
            assert readings["humidity"].quality == Quality.UNAVAILABLE
            assert readings["temperature"].value == 778.0
            assert readings["temperature"].quality == Quality.IMPLAUSIBLE

    play(story())
