"""A register device on a wire that is a table, and a clock that the story sets."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from config.links import ModbusDevice
from config.registers import Table
from contracts.layouts import readings as readings_of
from drivers.devices.register_device import RegisterDevice
from drivers.errors import DriverError, RefusedError
from runtime.clock import Clock
from tests.unit.edge.simulated import SimulatedTime

Play = Callable[[Coroutine[Any, Any, None]], None]


class Wire:
    """Registers by table and address; an error in a place is raised by whoever reads it."""

    def __init__(self, words: dict[tuple[str, int], int | DriverError]) -> None:
        self.words = words
        self.reads: list[tuple[str, int, int]] = []
        self.writes: list[tuple[int, int, tuple[int, ...]]] = []
        self.down: DriverError | None = None
        self.longest = 125
        self.on_write: Callable[[int, tuple[int, ...]], None] = self.take

    def take(self, address: int, words: tuple[int, ...]) -> None:
        for i, word in enumerate(words):
            self.words["holding", address + i] = word

    async def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        assert unit == 7
        self.reads.append((table.value, address, count))
        if self.down is not None:
            raise self.down
        if count > self.longest:
            raise RefusedError(f"{count} are too many: exception 3")
        found = []
        for register in range(address, address + count):
            word = self.words.get((table.value, register), RefusedError(f"no {register}"))
            if isinstance(word, DriverError):
                raise word
            found.append(word)
        return found

    async def write(self, unit: int, function: int, address: int, words: Sequence[int]) -> None:
        assert unit == 7
        self.writes.append((function, address, tuple(words)))
        if self.down is not None:
            raise self.down
        self.on_write(address, tuple(words))


class Bench:
    """A device, its wire, and a clock that the story sets."""

    def __init__(self, *points: dict[str, Any], words: dict[Any, Any], **extra: Any) -> None:
        self.time = SimulatedTime()
        self.pauses: list[float] = []
        self.wire = Wire(words)
        limits = {key: extra.pop(key) for key in ("hole", "largest_block") if key in extra}
        base = {"quantity": "status", "table": "holding"}
        self.config = ModbusDevice.model_validate(
            {
                "id": "dev",
                "model": "custom",
                "unit": 7,
                "map": {"points": [base | point for point in points], **limits},
                **extra,
            }
        )
        assert self.config.map is not None
        clock = Clock(self.time.monotonic, self.time.wall, self.sleep)
        self.device = RegisterDevice(self.config, self.config.map, self.wire, clock)
        self.on_sleep: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_sleep()

    def take_over(self, word: int) -> None:
        self.wire.words["holding", 15] = word

    async def poll(self, after: float = 2.0) -> dict[str, float | None]:
        self.time.seconds += after
        self.wire.reads.clear()
        layouts = {layout.digest: layout for layout in self.device.layouts}
        samples = await self.device.poll()
        assert len({one.block for one in samples}) == len(samples)
        readings = [one for each in samples for one in readings_of(each, layouts[each.layout])]
        assert all(reading.at == self.time.wall() for reading in readings)
        assert len({reading.point for reading in readings}) == len(readings)
        self.qualities = {r.point.removeprefix("dev/"): r.quality for r in readings}
        return {r.point.removeprefix("dev/"): r.value for r in readings}


def row(count: int) -> list[dict[str, Any]]:
    return [{"name": f"p{i}", "register": i} for i in range(count)]


def filled(count: int, **holes: DriverError) -> dict[tuple[str, int], int | DriverError]:
    return {("holding", i): holes.get(f"p{i}", 100 + i) for i in range(count)}
