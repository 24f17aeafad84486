"""Puts the Modbus devices of a site on their wires, each in its place in the world."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

from config.links import ModbusDevice, ModbusTcp
from config.registers import RegisterMap
from config.site import Site
from contracts.quantities import Quantity
from simulators.building.air_conditioner import Setpoints
from simulators.building.visitors import Lane
from simulators.building.world import World
from simulators.errors import SimulatorError
from simulators.faults import JUMP, WIRE, Fault, Faults, What
from simulators.ground_truth import Ledger
from simulators.modbus.devices.adam_6051 import CHANNELS, Counters, adam_6051
from simulators.modbus.devices.custom import Custom, Measure
from simulators.modbus.devices.liebert_pac import Liebert
from simulators.modbus.devices.sensing import Probe
from simulators.modbus.devices.vaisala_hmp import vaisala_hmp
from simulators.modbus.devices.xy_md02 import xy_md02
from simulators.modbus.registers import Registers
from simulators.modbus.server import ModbusServer, Unit
from simulators.yesterday import Yesterday

PROBES = {"xy-md02": xy_md02, "vaisala-hmp": vaisala_hmp}
"""Register files by model, for probes of temperature and humidity."""


WARMER = 6.0
"""Degrees by which a lamp warms a probe when nothing else is said."""
OFTEN = timedelta(seconds=3)


@dataclass(slots=True)
class Bench:
    """All Modbus devices of a site."""

    world: World
    faults: Faults
    ledger: Ledger
    seed: int
    probes: dict[str, Probe] = field(default_factory=dict)
    often_polled: set[str] = field(default_factory=set)
    """Probes of which a few seconds without an answer are noticed."""
    counters: dict[str, Counters] = field(default_factory=dict)
    passed: dict[tuple[str, int], int] = field(default_factory=dict)
    """People by device and channel, since the building was begun."""
    yesterday: Yesterday = field(default_factory=Yesterday)

    def server(self, link: ModbusTcp) -> ModbusServer:
        """Give the server of one link; raise SimulatorError for a model that is not known."""
        units: dict[int, Unit] = {}
        for device in link.devices:
            if device.unit in units:
                taken = units[device.unit].device
                raise SimulatorError(
                    f"link {link.id}: {device.id} and {taken} both have unit {device.unit}"
                )
            units[device.unit] = Unit(device.id, self._build(device))
        self.faults.admit(link.id, WIRE)
        return ModbusServer(link.id, units, self.faults, self.ledger, seed=self.seed)

    def pulse(self, lane: Lane) -> None:
        """Let a person pass: count, and write it down."""
        key = (lane.device, lane.channel)
        self.passed[key] = self.passed.get(key, 0) + 1
        counter = self.counters[lane.device].pulse(lane.channel)
        self.ledger(
            "pulse",
            device=lane.device,
            channel=lane.channel,
            total=self.passed[key],
            counter=counter,
        )

    def settle(self) -> None:
        """Let every input of every counter go low."""
        for counters in self.counters.values():
            counters.settle()

    def take(self) -> None:
        """Let every probe measure."""
        for probe in self.probes.values():
            probe.take()

    def _build(self, device: ModbusDevice) -> Registers:
        if device.model in PROBES:
            return self._probe(device)
        if device.model == "liebert-pac":
            unit = Liebert(self.world.air(device.space))
            # Whoever put it into service left it at the values that are safe for its room.
            unit.setpoints = Setpoints(
                device.safe.get("temperature_setpoint", unit.setpoints.temperature),
                device.safe.get("humidity_setpoint", unit.setpoints.humidity),
            )
            unit.tripped = self._failing(device.id, What.TRIP)
            self.world.install(device.space, unit)
            self.faults.admit(device.id, WIRE | {What.TRIP})
            return unit.registers()
        if device.model == "adam-6051":
            counters = self.counters[device.id] = Counters()
            for (name, channel), value in self.yesterday.counters.items():
                if name == device.id:
                    counters.values[channel] = value
            meddle = _meddling(counters)
            self.faults.admit(device.id, WIRE | {What.RESET, What.JUMP}, meddle)
            return adam_6051(counters)
        if device.map is not None:
            return self._custom(device, device.map)
        known = sorted([*PROBES, "adam-6051", "custom", "liebert-pac"])
        raise SimulatorError(
            f"device {device.id}: no simulator for model {device.model!r}; there are {known}"
        )

    def _probe(self, device: ModbusDevice) -> Registers:
        return PROBES[device.model](self._element(device).sample)

    def _custom(self, device: ModbusDevice, described: RegisterMap) -> Registers:
        element = self._element(device)
        measures: dict[Quantity, Measure] = {
            Quantity.AIR_TEMPERATURE: lambda: element.sample().temperature,
            Quantity.RELATIVE_HUMIDITY: lambda: element.sample().humidity,
            Quantity.CO2: lambda: 420.0 + 6.0 * self.world.people.inside,
        }
        return Custom(described, measures).registers()

    def _element(self, device: ModbusDevice) -> Probe:
        random = Random(f"{self.seed}/{device.id}")  # noqa: S311 - noise, not secrets
        powered_on = self._failing(device.id, What.POWER_ON)
        air = self.world.air(device.space)
        element = self.probes[device.id] = Probe(air, random, powered_on, self._warmer(device.id))
        if device.period <= OFTEN:
            self.often_polled.add(device.id)
        self.faults.admit(device.id, WIRE | {What.POWER_ON, What.WARM})
        return element

    def _warmer(self, device: str) -> Callable[[], float]:
        def warmer() -> float:
            fault = self.faults.on(device)
            if fault is None or fault.what is not What.WARM:
                return 0.0
            return WARMER if fault.value is None else fault.value

        return warmer

    def _failing(self, device: str, what: What) -> Callable[[], bool]:
        def failing() -> bool:
            fault = self.faults.on(device)
            return fault is not None and fault.what is what

        return failing


def _meddling(counters: Counters) -> Callable[[Fault], None]:
    def meddle(fault: Fault) -> None:
        for channel in range(CHANNELS):
            if fault.what is What.RESET:
                counters.clear(channel)
            elif fault.what is What.JUMP:
                counters.pulse(channel, JUMP if fault.value is None else int(fault.value))

    return meddle


def lanes(site: Site) -> tuple[list[Lane], list[Lane]]:
    """Give the entries and the exits of a site's gates that end in a simulated counter."""
    models: dict[str, Any] = {device.id: device.model for _, device in site.devices()}
    entries: list[Lane] = []
    exits: list[Lane] = []
    for gate in site.gates:
        for path, found in ((gate.entries, entries), (gate.exits, exits)):
            if path is None:
                continue
            device, point = path.split("/")
            if models[device] != "adam-6051":
                continue
            channel = point.removeprefix("channel_")
            if not channel.isdecimal() or int(channel) >= CHANNELS:
                raise SimulatorError(
                    f"gate {gate.id}: {device} has channels 0 to {CHANNELS - 1}, no {point}"
                )
            found.append(Lane(gate.id, device, int(channel)))
    return entries, exits
