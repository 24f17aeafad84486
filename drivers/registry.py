"""Finds every device model, opens links and builds drivers."""

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

import drivers.catalogue
from config.links import Device, Link, ModbusDevice
from config.registers import RegisterMap, RegisterPoint
from contracts.messages import Card, CardPoint
from contracts.quantities import NATURES, Quantity
from drivers.capabilities import Now, Writable, WriteLimits
from drivers.spec import DriverSpec, Family

# Imported when a link of the kind is opened: an edge without robots needs no MQTT client.
LINKS = {
    "modbus-tcp": ("drivers.links.modbus_tcp", "ModbusTcpLink"),
    "feig-serial": ("drivers.links.serial_line", "SerialLine"),
    "sip2": ("drivers.links.sip2_tcp", "Sip2Connection"),
    "vda5050": ("drivers.links.vehicle_broker", "VehicleBroker"),
}


@cache
def catalogue() -> Mapping[str, DriverSpec]:
    """Give every model by the name that site files use: one module of `drivers.catalogue` each."""
    found: dict[str, DriverSpec] = {}
    for module in pkgutil.iter_modules(drivers.catalogue.__path__, "drivers.catalogue."):
        spec: DriverSpec = importlib.import_module(module.name).SPEC
        assert spec.kind not in found, f"{module.name}: model {spec.kind} is in the catalogue twice"
        found[spec.kind] = spec
    return MappingProxyType(dict(sorted(found.items())))


def spec_of(device: Device) -> DriverSpec:
    """Give a device's model; raise KeyError that names those there are."""
    spec = catalogue().get(device.model)
    if spec is None:
        raise KeyError(
            f"device {device.id}: no model {device.model!r} in the catalogue; there are"
            f" {', '.join(catalogue())}"
        )
    return spec


def open_link(link: Link) -> Any:
    """Make the wire that a link of a site file describes; it connects on its first exchange."""
    module, name = LINKS[link.kind]
    return getattr(importlib.import_module(module), name)(link)


def build(device: Device, link: Any, now: Now) -> object:
    """Make the driver of one device on its open link; raise KeyError for an unknown model."""
    return spec_of(device).build(device, link, now)


def register_map(device: Device) -> RegisterMap | None:
    """Give the map by which a device is polled: its own, or its model's."""
    own = device.map if isinstance(device, ModbusDevice) else None
    return own or spec_of(device).map


def card(driver: object, device: Device, edge: str) -> Card:
    """Describe a device to the gateway; what may be written, its driver knows."""
    spec, registers = spec_of(device), register_map(device)
    writable = driver.writable if isinstance(driver, Writable) else {}
    return Card(
        device=device.id,
        edge=edge,
        model=spec.kind,
        family=_family(spec, registers),
        space=device.space or "",
        name=device.name.model_dump() if device.name else {},
        points=tuple(
            _card_point(point, device, writable.get(point.name))
            for point in (registers.points if registers else ())
        ),
        actions=(("write",) if writable else ()) + spec.actions,
    )


def _family(spec: DriverSpec, registers: RegisterMap | None) -> Family:
    """Give the model's family; that of a device the catalogue does not know, by what it has."""
    if spec.family != "other" or registers is None:
        return spec.family
    if any(point.write is not None for point in registers.points):
        return "plant"
    quantities = {point.quantity for point in registers.points}
    if Quantity.CROSSINGS in quantities:
        return "gate"
    climate = {Quantity.AIR_TEMPERATURE, Quantity.RELATIVE_HUMIDITY, Quantity.CO2}
    return "climate" if quantities & climate else "other"


def _card_point(point: RegisterPoint, device: Device, limits: WriteLimits | None) -> CardPoint:
    return CardPoint(
        name=point.name,
        quantity=point.quantity,
        unit=NATURES[point.quantity].unit,
        period=(point.period or device.period).total_seconds(),
        writable=limits is not None,
        low=limits.low if limits else None,
        high=limits.high if limits else None,
    )
