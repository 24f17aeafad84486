"""What must be true of a site file beside what each of its parts says: the catalogue's word on it.

Whoever has to do with devices reads its site file through here, and never starts with what
`wenlan check` refuses. (The gateway knows no models.)
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from config.base import Place
from config.links import Device, Link, ModbusDevice, ModbusTcp
from config.loader import ConfigError, Problem, SiteFile, dotted, load_site
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
    file = load_site(path, environment)
    problems = [
        Problem(str(path), file.line(*place), dotted(place), what)
        for place, what in wrongs(file.site)
    ]
    if problems:
        raise ConfigError(sorted(problems, key=lambda one: one.line))
    return file


def places(site: Site) -> Iterator[tuple[Place, Link, Device]]:
    """Give every device with its place in the file and its link."""
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            for k, device in enumerate(link.devices):
                yield ("edges", i, "links", j, "devices", k), link, device


def wrongs(site: Site) -> Iterator[tuple[Place, str]]:
    """Find what the catalogue has to say against a site."""
    maps: dict[str, RegisterMap] = {}
    for place, link, device in places(site):
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
        if isinstance(link, ModbusTcp) and link.pause and place[-1] == 0:
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
    load = bus_load(link)
    pauses = load.requests * link.pause.total_seconds()
    if pauses >= 1:
        what = f"its pauses alone take {pauses:.1f} s a second; poll less often or pause less"
        yield (*place, "pause"), what
