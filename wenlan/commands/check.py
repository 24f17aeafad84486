"""`wenlan check`: validates a site file against the catalogue; prints what its polling costs."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from config.base import Place
from config.links import Device, Link, ModbusDevice, ModbusTcp
from config.loader import ConfigError, Problem, SiteFile, dotted, load_site
from config.registers import RegisterMap, RegisterPoint, Table, WordType
from config.site import Gate, Site
from contracts.instants import SECOND
from contracts.quantities import Quantity
from drivers import registry
from drivers.protocols.modbus.plan import Block, plan
from drivers.protocols.modbus.schedule import Schedule
from drivers.protocols.modbus.values import encode
from wenlan.example.site import EXAMPLE

REFUSED = 2
REQUEST_BYTES = 12
"""MBAP header 7, function 1, address 2, count 2."""
REPLY_BYTES = 9
"""MBAP header 7, function 1, byte count 1; the data comes on top."""
MOST_BEATS = 600
"""Polls that are played through to find the mean load."""
SMALLEST_REFERENCE = 30001
CAPACITY = {
    WordType.BIT: 2,
    WordType.INT16: 2**15,
    WordType.UINT16: 2**16,
    WordType.INT32: 2**31,
    WordType.UINT32: 2**32,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what it takes."""
    parser.add_argument("site", type=Path, nargs="?", default=EXAMPLE)


def run(options: argparse.Namespace) -> int:
    """Print the plan, or what is wrong; 2 when the site file is refused."""
    status, text = check(options.site, os.environ)
    print(text, file=sys.stderr if status else sys.stdout)
    return status


