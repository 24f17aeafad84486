"""What must be true of a whole site beside what each of its parts says for itself."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain

from config.base import Place, Wrong
from config.links import Link, ModbusDevice, ModbusTcp, Robot, SerialReader, Vda5050
from config.map_rules import map_notes, map_wrongs
from config.registers import RegisterMap
from config.site import Edge, Site
from contracts.topics import IMPORTER

LONG_TIMEOUT, MOST_PERIODS = timedelta(seconds=10), 10
STATE_DUE = timedelta(seconds=30)
"""VDA 5050: a state is due at least that often."""
SERVER_UNITS = (0, 255)
"""Units that mean the server itself."""


def wrongs(site: Site) -> Iterator[Wrong]:
    """Find what contradicts itself across the parts of a site."""
    for i, edge in enumerate(site.edges):
        if edge.id == IMPORTER:
            what = f"{IMPORTER} is what imports call themselves; give the edge another id"
            yield Wrong(("edges", i, "id"), what)
        yield from _wires_named_twice(("edges", i), edge)
    for place, link in _links(site):
        if isinstance(link, ModbusTcp):
            yield from _endless_timeout(place, link)
    yield from _wrong_maps(site)
    yield from _robots_named_twice(site)
    yield from _readers_used_twice(site)
    yield from _counters_used_twice(site)


def notes(site: Site) -> Iterator[Wrong]:
    """Find what is allowed and yet seldom meant."""
    servers: set[tuple[str, int]] = set()
    for place, link in _links(site):
        if isinstance(link, ModbusTcp):
            if (server := _server(link)) in servers:
                what = f"two links lead to {link.host}:{link.port}; many servers allow one"
                yield Wrong(place, what)
            servers.add(server)
            yield from _notes_on_wire(place, link)
        for number, device in enumerate(link.devices):
            if isinstance(device, Robot) and device.silent_after < STATE_DUE:
                what = "a robot owes a state each 30 s: it may be called silent while it is well"
                yield Wrong((*place, "devices", number, "silent_after"), what)
    seen: set[int] = set()
    for place, _, registers in _maps(site):
        # Aliases give one map to many devices.
        for inner, what in () if id(registers) in seen else map_notes(registers):
            yield Wrong((*place, *inner), what)
        seen.add(id(registers))
    yield from _alike_but_for_case(site)


def _links(site: Site) -> Iterator[tuple[Place, Link]]:
    for i, edge in enumerate(site.edges):
        for j, link in enumerate(edge.links):
            yield ("edges", i, "links", j), link


def _maps(site: Site) -> Iterator[tuple[Place, ModbusDevice, RegisterMap]]:
    for place, link in _links(site):
        for number, device in enumerate(link.devices):
            if isinstance(device, ModbusDevice) and device.map is not None:
                yield (*place, "devices", number, "map"), device, device.map


def _wrong_maps(site: Site) -> Iterator[Wrong]:
    known: dict[int, tuple[Wrong, ...]] = {}
    for place, device, registers in _maps(site):
        if id(registers) not in known:
            known[id(registers)] = tuple(map_wrongs(registers))
        for inner, what in known[id(registers)]:
            yield Wrong((*place, *inner), what)
        for number, point in enumerate(registers.points):
            if point.write and point.write.safe is None and point.name not in device.safe:
                yield Wrong(
                    (*place, "points", number, "write"),
                    f"point {point.name} has no safe value, so every command for it would be"
                    " refused; add safe, or remove write",
                )


def _server(link: ModbusTcp) -> tuple[str, int]:
    return link.host.lower().removesuffix("."), link.port


def _wires_named_twice(place: Place, edge: Edge) -> Iterator[Wrong]:
    # SIP2 is left out: each kiosk has a connection of its own to the one library system.
    known: dict[object, str] = {}
    for number, link in enumerate(edge.links):
        wire: object
        if isinstance(link, ModbusTcp):
            wire, key, name = _server(link), "host", f"{link.host}:{link.port}"
        elif isinstance(link, SerialReader):
            wire, key, name = link.port, "port", link.port
        else:
            continue
        if wire in known:
            what = f"links {known[wire]} and {link.id} are one wire, {name}"
            remedy = "put the devices under one link, or correct the address"
            yield Wrong((*place, "links", number, key), f"{what}; {remedy}")
        known[wire] = link.id


def _shortest_period(link: ModbusTcp) -> timedelta:
    own = (
        point.period
        for device in link.devices
        if device.map is not None
        for point in device.map.points
    )
    return min(filter(None, chain((device.period for device in link.devices), own)))


def _endless_timeout(place: Place, link: ModbusTcp) -> Iterator[Wrong]:
    period = _shortest_period(link)
    if link.timeout > max(LONG_TIMEOUT, MOST_PERIODS * period):
        yield Wrong(
            (*place, "timeout"),
            f"a timeout of {link.timeout.total_seconds():g} s stops a wire that is read every"
            f" {period.total_seconds():g} s; make it shorter, or read less often",
        )


def _notes_on_wire(place: Place, link: ModbusTcp) -> Iterator[Wrong]:
    if link.timeout > _shortest_period(link):
        what = "the timeout is longer than a period: one silent device costs the others polls"
        yield Wrong((*place, "timeout"), what)
    units = Counter(device.unit for device in link.devices)
    for number, device in enumerate(link.devices):
        if device.unit in SERVER_UNITS and len(units) > 1:
            what = f"unit {device.unit} is the server itself, and no device behind it"
            yield Wrong((*place, "devices", number, "unit"), what)


def _robots_named_twice(site: Site) -> Iterator[Wrong]:
    known: dict[tuple[str, ...], str] = {}
    for place, link in _links(site):
        if not isinstance(link, Vda5050):
            continue
        for number, robot in enumerate(link.devices):
            name = (link.interface, robot.manufacturer, robot.serial)
            if name in known:
                what = f"{known[name]} and {robot.id} are one robot by manufacturer and serial"
                yield Wrong((*place, "devices", number, "serial"), f"{what}; correct one")
            known[name] = robot.id


def _readers_used_twice(site: Site) -> Iterator[Wrong]:
    known: dict[str, str] = {}
    for i, edge in enumerate(site.edges):
        for j, kiosk in enumerate(edge.kiosks):
            if kiosk.reader in known:
                what = f"kiosks {known[kiosk.reader]} and {kiosk.id} share reader {kiosk.reader}"
                yield Wrong(("edges", i, "kiosks", j, "reader"), f"{what}; give each its own")
            known[kiosk.reader] = kiosk.id


def _counters_used_twice(site: Site) -> Iterator[Wrong]:
    known: dict[str, str] = {}
    for i, gate in enumerate(site.gates):
        for side, path in (("entries", gate.entries), ("exits", gate.exits)):
            if path is None:
                continue
            if path in known and known[path] != gate.id:
                what = f"gates {known[path]} and {gate.id} both count {path}; correct one"
                yield Wrong(("gates", i, side), what)
            known[path] = gate.id


def _alike_but_for_case(site: Site) -> Iterator[Wrong]:
    named: list[tuple[str, Place, str]] = [
        *(("space", ("spaces", i), space.id) for i, space in enumerate(site.spaces)),
        *(("gate", ("gates", i), gate.id) for i, gate in enumerate(site.gates)),
        *(("edge", ("edges", i), edge.id) for i, edge in enumerate(site.edges)),
    ]
    for place, link in _links(site):
        named.append(("link", place, link.id))
        named += [
            ("device", (*place, "devices", number), device.id)
            for number, device in enumerate(link.devices)
        ]
    known: dict[tuple[str, str], str] = {}
    for kind, place, name in named:
        other = known.setdefault((kind, name.lower()), name)
        if other != name:
            what = f"{kind} ids {other!r} and {name!r} differ in upper and lower case only"
            yield Wrong((*place, "id"), what)
