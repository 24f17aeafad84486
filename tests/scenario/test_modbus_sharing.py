"""Many units on one wire: what one costs the others."""

import asyncio
from collections.abc import Callable, Coroutine
from itertools import pairwise
from typing import Any

import pytest

from drivers.errors import LinkDownError, NotSentError
from drivers.links.tcp import ModbusTcpLink
from runtime.host import system_host
from tests.scenario.hostile_modbus import (
    TIMEOUT,
    Asked,
    Hostile,
    answer,
    config_of,
    hostile,
    read,
)

Play = Callable[[Coroutine[Any, Any, None]], None]


def test_nobody_listening_is_told_as_never_sent_and_found_again(play: Play) -> None:
    async def story() -> None:
        async with hostile(answer) as (server, _):
            port = server.port
        dead = ModbusTcpLink(config_of(port), system_host())
        with pytest.raises(NotSentError, match=rf"127\.0\.0\.1:{port}"):
            await read(dead)
        reborn = Hostile(answer)
        listener = await asyncio.start_server(reborn.serve, "127.0.0.1", port)
        assert await read(dead) == [218, 546]
        await dead.aclose()
        await reborn.wait_cut()
        listener.close()

    play(story())


def test_a_dead_host_costs_the_whole_bus_one_connect_not_one_each(play: Play) -> None:
    async def story() -> None:
        async with hostile(answer) as (server, _):
            port = server.port
        dead = ModbusTcpLink(config_of(port), system_host())
        attempts = 0
        connect = dead._connect

        async def counted() -> Any:
            nonlocal attempts
            attempts += 1
            return await connect()

        dead._connect = counted  # type: ignore[method-assign]  # only counts
        results = await asyncio.gather(
            *(read(dead, unit) for unit in range(1, 40)), return_exceptions=True
        )
        assert all(isinstance(result, NotSentError) for result in results)
        assert attempts == 1

    play(story())


def test_a_mute_unit_costs_its_neighbours_one_slice(play: Play) -> None:
    async def mute(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.unit != 13:
            await answer(asked, writer)

    async def story() -> None:
        async with hostile(mute) as (_, link):
            loop = asyncio.get_running_loop()
            begun = loop.time()
            results = await asyncio.gather(
                *(read(link, unit) for unit in (1, 13, 2, 3, 4)), return_exceptions=True
            )
            assert isinstance(results.pop(1), LinkDownError)
            assert results == [[218, 546]] * 4
            assert loop.time() - begun < 3 * TIMEOUT, "each neighbour would wait for one more"

    play(story())


def test_many_mute_units_get_half_of_the_wire_and_come_back(play: Play) -> None:
    """Ten mute units asked without end, one healthy unit that never waits for two of them."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        silent = set(range(10, 20))
        waits: list[float] = []

        async def behave(asked: Asked, writer: asyncio.StreamWriter) -> None:
            if asked.unit not in silent:
                await answer(asked, writer)

        async def pester(link: ModbusTcpLink, unit: int) -> None:
            while True:
                try:
                    await read(link, unit)
                except LinkDownError:
                    continue
                return

        async with hostile(behave, timeout="100ms") as (_, link):
            async with asyncio.TaskGroup() as group:
                for unit in sorted(silent):
                    group.create_task(pester(link, unit), name=f"unit {unit}")
                await asyncio.sleep(10 * 0.11)  # by then each is known as mute
                end = loop.time() + 1.2
                while loop.time() < end:
                    begun = loop.time()
                    await read(link)
                    waits.append(loop.time() - begun)
                    await asyncio.sleep(0.002)
                silent.clear()
                begun = loop.time()
            assert loop.time() - begun < 0.9, "ten deadlines in a row take a second"
        # A busy machine may hold up one read; two mute units in a row would do it again and again.
        assert sorted(waits)[-2] < 2.5 * 0.1
        assert max(waits) < 5 * 0.1
        assert sum(wait > 0.08 for wait in waits) <= 10
        assert len(waits) > 30

    play(story())


def test_one_exchange_at_a_time_and_the_pause_between(play: Play) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        busy = 0

        async def watch(asked: Asked, writer: asyncio.StreamWriter) -> None:
            nonlocal busy
            times.append(loop.time())
            busy += 1
            assert busy == 1
            await asyncio.sleep(0.005)
            busy -= 1
            await answer(asked, writer)

        async with hostile(watch, pause="30ms") as (_, link):
            await asyncio.gather(*(read(link, unit) for unit in range(1, 5)))
        gaps = [late - early for early, late in pairwise(times)]
        assert min(gaps) >= 0.034

    play(story())