def check(path: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    """Give the exit status (0, or 2 when refused) and what to print."""
    try:
        file = load_site(path, environment)
    except ConfigError as error:
        return REFUSED, str(error)
    problems = [
        Problem(str(path), file.line(*place), dotted(place), what)
        for place, what in _problems(file.site)
    ]
    if problems:
        return REFUSED, "\n".join(map(str, sorted(problems, key=lambda one: one.line)))
    return 0, "\n".join(_report(file))


# What is wrong


def _places(site: Site) -> Iterator[tuple[Place, Link, Device]]:
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            for k, device in enumerate(link.devices):
                yield ("edges", i, "links", j, "devices", k), link, device


def _problems(site: Site) -> Iterator[tuple[Place, str]]:
    maps: dict[str, RegisterMap] = {}
    for place, link, device in _places(site):
        spec = registry.catalogue().get(device.model)
        if spec is None:
            near = get_close_matches(device.model, registry.catalogue(), 1, 0.5)
            choice = f"did you mean {near[0]}?" if near else ", ".join(registry.catalogue())
            yield (*place, "model"), f"no model {device.model!r} in the catalogue; {choice}"
        elif spec.link != link.kind:
            what = f"model {device.model} hangs on a {spec.link} link, not on {link.kind}; move it"
            yield (*place, "model"), what
        else:
            registers = registry.register_map(device)
            if isinstance(device, ModbusDevice) and registers is not None:
                maps[device.id] = registers
                yield from _wrong_safe_values(place, device, registers)
        if isinstance(link, ModbusTcp) and place[-1] == 0:
            yield from _overload(place[:-2], link)
    for i, gate in enumerate(site.gates):
        yield from _wrong_counters(("gates", i), gate, maps)


def _wrong_safe_values(
    place: Place, device: ModbusDevice, registers: RegisterMap
) -> Iterator[tuple[Place, str]]:
    points = {point.name: point for point in registers.points if point.write is not None}
    for name, value in device.safe.items():
        point = points.get(name)
        where = (*place, "safe", name)
        if point is None or point.write is None:
            choice = f"one of {', '.join(points)}" if points else "remove it, nothing can be"
            yield where, f"device {device.id} has no point {name!r} to be written; {choice}"
        elif not point.write.low <= value <= point.write.high:
            bounds = f"{point.write.low:g} to {point.write.high:g}"
            yield where, f"safe value {value:g} is outside what may be written; give {bounds}"
        elif not _writes(point, value):
            yield where, f"safe value {value:g} is none that {point.type} can hold; change it"


def _writes(point: RegisterPoint, value: float) -> bool:
    try:
        encode(point, value)
    except ValueError:
        return False
    return True


def _wrong_counters(
    place: Place, gate: Gate, maps: Mapping[str, RegisterMap]
) -> Iterator[tuple[Place, str]]:
    for side, path in (("entries", gate.entries), ("exits", gate.exits)):
        device, _, name = (path or "").partition("/")
        if device not in maps:
            continue
        points = {point.name: point for point in maps[device].points}
        counters = [n for n, point in points.items() if point.quantity is Quantity.CROSSINGS]
        point = points.get(name)
        if point is None:
            choice = f"one of {', '.join(counters)}" if counters else "that device counts nothing"
            yield (*place, side), f"device {device} has no point {name!r}; {choice}"
        elif point.quantity is not Quantity.CROSSINGS:
            what = f"{path} is {point.quantity}, not crossings; name a counter"
            yield (*place, side), what
        elif gate.rollover > (most := CAPACITY.get(point.type, 2**53)):
            what = f"{path} is {point.type} and starts anew at {most}; write rollover: {most}"
            yield (*place, "rollover"), what


def _overload(place: Place, link: ModbusTcp) -> Iterator[tuple[Place, str]]:
    load = _bus_load(link)
    pauses = load.requests * link.pause.total_seconds()
    if pauses >= 1:
        what = f"its pauses alone take {pauses:.1f} s a second; poll less often or pause less"
        yield (*place, "pause"), what


# What it will cost


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


def _device_load(device: ModbusDevice, registers: RegisterMap) -> Load:
    """Play the schedule of the edge through and count."""
    schedule = Schedule(registers.points, device.period)
    longest = max(point.period or device.period for point in registers.points)
    beats = max(1, min(MOST_BEATS, round(longest.total_seconds() * SECOND / schedule.shortest)))
    # Far from 0, where nothing has been read yet.
    begin = 10**15
    requests, octets = 0, 0
    for beat in range(beats):
        blocks = plan(schedule.due(begin + beat * schedule.shortest), registers)
        requests += len(blocks)
        octets += sum(map(_octets, blocks))
    seconds = beats * schedule.shortest / SECOND
    return Load(requests / seconds, octets / seconds, len(plan(registers.points, registers)))


def _octets(block: Block) -> int:
    bits = block.table in (Table.COILS, Table.DISCRETE_INPUTS)
    data = (block.size + 7) // 8 if bits else 2 * block.size
    return REQUEST_BYTES + REPLY_BYTES + data


def _loads(link: ModbusTcp) -> dict[str, Load]:
    loads = {}
    for device in link.devices:
        registers = registry.register_map(device) if device.model in registry.catalogue() else None
        if registers is not None:
            loads[device.id] = _device_load(device, registers)
    return loads


def _bus_load(link: ModbusTcp) -> Load:
    total = Load()
    for load in _loads(link).values():
        total = total.plus(load)
    return total


def _report(file: SiteFile) -> Iterator[str]:
    site = file.site
    counts = (
        (len(site.edges), "edge"),
        (sum(len(edge.links) for edge in site.edges), "link"),
        (sum(1 for _ in site.devices()), "device"),
        (len(site.spaces), "space"),
        (len(site.gates), "gate"),
        (sum(len(edge.kiosks) for edge in site.edges), "kiosk"),
    )
    sizes = ", ".join(f"{count} {what}{'s' * (count != 1)}" for count, what in counts)
    yield f"{file.path}: site {site.site} is sound: {sizes}."
    for edge in site.edges:
        yield f"\nEdge {edge.id}"
        for link in edge.links:
            yield from _bus(link) if isinstance(link, ModbusTcp) else _other(link)
    notes = list(_notes(site))
    if notes:
        yield "\nWorth a second look"
    for place, what in notes:
        yield f"  {file.path}:{file.line(*place)}: {what}"


HEAD = ("device", "model", "unit", "period", "requests/s", "bytes/s", "worst age", "reads")


def _bus(link: ModbusTcp) -> Iterator[str]:
    loads = _loads(link)
    total = _bus_load(link)
    timeout, pause = link.timeout.total_seconds(), link.pause.total_seconds()
    # Every request of a full round may come before, and each may take its whole time.
    queue = total.longest_round * (pause + timeout)
    rows = [HEAD]
    for device in link.devices:
        load, registers = loads[device.id], registry.register_map(device)
        assert registers is not None
        periods = [(p.period or device.period).total_seconds() for p in registers.points]
        low, high = min(periods), max(periods)
        rows.append(
            (
                device.id,
                device.model,
                str(device.unit),
                f"{low:g} s" if low == high else f"{low:g}-{high:g} s",
                f"{load.requests:.2f}",
                f"{load.octets:.0f}",
                f"{high + queue:.1f} s",
                _reads(registers),
            )
        )
    rows.append(("together", "", "", "", f"{total.requests:.2f}", f"{total.octets:.0f}", "", ""))
    yield f"  {link.id}: {link.kind} {link.host}:{link.port}, timeout {timeout:g} s"
    yield from _table(rows)
    room = 1000 * (1 / total.requests - pause)
    yield f"    keeps up while a reply takes {room:.0f} ms or less on average"
    yield "    worst age: a period and a full round with every reply at its last moment"


def _reads(registers: RegisterMap) -> str:
    return ", ".join(
        f"{block.table} {block.first}"
        + (f"-{block.first + block.size - 1}" if block.size > 1 else "")
        for block in plan(registers.points, registers)
    )


def _table(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        cells = [
            cell.rjust(width) if 2 <= column <= 6 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("    " + "  ".join(cells)).rstrip()


def _other(link: Link) -> Iterator[str]:
    devices = ", ".join(f"{device.id} ({device.model})" for device in link.devices)
    yield f"  {link.id}: {link.kind}: {devices}"


def _notes(site: Site) -> Iterator[tuple[Place, str]]:
    """Find what is allowed and yet seldom meant."""
    wires: Counter[tuple[str, int]] = Counter()
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            if not isinstance(link, ModbusTcp):
                continue
            place: Place = ("edges", i, "links", j)
            wires[link.host, link.port] += 1
            if wires[link.host, link.port] == 2:
                yield place, f"two links lead to {link.host}:{link.port}; many servers allow one"
            units = Counter(device.unit for device in link.devices)
            for unit, count in units.items():
                if count > 1:
                    yield place, f"{count} devices of link {link.id} have unit {unit}"
    for place, _, device in _places(site):
        own = device.map.points if isinstance(device, ModbusDevice) and device.map else ()
        for number, point in enumerate(own):
            if point.register_ >= SMALLEST_REFERENCE:
                where = (*place, "map", "points", number, "register")
                text = f"register {point.register_} looks like a manual's number (40001 is 0)"
                yield where, text
