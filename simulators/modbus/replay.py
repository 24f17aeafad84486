"""Plays a recorded series through a real device's registers, over the real wire.

In lockstep each row stays until it has been read completely once, so that every value arrives
however slowly the client asks. Otherwise rows follow each other as they were recorded, so many
times faster. After the last row the device has no value: nothing shows an old one as current.
"""

import asyncio
import logging
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.links import ModbusDevice, ModbusTcp
from config.site import Site
from contracts.instants import SECOND, Instant
from simulators.errors import SimulatorError, refusals
from simulators.faults import WIRE, Faults
from simulators.ground_truth import Ledger
from simulators.modbus.devices.sensing import NOTHING, Sample
from simulators.modbus.pdu import Reply
from simulators.modbus.recorded_series import Row, read_series
from simulators.modbus.server import ModbusServer, Unit, demand_loopback
from simulators.modbus.site_devices import PROBES

log = logging.getLogger(__name__)

LOCKSTEP = "lockstep"

_TEMPERATURE, _HUMIDITY = "temperature", "humidity"
_PLACES: dict[str, tuple[tuple[str, range], ...]] = {
    "xy-md02": ((_TEMPERATURE, range(1, 2)), (_HUMIDITY, range(2, 3))),
    "vaisala-hmp": (
        (_HUMIDITY, range(2)),
        (_TEMPERATURE, range(2, 4)),
        (_HUMIDITY, range(0x0100, 0x0101)),
        (_TEMPERATURE, range(0x0101, 0x0102)),
    ),
}
"""Registers that hold each value, by model: a value has been read when all of one range were."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What is played, and where."""

    file: Path
    host: str
    port: int
    unit: int
    model: str
    device: str
    speed: float | None = None
    """Times real time; None is lockstep."""


def speed(text: str) -> float | None:
    """Read `lockstep` (None) or a number of times real time; raise SimulatorError."""
    if text == LOCKSTEP:
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 1e9:
        raise SimulatorError(f"speed {text!r}: give {LOCKSTEP}, or a number such as 900")
    return value


def replay_of(site: Site, device: str, file: Path, times: float | None) -> Replay:
    """Let a device of a site play a file; raise SimulatorError when it is no probe."""
    for edge in site.edges:
        for link in edge.links:
            if not isinstance(link, ModbusTcp):
                continue
            for one in link.devices:
                if one.id == device and one.model in PROBES:
                    return Replay(file, link.host, link.port, one.unit, one.model, device, times)
    probes = [
        one.id for _, one in site.devices() if isinstance(one, ModbusDevice) and one.model in PROBES
    ]
    raise SimulatorError(f"{device!r} is no probe that can play a series; there are {probes}")


def first_probe(site: Site) -> str:
    """Give the first device of a site that can play a series; raise SimulatorError."""
    for _, device in site.devices():
        if isinstance(device, ModbusDevice) and device.model in PROBES:
            return device.id
    raise SimulatorError(f"site {site.site} has no probe that could play a series")


class Player:
    """A series at one row. In lockstep `answered` moves it on, else `show`."""

    def __init__(self, rows: Sequence[Row], model: str, *, lockstep: bool) -> None:
        self._rows = rows
        self._places = _PLACES[model]
        self._lockstep = lockstep
        self._seen: set[str] = set()
        self.position = 0
        self.over = asyncio.Event()
        if not rows:
            self.over.set()

    def sample(self) -> Sample:
        """Give the row's values; nothing before the first and after the last row."""
        if self.position < len(self._rows):
            return self._rows[self.position].sample
        return NOTHING

    def show(self, position: int) -> None:
        """Go to a row; the one after the last is the end."""
        self.position = position
        self._seen.clear()
        if position >= len(self._rows):
            self.over.set()

    def answered(self, _device: str, request: bytes, _reply: Reply) -> None:
        """Take note that an answer, or an exception instead of one, has gone out."""
        if not self._lockstep or len(request) != 5 or request[0] not in (3, 4):
            return
        start, count = struct.unpack_from(">HH", request, 1)
        asked = range(start, start + count)
        for value, place in self._places:
            if place[0] in asked and place[-1] in asked:
                self._seen.add(value)
        if self._seen >= {_TEMPERATURE, _HUMIDITY} and self.position < len(self._rows):
            self.show(self.position + 1)


async def run_replay(
    replay: Replay,
    ledger: Ledger,
    now: Callable[[], Instant],
    ready: Callable[[int], None] | None = None,
    finished: Callable[[int], None] | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Serve one device that plays a file until cancelled; `finished` is told how many rows.

    The ledger gets a line of kind `replay` at the end. Raises SimulatorError when the file, the
    place or the port cannot be used.
    """
    demand_loopback(replay.device, replay.host)
    rows = read_series(replay.file)  # before anybody is served, so that nobody waits
    player = Player(rows, replay.model, lockstep=replay.speed is None)
    faults = Faults(ledger, now)
    faults.admit(replay.device, WIRE)
    registers = PROBES[replay.model](player.sample)
    server = ModbusServer(
        replay.device,
        {replay.unit: Unit(replay.device, registers)},
        faults,
        ledger,
        answered=player.answered,
    )
    try:
        async with asyncio.TaskGroup() as group:
            serving = server.run(replay.host, replay.port, ready)
            group.create_task(serving, name="replay's server")
            if replay.speed is not None:
                turning = _turn(player, rows, replay.speed, now, sleep)
                group.create_task(turning, name="replay's pace")
            await player.over.wait()
            log.info("%s has played %d rows of %s", replay.device, len(rows), replay.file.name)
            ledger("replay", device=replay.device, file=replay.file.name, rows=len(rows))
            if finished is not None:
                finished(len(rows))
    except BaseExceptionGroup as failed:
        refused = refusals(failed)
        if refused is None:
            raise
        raise refused from failed


async def _turn(
    player: Player,
    rows: Sequence[Row],
    times: float,
    now: Callable[[], Instant],
    sleep: Callable[[float], Awaitable[None]],
) -> None:
    """Show each row when its time has come; a row without time of its own passes at once."""
    begun = now()
    for position in range(1, len(rows) + 1):
        # The last row stays as long as the one before it did.
        later = rows[min(position, len(rows) - 1)].at
        due = (later - rows[0].at).total_seconds() / times
        if position == len(rows) and position > 1:
            due += (rows[-1].at - rows[-2].at).total_seconds() / times
        await sleep(max(0.0, due - (now() - begun) / SECOND))
        player.show(position)
