"""What a register device says, in samples: blocks, decimals, moments, and points that fail."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from config.registers import Table
from contracts.layouts import Column
from drivers.errors import RefusedError
from tests.unit.drivers.devices.register_bench import Bench, filled, row

Play = Callable[[Coroutine[Any, Any, None]], None]


def test_a_device_is_sampled_in_blocks_of_whole_numbers(play: Play) -> None:
    bench = Bench(
        {"name": "t", "quantity": "air_temperature", "register": 0, "type": "int16", "scale": 0.1},
        {"name": "in", "quantity": "crossings", "register": 1},
        {"name": "f", "quantity": "share", "register": 2, "type": "float32"},
        {"name": "slow", "register": 9, "period": "1min", "scale": 0.25},
        words=filled(10) | {("holding", 0): 218},
    )
    assert {layout.block: layout.columns for layout in bench.device.layouts} == {
        "2s": (Column("t", 1), Column("f", None)),
        "2s-counters": (Column("in", 0),),
        "60s": (Column("slow", 2),),
    }

    async def story() -> None:
        bench.time.seconds += 60
        first = {one.block: one for one in await bench.device.poll()}
        assert first["2s"].values[0] == 218
        assert first["2s-counters"].values == (101,)
        assert first["60s"].values == (2725,)
        bench.time.seconds += 2
        assert {one.block for one in await bench.device.poll()} == {"2s", "2s-counters"}

    play(story())


def test_a_device_of_many_points_has_several_blocks(play: Play) -> None:
    bench = Bench(*row(600), words=filled(600))
    assert [len(layout.columns) for layout in bench.device.layouts] == [256, 256, 88]
    assert [layout.block for layout in bench.device.layouts] == ["2s", "2s.2", "2s.3"]

    async def story() -> None:
        assert len(await bench.poll()) == 600

    play(story())


def test_what_takes_long_to_read_is_dated_when_it_was_read(play: Play) -> None:
    points = [{"name": "a", "register": 0}, {"name": "b", "register": 500}]
    bench = Bench(*points, words={("holding", 0): 1, ("holding", 500): 2})

    async def story() -> None:
        begun = bench.time.wall()
        slow = bench.wire.read

        async def read(unit: int, table: Table, address: int, count: int) -> Sequence[int]:
            bench.time.seconds += 0.4 if address else 0.0
            return await slow(unit, table, address, count)

        bench.wire.read = read  # type: ignore[method-assign]
        (one,) = await bench.device.poll()
        assert one.values == (1, 2)
        bench.time.seconds += 2

        async def slower(unit: int, table: Table, address: int, count: int) -> Sequence[int]:
            bench.time.seconds += 0.7 if address else 0.0
            return await slow(unit, table, address, count)

        bench.wire.read = slower  # type: ignore[method-assign]
        first, second = await bench.device.poll()
        assert (first.values, second.values) == ((1, None), (None, 2))
        assert second.at > first.at > begun

    play(story())


def test_one_bad_point_does_not_take_its_device_away(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(*row(3), words=filled(3))
    place = bench.device._decoders

    def broken(words: Sequence[int]) -> float | None:
        raise OverflowError(f"{words} is too much")

    place["p1"] = broken

    async def story() -> None:
        for _ in range(3):
            assert await bench.poll() == {"p0": 100, "p1": None, "p2": 102}
            assert bench.qualities == {"p0": "good", "p1": "unavailable", "p2": "good"}

    play(story())
    assert len(caplog.records) == 1
    assert "p1" in caplog.text


def test_steps_of_the_wall_clock_move_no_interval(play: Play) -> None:
    bench = Bench(*row(2), {"name": "slow", "register": 5, "period": "20s"}, words=filled(6))
    bench.wire.words["holding", 1] = RefusedError("exception 2")

    async def story() -> None:
        reads = []
        for number in range(320):
            bench.time.step_wall((-1) ** number * 3600.0 * number)
            reads.append(await bench.poll())
            if number == 3:
                bench.wire.words["holding", 1] = 7
        assert [number for number, read in enumerate(reads) if "slow" in read] == [
            *range(0, 320, 10)
        ]
        # Refused at the first poll: asked again after ten minutes, not before and not much later.
        assert min(number for number, read in enumerate(reads) if "p1" in read) == 300

    play(story())
