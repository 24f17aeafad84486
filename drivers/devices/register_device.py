"""Any device whose model is a register map: polls its points and writes those that can be."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import NamedTuple, Protocol

from config.links import Device, ModbusDevice
from config.registers import RegisterMap, RegisterPoint, Table
from contracts.quantities import NATURES, Quality, judge
from contracts.records import Sample
from drivers.bulkhead import decoded
from drivers.capabilities import WriteLimits
from drivers.devices.blocks import Blocks, Moment, layouts
from drivers.errors import (
    BadReplyError,
    DriverBugError,
    DriverError,
    LinkDownError,
    RefusedError,
)
from drivers.protocols.modbus.pdu import DeviceFailureError
from drivers.protocols.modbus.plan import Block, plan
from drivers.protocols.modbus.schedule import Schedule
from drivers.protocols.modbus.values import Decoder, decoder, encode
from runtime.clock import Clock

log = logging.getLogger(__name__)

SETTLING = (0.0, 0.2, 0.6)
"""Seconds before each look at a value just written: some devices take it over in their cycle."""
ASK_AGAIN = 600.0
"""Seconds after which, or after an outage, a refused point is asked for again: devices get
exchanged."""
AT_ONCE = 0.5
"""Seconds within which what was read counts as read at one instant."""
MOST_PLANS = 64


class ModbusLink(Protocol):
    """What is needed of a wire."""

    async def read(self, unit: int, table: Table, address: int, count: int) -> Sequence[int]:
        """Read registers or bits. Raises DriverError."""
        ...

    async def write(self, unit: int, function: int, address: int, words: Sequence[int]) -> None:
        """Write registers or one bit. Raises DriverError."""
        ...


class _Place(NamedTuple):
    """How a point is taken from the words of its block."""

    point: RegisterPoint
    begin: int
    end: int
    decode: Decoder
    low: float
    high: float


class _Read(NamedTuple):
    """One block to read, and what is in it."""

    block: Block
    places: tuple[_Place, ...]
    names: frozenset[str]


@dataclass(slots=True)
class _Harvest:
    """What one poll has brought so far."""

    moments: list[Moment] = field(default_factory=list)
    begun: float = -inf
    """When the newest moment began, on the monotonic clock."""
    done: set[str] = field(default_factory=set)
    refused: dict[str, RefusedError] = field(default_factory=dict)
    failed: dict[str, DeviceFailureError] = field(default_factory=dict)

    def moment(self, clock: Clock) -> Moment:
        """Give the moment to which what was read just now belongs."""
        now = clock.monotonic()
        if now - self.begun > AT_ONCE:
            self.begun = now
            self.moments.append(Moment(clock.wall(), {}))
        return self.moments[-1]


class RegisterDevice:
    """One device: a map, a wire to talk over, and a clock."""

    def __init__(
        self,
        config: ModbusDevice,
        registers: RegisterMap,
        link: ModbusLink,
        clock: Clock,
    ) -> None:
        self.device = config.id
        self._schedule = Schedule(registers.points, config.period)
        self.period = self._schedule.shortest
        self._points = {point.name: point for point in registers.points}
        self.writable: Mapping[str, WriteLimits] = {
            name: WriteLimits(
                point.write.low, point.write.high, config.safe.get(name, point.write.safe)
            )
            for name, point in self._points.items()
            if point.write is not None
        }
        self._unit = config.unit
        self._map = registers
        self._link = link
        self._clock = clock
        self._blocks = Blocks(config.id, layouts(registers.points, config.period))
        self.layouts = self._blocks.layouts
        self._decoders = {name: decoder(point) for name, point in self._points.items()}
        self._refused: dict[str, RefusedError] = {}
        self._ask_again = -inf
        self._silent: dict[str, int] = {}
        """Points whose block had no answer, and at which poll: read last, the oldest first, lest
        they starve the rest and each other."""
        self._named: set[str] = set()
        """Those of them that the log knows about."""
        self._undecoded: set[str] = set()
        """Points whose decoding failed, which the log knows about."""
        self._polls = 0
        self._plans: dict[tuple[str, ...], tuple[_Read, ...]] = {}
        self._before: tuple[Sequence[RegisterPoint], tuple[_Read, ...]] = ((), ())
        """What was due the last time, and how it was read."""

    async def poll(self) -> Sequence[Sample]:
        """Read every point that is due, and give what came: a sample a block and instant.

        When the device falls silent half-way, what came before is given, and the rest stays due.
        Raises DriverError when nothing came at all.
        """
        now = self._clock.monotonic()
        self._polls += 1
        if self._refused and now >= self._ask_again:
            self._forget_refusals()
        due = self._schedule.due(now)
        harvest, failure = _Harvest(), None
        for read in self._reads(due):
            try:
                await self._gather(read, harvest)
            except DriverError as error:
                failure = error
                self._suspect(read, error, harvest)
                break
        self._conclude(harvest, now)
        self._schedule.missed(due, harvest.done | self._refused.keys())
        if due and not harvest.moments:
            if isinstance(failure, LinkDownError):
                self._forget_refusals()
            raise failure or next(iter((*harvest.failed.values(), *self._refused.values())))
        return self._blocks.samples(harvest.moments)

    async def write(self, point: str, value: float) -> float:
        """Write a value, read it back from where the point is read, and give that.

        Raises RefusedError when the value or the point is not to be written, BadReplyError when
        something else reads back. Nothing is written twice: after LinkDownError nobody knows.
        """
        target = self._points.get(point)
        if target is None or target.write is None:
            raise RefusedError(f"{self.device}: {point!r} is not a point that can be written")
        low, high, _ = self.writable[point]
        if not low <= value <= high:
            raise RefusedError(f"{self.device}: {point} {value:g} is outside {low:g} to {high:g}")
        try:
            words = encode(target, value)
        except ValueError as error:
            raise RefusedError(f"{self.device}: {error}") from error
        place = target.write.register_
        address = target.register_ if place is None else place
        await self._link.write(self._unit, target.write.function, address, words)
        return await self._read_back(target, words)

    async def _read_back(self, point: RegisterPoint, written: Sequence[int]) -> float:
        decode = self._decoders[point.name]
        asked, seen = decode(written), None
        for pause in SETTLING:
            if pause:
                await self._clock.sleep(pause)
            words = await self._link.read(self._unit, point.table, point.register_, point.words)
            seen = decode(words)
            if seen is not None and seen == asked:
                return seen
        raise BadReplyError(f"{self.device}: {point.name} was set to {asked} and reads {seen}")

    def _reads(self, due: Sequence[RegisterPoint]) -> tuple[_Read, ...]:
        before, reads_before = self._before
        if self._plans and due == before:
            return reads_before
        wanted = [point for point in due if point.name not in self._refused]
        key = tuple(point.name for point in wanted)
        reads = self._plans.get(key)
        if reads is None:
            answering = [point for point in wanted if point.name not in self._silent]
            silent = [point for point in wanted if point.name in self._silent]
            late = sorted(
                map(self._prepared, self._plan(silent)),
                key=lambda read: max(self._silent[name] for name in read.names),
            )
            reads = (*map(self._prepared, self._plan(answering)), *late)
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            self._plans[key] = reads
        self._before = due, reads
        return reads

    def _plan(self, points: Sequence[RegisterPoint]) -> tuple[Block, ...]:
        return plan(points, self._map, self._refused)

    def _prepared(self, block: Block) -> _Read:
        places = tuple(
            _Place(
                point,
                point.register_ - block.first,
                point.last + 1 - block.first,
                self._decoders[point.name],
                *NATURES[point.quantity].plausible,
            )
            for point in block.points
        )
        return _Read(block, places, frozenset(point.name for point in block.points))

    async def _gather(self, read: _Read, harvest: _Harvest) -> None:
        """Read a block; when the device refuses it, read around what it refuses."""
        block, places, names = read
        try:
            words = await self._link.read(self._unit, block.table, block.first, block.size)
        except (RefusedError, DeviceFailureError) as error:
            if len(block.points) > 1:
                whole = await self._gather_parts(block, harvest)
                if whole and isinstance(error, RefusedError):
                    self._ask_for_less(block)
            elif isinstance(error, RefusedError):
                harvest.refused[block.points[0].name] = error
            else:
                harvest.failed[block.points[0].name] = error
            return
        values = harvest.moment(self._clock).values
        for place, value in zip(places, self._decoded(places, words), strict=True):
            if value is not None and place.low <= value <= place.high and isfinite(value):
                values[place.point.name] = value
            else:
                value = value if value is not None and isfinite(value) else None  # noqa: PLW2901
                values[place.point.name] = (value, judge(place.point.quantity, value))
        harvest.done.update(names)

    def _decoded(self, places: Sequence[_Place], words: Sequence[int]) -> Sequence[float | None]:
        """Give the values of a block; None for none, and where decoding has a bug."""
        try:
            return decoded(_values, places, words)
        except DriverBugError:
            return [self._decoded_alone(place, words) for place in places]

    def _decoded_alone(self, place: _Place, words: Sequence[int]) -> float | None:
        try:
            return decoded(place.decode, words[place.begin : place.end])
        except DriverBugError as error:
            name = place.point.name
            if name not in self._undecoded:
                self._undecoded.add(name)
                log.exception("%s: point %s has no value: %s", self.device, name, error)  # noqa: TRY401
            return None

    async def _gather_parts(self, block: Block, harvest: _Harvest) -> bool:
        """Read the points of a block in smaller blocks; say whether all are there."""
        middle = len(block.points) // 2
        troubles = len(harvest.refused) + len(harvest.failed)
        for part in self._plan(block.points[:middle]) + self._plan(block.points[middle:]):
            await self._gather(self._prepared(part), harvest)
        return len(harvest.refused) + len(harvest.failed) == troubles

    def _ask_for_less(self, block: Block) -> None:
        """Shrink the reads: a block was refused although all of its points are there."""
        if self._map.hole:
            less: dict[str, int] = {"hole": 0}
        else:
            widest = max(point.words for point in block.points)
            less = {"largest_block": max(widest, block.size // 2)}
        log.warning(
            "%s refuses a read of %d from %s %d, but not its parts: going on with %s;"
            " put that into its map",
            *(self.device, block.size, block.table, block.first, less),
        )
        self._map = self._map.model_copy(update=less)
        self._plans.clear()

    def _suspect(self, read: _Read, error: DriverError, harvest: _Harvest) -> None:
        """Remember which points had no answer, when others of the device had one."""
        silent = read.names - harvest.done
        self._silent.update(dict.fromkeys(silent, self._polls))
        self._plans.clear()
        if harvest.moments and not silent <= self._named:
            names = ", ".join(sorted(silent))
            log.warning("%s: no value of %s, others answer: %s", self.device, names, error)
            self._named |= silent

    def _conclude(self, harvest: _Harvest, now: float) -> None:
        """Note what the device refused; say that it has no value for what it failed at."""
        for name in self._silent.keys() & harvest.done:
            del self._silent[name]
            self._named.discard(name)
            self._plans.clear()
        for name, error in harvest.refused.items():
            log.warning("%s: point %s is refused; correct its map: %s", self.device, name, error)
            self._refused[name] = error
            self._ask_again = now + ASK_AGAIN
            self._plans.clear()
        if harvest.moments and harvest.failed:
            values = harvest.moment(self._clock).values
            values.update(dict.fromkeys(harvest.failed, (None, Quality.UNAVAILABLE)))
            harvest.done.update(harvest.failed)

    def _forget_refusals(self) -> None:
        self._refused.clear()
        self._plans.clear()


def _values(places: Sequence[_Place], words: Sequence[int]) -> list[float | None]:
    return [decode(words[begin:end]) for _, begin, end, decode, _, _ in places]


def build(
    device: Device, link: ModbusLink, clock: Clock, registers: RegisterMap | None = None
) -> RegisterDevice:
    """Make the driver of one configured device; its own map goes before that of its model."""
    assert isinstance(device, ModbusDevice)
    registers = device.map or registers
    assert registers is not None, f"{device.id}: a site file without a map for it is refused"
    return RegisterDevice(device, registers, link, clock)
