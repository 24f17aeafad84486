"""A register device on a wire that is a table: timelines of polls and writes, no sockets."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.quantities import Quality
from drivers.capabilities import Pollable, Writable
from drivers.devices.register_device import SETTLING, build
from drivers.errors import BadReplyError, DriverError, LinkDownError, RefusedError
from drivers.protocols.modbus.pdu import DeviceFailureError
from tests.unit.drivers.devices.register_bench import Bench, Wire, filled, row
from tests.unit.edge.simulated import SimulatedTime

Play = Callable[[Coroutine[Any, Any, None]], None]


def test_it_has_the_capabilities_it_says() -> None:
    device: object = build(Bench(*row(1), words={}).config, Wire({}), SimulatedTime().clock)
    assert isinstance(device, Pollable)
    assert isinstance(device, Writable)
    assert Bench(*row(1), words={}).device.period == 2.0


def test_a_poll_gives_each_point_once_with_quality(play: Play) -> None:
    bench = Bench(
        {"name": "t", "quantity": "air_temperature", "register": 0, "type": "int16", "scale": 0.1},
        {"name": "hot", "quantity": "air_temperature", "register": 1, "type": "int16"},
        {"name": "gone", "register": 2, "unavailable": [0x8000]},
        words={("holding", 0): 218, ("holding", 1): 500, ("holding", 2): 0x8000},
    )

    async def story() -> None:
        assert await bench.poll() == {"t": 21.8, "hot": 500, "gone": None}
        assert bench.wire.reads == [("holding", 0, 3)]
        assert bench.qualities == {
            "t": Quality.GOOD,
            "hot": Quality.IMPLAUSIBLE,
            "gone": Quality.UNAVAILABLE,
        }

    play(story())


def test_only_what_is_due_is_read(play: Play) -> None:
    slow = {"name": "slow", "register": 9, "period": "10s"}
    bench = Bench(*row(2), slow, words=filled(10))
    assert bench.device.period == 2.0

    async def story() -> None:
        counts = [len(await bench.poll()) for _ in range(6)]
        assert counts == [3, 2, 2, 2, 2, 3]

    play(story())


@pytest.mark.parametrize("bad", [0, 3, 7])
def test_a_refused_point_is_named_once_and_the_others_go_on(
    play: Play, bad: int, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(*row(8), words=filled(8, **{f"p{bad}": RefusedError("exception 2")}))

    async def story() -> None:
        expected = {f"p{i}": 100 + i for i in range(8) if i != bad}
        for _ in range(3):
            assert await bench.poll() == expected
        assert not any(first <= bad < first + size for _, first, size in bench.wire.reads)
        assert len(bench.wire.reads) <= 2
        bench.wire.words["holding", bad] = 5
        assert f"p{bad}" in await bench.poll(after=601)

    with caplog.at_level(logging.WARNING):
        play(story())
    assert [f"point p{bad} is refused" in record.getMessage() for record in caplog.records] == [
        True
    ]


def test_a_device_that_refuses_everything_is_a_refusal_and_is_left_in_peace(play: Play) -> None:
    bench = Bench(*row(3), words={})

    async def story() -> None:
        for _ in range(3):
            with pytest.raises(RefusedError):
                await bench.poll()
        assert bench.wire.reads == []
        bench.wire.words = dict(filled(3))
        assert len(await bench.poll(after=600)) == 3

    play(story())


def test_a_point_the_device_fails_at_has_no_value_and_the_others_go_on(play: Play) -> None:
    bench = Bench(*row(3), words=filled(3, p1=DeviceFailureError("exception 4")))

    async def story() -> None:
        for _ in range(2):
            assert await bench.poll() == {"p0": 100, "p1": None, "p2": 102}
            assert bench.qualities["p1"] is Quality.UNAVAILABLE
        bench.wire.words["holding", 1] = 7
        assert await bench.poll() == {"p0": 100, "p1": 7, "p2": 102}
        assert bench.wire.reads == [("holding", 0, 3)]

    play(story())


def test_a_device_that_fails_at_everything_is_a_bad_reply(play: Play) -> None:
    failing = DeviceFailureError("exception 4")
    bench = Bench(*row(2), words=filled(2, p0=failing, p1=failing))

    async def story() -> None:
        with pytest.raises(BadReplyError):
            await bench.poll()

    play(story())


def test_a_device_that_dislikes_holes_is_asked_without_them(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    points = [{"name": "a", "register": 0}, {"name": "b", "register": 2}]
    words = {("holding", 0): 1, ("holding", 2): 2}
    bench = Bench(*points, words=words, hole=1)

    async def story() -> None:
        assert await bench.poll() == {"a": 1, "b": 2}
        assert bench.wire.reads[0] == ("holding", 0, 3)
        assert await bench.poll() == {"a": 1, "b": 2}
        assert bench.wire.reads == [("holding", 0, 1), ("holding", 2, 1)]

    play(story())
    assert len(caplog.records) == 1


def test_a_device_that_dislikes_long_reads_is_asked_for_less(play: Play) -> None:
    bench = Bench(*row(20), words=filled(20))
    bench.wire.longest = 8

    async def story() -> None:
        for _ in range(4):
            assert len(await bench.poll()) == 20
        assert max(size for _, _, size in bench.wire.reads) <= 8
        assert len(bench.wire.reads) <= 5

    play(story())


def test_silence_half_way_loses_nothing_that_came(
    play: Play, caplog: pytest.LogCaptureFixture
) -> None:
    """A block without an answer goes last, so that it cannot starve the others."""
    mute = LinkDownError("no answer")
    bench = Bench(
        {"name": "mute", "register": 0},
        {"name": "slow", "register": 50, "period": "10s"},
        {"name": "alive", "register": 99},
        words={("holding", 0): mute, ("holding", 50): 6, ("holding", 99): 5},
    )

    async def story() -> None:
        with pytest.raises(LinkDownError):
            await bench.poll()
        assert await bench.poll() == {"slow": 6, "alive": 5}
        assert await bench.poll() == {"alive": 5}
        bench.wire.words["holding", 0] = 4
        assert await bench.poll() == {"alive": 5, "mute": 4}

    play(story())
    assert len(caplog.records) == 1


def test_a_dead_device_costs_one_read_a_poll(play: Play) -> None:
    bench = Bench(*({"name": f"p{i}", "register": 10 * i} for i in range(6)), words={})
    bench.wire.down = LinkDownError("no answer")

    async def story() -> None:
        for _ in range(4):
            with pytest.raises(LinkDownError):
                await bench.poll()
            assert len(bench.wire.reads) == 1

    play(story())


SETPOINT = {
    "name": "setpoint",
    "quantity": "air_temperature",
    "register": 15,
    "type": "int16",
    "scale": 0.1,
    "write": {"low": 5, "high": 40, "register": 348, "safe": 18},
}


def setpoint_bench(**extra: Any) -> Bench:
    bench = Bench(SETPOINT, {"name": "fixed", "register": 1}, words=filled(16), **extra)

    def take(address: int, words: tuple[int, ...]) -> None:
        assert address == 348
        bench.wire.words["holding", 15] = words[0]

    bench.wire.on_write = take
    return bench


def test_a_write_goes_to_its_own_place_and_is_read_back(play: Play) -> None:
    bench = setpoint_bench()

    async def story() -> None:
        assert await bench.device.write("setpoint", 19.5) == 19.5
        assert bench.wire.writes == [(6, 348, (195,))]
        assert bench.wire.reads == [("holding", 15, 1)]

    play(story())


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ("setpoint", 4.9),
        ("setpoint", 40.1),
        ("setpoint", float("nan")),
        ("setpoint", float("inf")),
        ("fixed", 1),
        ("nowhere", 1),
    ],
)
def test_what_must_not_be_written_never_reaches_the_wire(
    play: Play, point: str, value: float
) -> None:
    bench = setpoint_bench()

    async def story() -> None:
        with pytest.raises(RefusedError, match="dev"):
            await bench.device.write(point, value)
        assert not bench.wire.writes

    play(story())


def test_a_device_that_takes_it_over_late_is_given_time(play: Play) -> None:
    bench = setpoint_bench()
    bench.wire.on_write = lambda _address, _words: None

    async def story() -> None:
        bench.on_sleep = lambda: bench.take_over(200)
        assert await bench.device.write("setpoint", 20) == 20
        assert bench.pauses == [SETTLING[1]]

    play(story())


def test_a_value_that_reads_back_otherwise_is_a_bad_reply(play: Play) -> None:
    bench = setpoint_bench()
    bench.wire.on_write = lambda _address, _words: None

    async def story() -> None:
        with pytest.raises(BadReplyError, match=r"was set to 20.0 and reads 11.5"):
            await bench.device.write("setpoint", 20)
        assert len(bench.wire.writes) == 1
        assert len(bench.wire.reads) == len(SETTLING)

    play(story())


def test_a_write_without_an_answer_is_not_repeated(play: Play) -> None:
    bench = setpoint_bench()
    bench.wire.down = LinkDownError("no answer")

    async def story() -> None:
        with pytest.raises(LinkDownError):
            await bench.device.write("setpoint", 20)
        assert len(bench.wire.writes) == 1

    play(story())


def test_the_site_decides_what_is_safe() -> None:
    assert setpoint_bench().device.writable["setpoint"].safe == 18
    assert setpoint_bench(safe={"setpoint": 20}).device.writable["setpoint"].safe == 20


@pytest.mark.parametrize(("function", "table"), [(5, "coil"), (16, "holding")])
def test_coils_and_devices_that_know_only_function_16(
    play: Play, function: int, table: str
) -> None:
    kind = "bit" if table == "coil" else "uint16"
    write = {"low": 0, "high": 1, "function": function}
    point = {"name": "on", "table": table, "register": 3, "type": kind, "write": write}
    bench = Bench(point, words={(table, 3): 0})

    def take(address: int, words: tuple[int, ...]) -> None:
        bench.wire.words[table, address] = words[0]

    bench.wire.on_write = take

    async def story() -> None:
        assert await bench.device.write("on", 1) == 1
        assert bench.wire.writes == [(function, 3, (1,))]
        assert await bench.device.write("on", 0) == 0

    play(story())


FAULTS: dict[str, DriverError | None] = {
    "sound": None,
    "refused": RefusedError("exception 2"),
    "failing": DeviceFailureError("exception 4"),
    "mute": LinkDownError("no answer"),
}
SITUATIONS = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(sorted(FAULTS))), min_size=1, max_size=10
)


@given(SITUATIONS, st.integers(0, 2), st.integers(1, 6), st.integers(1, 12))
def test_whatever_fails_costs_only_what_lies_in_the_same_read(
    situation: list[tuple[int, str]], hole: int, largest: int, longest: int
) -> None:
    """After a few polls every sound point that no mute one shares a block with comes each time."""
    places, register = [], 0
    for step, fault in situation:
        register += step
        places.append((register, fault))
    words: dict[Any, Any] = {
        ("holding", place): FAULTS[fault] or 1000 + place for place, fault in places
    }
    points = [{"name": f"p{place}", "register": place} for place, _ in places]
    bench = Bench(*points, words=words, hole=hole, largest_block=largest)
    bench.wire.longest = longest
    faults = {f"p{place}": fault for place, fault in places}

    async def story() -> None:
        for number in range(30):
            try:
                read = await bench.poll()
            except DriverError:
                assert number < 20 or "sound" not in faults.values() or "mute" in faults.values()
                continue
            for name, value in read.items():
                assert value == (1000 + int(name[1:]) if faults[name] == "sound" else None)
                assert faults[name] in ("sound", "failing")
            if number >= 20 and "mute" not in faults.values():
                assert {n for n, f in faults.items() if f == "sound"} <= set(read)
        for place, _ in places:
            bench.wire.words["holding", place] = 5
        await _until_whole(bench, len(places))

    asyncio.run(story())


async def _until_whole(bench: Bench, points: int) -> None:
    """Ten minutes at most after the last refusal everything is read again."""
    for _ in range(points + 2):
        try:
            read = await bench.poll(after=601)
        except DriverError:
            continue
        if len(read) == points:
            return
    pytest.fail("some points never came back")


@given(st.lists(st.booleans(), min_size=2, max_size=8).filter(lambda mute: not all(mute)))
def test_mute_blocks_starve_neither_the_others_nor_each_other(mute: list[bool]) -> None:
    words: dict[Any, Any] = {
        ("holding", 10 * i): FAULTS["mute"] if dead else i for i, dead in enumerate(mute)
    }
    points = [{"name": f"p{i}", "register": 10 * i} for i in range(len(mute))]
    bench = Bench(*points, words=words)

    async def story() -> None:
        tried: set[int] = set()
        for number in range(4 * len(mute)):
            try:
                read = await bench.poll()
            except DriverError:
                assert number < len(mute)
                continue
            if number >= len(mute):
                assert read == {f"p{i}": i for i, dead in enumerate(mute) if not dead}
                tried |= {place // 10 for _, place, _ in bench.wire.reads}
        assert tried == set(range(len(mute)))
        revived = next((i for i, dead in enumerate(mute) if dead), 0)
        bench.wire.words["holding", 10 * revived] = 77
        seen = [await bench.poll() for _ in range(len(mute) + 1)]
        assert any(f"p{revived}" in read for read in seen)

    asyncio.run(story())


def test_after_an_outage_a_refused_point_is_asked_for_again(play: Play) -> None:
    bench = Bench(*row(2), words=filled(2, p1=RefusedError("exception 2")))

    async def story() -> None:
        assert await bench.poll() == {"p0": 100}
        bench.wire.words["holding", 1] = 101
        assert await bench.poll() == {"p0": 100}
        bench.wire.down = LinkDownError("no answer")
        with pytest.raises(LinkDownError):
            await bench.poll()
        bench.wire.down = None
        assert await bench.poll() == {"p0": 100, "p1": 101}

    play(story())
