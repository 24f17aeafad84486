"""The one door for site files: every process reads its own through here.

What `wenlan check` refuses does not start. `config` knows what a site must be; this adds what the
device models have to say.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from config.base import Place, Wrong
from config.links import CUSTOM, Device, Link, ModbusDevice, ModbusTcp
from config.loader import SiteFile, load_site
from config.registers import RegisterMap, RegisterPoint, WordType
from config.site import Gate, Site
from contracts.quantities import Quantity
from drivers import registry
from drivers.protocols.modbus.values import encode
from wenlan.polling_load import bus_load

CAPACITY = {
    WordType.BIT: 2,
    WordType.INT16: 2**15,
    WordType.UINT16: 2**16,
    WordType.INT32: 2**31,
    WordType.UINT32: 2**32,
}


def load_checked_site(path: Path, environment: Mapping[str, str]) -> SiteFile:
    """Read a site file; raise ConfigError with everything that is wrong with it."""
    return load_site(path, environment, wrongs)


def places(site: Site) -> Iterator[tuple[Place, Link, Device]]:
    """Give every device with its place in the file and its link."""
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            for k, device in enumerate(link.devices):
                yield ("edges", i, "links", j, "devices", k), link, device


def wrongs(site: Site) -> Iterator[Wrong]:
    """Find what the catalogue has to say against a site."""
    maps: dict[str, RegisterMap] = {}
    for place, link, device in places(site):
        found = list(_wrong_model(place, link, device))
        yield from found
        registers = None if found else registry.register_map(device)
        if isinstance(device, ModbusDevice) and registers is not None:
            maps[device.id] = registers
            yield from _wrong_safe_values(place, device, registers)
        if isinstance(link, ModbusTcp) and place[-1] == 0 and link.pause:
            yield from _overload(place[:-2], link)
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            if isinstance(link, ModbusTcp):
                yield from _units_read_twice(("edges", i, "links", j), link, maps)
    for i, gate in enumerate(site.gates):
        yield from _wrong_counters(("gates", i), gate, maps)


def notes(site: Site) -> Iterator[Wrong]:
    """Find what is allowed and yet seldom meant; the site must be sound."""
    for place, link, device in places(site):
        if not isinstance(device, ModbusDevice) or not isinstance(link, ModbusTcp):
            continue
        registers = registry.register_map(device)
        assert registers is not None
        for point in registers.points if device.map is None else ():
            if point.write and point.write.safe is None and point.name not in device.safe:
                what = f"{device.id}/{point.name} has no safe value: commands for it are refused"
                yield Wrong((*place, "safe"), f"{what}, it can only be watched")
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            if isinstance(link, ModbusTcp):
                yield from _units_named_twice(("edges", i, "links", j), link)


def _units_named_twice(place: Place, link: ModbusTcp) -> Iterator[Wrong]:
    known: dict[int, str] = {}
    for number, device in enumerate(link.devices):
        if device.unit in known:
            what = f"{known[device.unit]} and {device.id} of link {link.id} have unit {device.unit}"
            yield Wrong((*place, "devices", number, "unit"), what)
        known[device.unit] = device.id


def _wrong_model(place: Place, link: Link, device: Device) -> Iterator[Wrong]:
    spec = registry.catalogue().get(device.model)
    own = device.map if isinstance(device, ModbusDevice) else None
    if spec is None:
        near = get_close_matches(device.model, registry.catalogue(), 1, 0.5)
        choice = f"did you mean {near[0]}?" if near else ", ".join(registry.catalogue())
        what = f"no model {device.model!r} in the catalogue; {choice}"
        if own is not None:
            what += f" (a device with a map of its own is model {CUSTOM})"
        yield Wrong((*place, "model"), what)
    elif spec.link != link.kind:
        what = f"model {device.model} hangs on a {spec.link} link, not on {link.kind}; move it"
        yield Wrong((*place, "model"), what)
    elif own is not None and device.model != CUSTOM:
        what = f"model {device.model} has a map of its own; remove this, or make it {CUSTOM}"
        yield Wrong((*place, "map"), what)


def _units_read_twice(
    place: Place, link: ModbusTcp, maps: Mapping[str, RegisterMap]
) -> Iterator[Wrong]:
    """Find devices of one unit that share registers; two with registers apart may be one box."""
    by_unit: dict[int, list[tuple[int, ModbusDevice]]] = {}
    for number, device in enumerate(link.devices):
        by_unit.setdefault(device.unit, []).append((number, device))
    for unit, devices in by_unit.items():
        taken: dict[object, str] = {}
        for number, device in devices if len(devices) > 1 else ():
            points = maps[device.id].points if device.id in maps else ()
            registers = {
                (point.table, one)
                for point in points
                for one in range(point.register_, point.last + 1)
            }
            if rival := next((taken[one] for one in registers if one in taken), None):
                what = f"{rival} and {device.id} read the same registers of unit {unit}"
                where = (*place, "devices", number, "unit")
                yield Wrong(where, f"{what}; correct the unit, or remove one of them")
            taken |= dict.fromkeys(registers, device.id)


def _wrong_safe_values(
    place: Place, device: ModbusDevice, registers: RegisterMap
) -> Iterator[Wrong]:
    points = {point.name: point for point in registers.points if point.write is not None}
    for name, value in device.safe.items():
        point = points.get(name)
        where = (*place, "safe", name)
        if point is None or point.write is None:
            choice = f"one of {', '.join(points)}" if points else "remove it, nothing can be"
            what = f"device {device.id} has no point {name!r} to be written; {choice}"
            yield Wrong(where, what)
        elif not point.write.low <= value <= point.write.high:
            bounds = f"{point.write.low:g} to {point.write.high:g}"
            yield Wrong(
                where, f"safe value {value:g} is outside what may be written; give {bounds}"
            )
        elif not _writes(point, value):
            yield Wrong(
                where, f"safe value {value:g} is none that {point.type} can hold; change it"
            )


def _writes(point: RegisterPoint, value: float) -> bool:
    try:
        encode(point, value)
    except ValueError:
        return False
    return True


def _wrong_counters(place: Place, gate: Gate, maps: Mapping[str, RegisterMap]) -> Iterator[Wrong]:
    for side, path in (("entries", gate.entries), ("exits", gate.exits)):
        device, _, name = (path or "").partition("/")
        if device not in maps:
            continue
        points = {point.name: point for point in maps[device].points}
        counters = [n for n, point in points.items() if point.quantity is Quantity.CROSSINGS]
        point = points.get(name)
        if point is None:
            choice = f"one of {', '.join(counters)}" if counters else "that device counts nothing"
            yield Wrong((*place, side), f"device {device} has no point {name!r}; {choice}")
        elif point.quantity is not Quantity.CROSSINGS:
            what = f"{path} is {point.quantity}, not crossings; name a counter"
            yield Wrong((*place, side), what)
        elif gate.rollover > (most := CAPACITY.get(point.type, 2**53)):
            what = f"{path} is {point.type} and starts anew at {most}; write rollover: {most}"
            yield Wrong((*place, "rollover"), what)


def _overload(place: Place, link: ModbusTcp) -> Iterator[Wrong]:
    load = bus_load(link)
    pauses = load.requests * link.pause.total_seconds()
    if pauses >= 1:
        what = f"its pauses alone take {pauses:.1f} s a second; poll less often or pause less"
        yield Wrong((*place, "pause"), what)
