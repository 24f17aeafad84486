"""The device models there are; opens links and builds drivers."""

import importlib
from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from config.links import Device, Link, ModbusDevice
from config.registers import ByteOrder, RegisterMap, RegisterPoint, Table, WordType, Write
from contracts.messages import Card, CardPoint
from contracts.quantities import NATURES, Quantity
from drivers.capabilities import Pollable, Writable, WriteLimits
from drivers.devices import feig_reader, register_device, sip2_system, vda5050_vehicle
from drivers.model import DriverSpec, Family
from runtime.clock import Clock
from runtime.host import Host

# Imported when a link of the kind is opened: an edge without robots needs no MQTT client.
LINKS = {
    "modbus-tcp": ("drivers.links.tcp", "ModbusTcpLink"),
    "feig-serial": ("drivers.links.serial_line", "SerialLine"),
    "sip2": ("drivers.links.sip2_tcp", "Sip2Connection"),
    "vda5050": ("drivers.links.vehicle_mailboxes", "VehicleMailboxes"),
}

GATE_CHANNELS = 8
"""Four gates with both directions; the rest of the module's inputs are left alone."""

# Counter n is 40001+2n (low word) and 40002+2n (high word).
ADAM_6051_MAP = RegisterMap(
    points=tuple(
        RegisterPoint(
            name=f"channel_{channel}",
            quantity=Quantity.CROSSINGS,
            table=Table.HOLDING,
            register=2 * channel,
            type=WordType.UINT32,
            order=ByteOrder.CDAB,
        )
        for channel in range(GATE_CHANNELS)
    )
)

ADAM_6051 = DriverSpec(
    kind="adam-6051",
    family="gate",
    link="modbus-tcp",
    products=("Advantech ADAM-6050", "ADAM-6050W", "ADAM-6051", "ADAM-6051W"),
    source="Advantech ADAM-6050W user manual, page 31: counters at 40001 and following",
    build=partial(register_device.build, registers=ADAM_6051_MAP),
    map=ADAM_6051_MAP,
)

CUSTOM = DriverSpec(
    kind="custom",
    family="other",
    link="modbus-tcp",
    products=("Any Modbus device; `map` in the site file says what it has",),
    source="The device's own manual",
    build=register_device.build,
)

LIEBERT_FIRST_REFERENCE = 40001
"""The manual's number for holding register 0."""


def _liebert_tenths(
    name: str, quantity: Quantity, reference: int, write: Write | None = None
) -> RegisterPoint:
    return RegisterPoint(
        name=name,
        quantity=quantity,
        table=Table.HOLDING,
        register=reference - LIEBERT_FIRST_REFERENCE,
        type=WordType.INT16,
        scale=0.1,
        write=write,
    )


def _liebert_whole(name: str, quantity: Quantity, reference: int) -> RegisterPoint:
    return RegisterPoint(
        name=name,
        quantity=quantity,
        table=Table.HOLDING,
        register=reference - LIEBERT_FIRST_REFERENCE,
    )


# Set-points are written at one place and read, as the controller uses them, at another.
LIEBERT_PAC_MAP = RegisterMap(
    points=(
        _liebert_tenths("return_temperature", Quantity.AIR_TEMPERATURE, 40002),
        _liebert_tenths("return_humidity", Quantity.RELATIVE_HUMIDITY, 40003),
        _liebert_tenths("supply_temperature", Quantity.AIR_TEMPERATURE, 40004),
        _liebert_whole("on", Quantity.STATUS, 40006),
        _liebert_whole("fan", Quantity.STATUS, 40007),
        _liebert_whole("cooling_stage_1", Quantity.STATUS, 40008),
        _liebert_whole("cooling_stage_2", Quantity.STATUS, 40009),
        _liebert_whole("heating", Quantity.STATUS, 40010),
        _liebert_whole("heating_stage_2", Quantity.STATUS, 40011),
        _liebert_whole("humidifying", Quantity.STATUS, 40012),
        _liebert_whole("dehumidifying", Quantity.STATUS, 40013),
        _liebert_whole("cooling", Quantity.SHARE, 40014),
        _liebert_tenths(
            "temperature_setpoint",
            Quantity.AIR_TEMPERATURE,
            40016,
            Write(low=5, high=40, function=6, register=40349 - LIEBERT_FIRST_REFERENCE),
        ),
        _liebert_tenths(
            "humidity_setpoint",
            Quantity.RELATIVE_HUMIDITY,
            40017,
            Write(low=20, high=80, function=6, register=40350 - LIEBERT_FIRST_REFERENCE),
        ),
        _liebert_whole("alarm", Quantity.STATUS, 40022),
        _liebert_whole("alarm_bits", Quantity.STATUS, 40289),
    )
)

