"""What polling needs of a wire, found by playing the schedule of the edge through."""

from dataclasses import dataclass

from config.links import ModbusDevice, ModbusTcp
from config.registers import RegisterMap, Table
from drivers import registry
from drivers.protocols.modbus.plan import Block, plan
from drivers.protocols.modbus.schedule import Schedule

REQUEST_BYTES = 12
"""MBAP header 7, function 1, address 2, count 2."""
REPLY_BYTES = 9
"""MBAP header 7, function 1, byte count 1; the data comes on top."""
MOST_BEATS = 600
"""Polls that are played through to find the mean load."""


@dataclass(frozen=True, slots=True)
class Load:
    """What polling needs of a wire."""

    requests: float = 0.0
    """A second, on average."""
    octets: float = 0.0
    """A second, both ways, in application data units."""
    longest_round: int = 0
    """Requests when everything is due at once."""

    def plus(self, other: "Load") -> "Load":
        """Add what another device needs of the same wire."""
        return Load(
            self.requests + other.requests,
            self.octets + other.octets,
            self.longest_round + other.longest_round,
        )


def device_load(device: ModbusDevice, registers: RegisterMap) -> Load:
    """Play the schedule of the edge through and count."""
    schedule = Schedule(registers.points, device.period)
    longest = max(point.period or device.period for point in registers.points)
    beats = max(1, min(MOST_BEATS, round(longest.total_seconds() / schedule.shortest)))
    requests, octets = 0, 0
    for beat in range(beats):
        blocks = plan(schedule.due(beat * schedule.shortest), registers)
        requests += len(blocks)
        octets += sum(map(_octets, blocks))
    seconds = beats * schedule.shortest
    return Load(requests / seconds, octets / seconds, len(plan(registers.points, registers)))


def _octets(block: Block) -> int:
    bits = block.table in (Table.COILS, Table.DISCRETE_INPUTS)
    data = (block.size + 7) // 8 if bits else 2 * block.size
    return REQUEST_BYTES + REPLY_BYTES + data


def loads_of(link: ModbusTcp) -> dict[str, Load]:
    """Give what each device of a link needs, as far as the catalogue knows it."""
    loads = {}
    for device in link.devices:
        registers = registry.register_map(device) if device.model in registry.catalogue() else None
        if registers is not None:
            loads[device.id] = device_load(device, registers)
    return loads


def bus_load(link: ModbusTcp) -> Load:
    """Give what all devices of a link need together."""
    total = Load()
    for load in loads_of(link).values():
        total = total.plus(load)
    return total