LIEBERT_PAC = DriverSpec(
    kind="liebert-pac",
    family="plant",
    link="modbus-tcp",
    products=("Liebert precision air conditioner with C10 controller and IntelliSlot card",),
    source="Liebert IntelliSlot Modbus/BACnet user manual, table 31",
    build=partial(register_device.build, registers=LIEBERT_PAC_MAP),
    map=LIEBERT_PAC_MAP,
)

# Floats come with the least significant word first; a value that is not there is a quiet NaN.
VAISALA_HMP_MAP = RegisterMap(
    points=(
        RegisterPoint(
            name="humidity",
            quantity=Quantity.RELATIVE_HUMIDITY,
            table=Table.HOLDING,
            register=0x0000,
            type=WordType.FLOAT32,
            order=ByteOrder.CDAB,
        ),
        RegisterPoint(
            name="temperature",
            quantity=Quantity.AIR_TEMPERATURE,
            table=Table.HOLDING,
            register=0x0002,
            type=WordType.FLOAT32,
            order=ByteOrder.CDAB,
        ),
        RegisterPoint(
            name="healthy",
            quantity=Quantity.STATUS,
            table=Table.HOLDING,
            register=0x0200,
        ),
    )
)

VAISALA_HMP = DriverSpec(
    kind="vaisala-hmp",
    family="climate",
    link="modbus-tcp",
    products=("Vaisala HMP1", "HMP3", "HMP4", "HMP5", "HMP7", "HMP8", "HMP9", "TMP1"),
    source="Vaisala M212022EN, Modbus registers: 0x0000 RH, 0x0002 T, 0x0200 fault status",
    build=partial(register_device.build, registers=VAISALA_HMP_MAP),
    map=VAISALA_HMP_MAP,
)

XY_MD02_MAP = RegisterMap(
    points=(
        RegisterPoint(
            name="temperature",
            quantity=Quantity.AIR_TEMPERATURE,
            table=Table.INPUT,
            register=1,
            type=WordType.INT16,
            scale=0.1,
        ),
        RegisterPoint(
            name="humidity",
            quantity=Quantity.RELATIVE_HUMIDITY,
            table=Table.INPUT,
            register=2,
            scale=0.1,
        ),
    )
)

XY_MD02 = DriverSpec(
    kind="xy-md02",
    family="climate",
    link="modbus-tcp",
    products=("XY-MD02", "SHT20 Modbus transmitter", "SHT40 Modbus transmitter"),
    source="XY-MD02 data sheet, Modbus protocol: function 04, registers 0x0001 and 0x0002",
    build=partial(register_device.build, registers=XY_MD02_MAP),
    map=XY_MD02_MAP,
)

MODELS = (
    ADAM_6051,
    CUSTOM,
    feig_reader.SPEC,
    LIEBERT_PAC,
    sip2_system.SPEC,
    VAISALA_HMP,
    vda5050_vehicle.SPEC,
    XY_MD02,
)


@cache
def catalogue() -> Mapping[str, DriverSpec]:
    """Give every model by the name that site files use."""
    return MappingProxyType({spec.kind: spec for spec in sorted(MODELS, key=lambda one: one.kind)})


def spec_of(device: Device) -> DriverSpec:
    """Give a device's model; raise KeyError that names those there are."""
    spec = catalogue().get(device.model)
    if spec is None:
        raise KeyError(
            f"device {device.id}: no model {device.model!r} in the catalogue; there are"
            f" {', '.join(catalogue())}"
        )
    return spec


def open_link(link: Link, host: Host) -> Any:
    """Make the wire that a link of a site file describes; it connects on its first exchange."""
    module, name = LINKS[link.kind]
    return getattr(importlib.import_module(module), name)(link, host)


def build(device: Device, link: Any, clock: Clock) -> object:
    """Make the driver of one device on its open link; raise KeyError for an unknown model."""
    return spec_of(device).build(device, link, clock)


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
        layouts=tuple(driver.layouts) if isinstance(driver, Pollable) else (),
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
