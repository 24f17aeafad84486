"""Liebert precision air conditioner (C10 controller) behind an IntelliSlot card."""

from functools import partial

from config.registers import RegisterMap, RegisterPoint, Table, WordType, Write
from contracts.quantities import Quantity
from drivers.register_device import build
from drivers.spec import DriverSpec

FIRST_REFERENCE = 40001
"""The manual's number for holding register 0."""


def _tenths(
    name: str, quantity: Quantity, reference: int, write: Write | None = None
) -> RegisterPoint:
    return RegisterPoint(
        name=name,
        quantity=quantity,
        table=Table.HOLDING,
        register=reference - FIRST_REFERENCE,
        type=WordType.INT16,
        scale=0.1,
        write=write,
    )


def _whole(name: str, quantity: Quantity, reference: int) -> RegisterPoint:
    return RegisterPoint(
        name=name,
        quantity=quantity,
        table=Table.HOLDING,
        register=reference - FIRST_REFERENCE,
    )


# Set-points are written at one place and read, as the controller uses them, at another.
MAP = RegisterMap(
    points=(
        _tenths("return_temperature", Quantity.AIR_TEMPERATURE, 40002),
        _tenths("return_humidity", Quantity.RELATIVE_HUMIDITY, 40003),
        _tenths("supply_temperature", Quantity.AIR_TEMPERATURE, 40004),
        _whole("on", Quantity.STATUS, 40006),
        _whole("fan", Quantity.STATUS, 40007),
        _whole("cooling_stage_1", Quantity.STATUS, 40008),
        _whole("cooling_stage_2", Quantity.STATUS, 40009),
        _whole("heating", Quantity.STATUS, 40010),
        _whole("heating_stage_2", Quantity.STATUS, 40011),
        _whole("humidifying", Quantity.STATUS, 40012),
        _whole("dehumidifying", Quantity.STATUS, 40013),
        _whole("cooling", Quantity.SHARE, 40014),
        _tenths(
            "temperature_setpoint",
            Quantity.AIR_TEMPERATURE,
            40016,
            Write(low=5, high=40, function=6, register=40349 - FIRST_REFERENCE),
        ),
        _tenths(
            "humidity_setpoint",
            Quantity.RELATIVE_HUMIDITY,
            40017,
            Write(low=20, high=80, function=6, register=40350 - FIRST_REFERENCE),
        ),
        _whole("alarm", Quantity.STATUS, 40022),
        _whole("alarm_bits", Quantity.STATUS, 40289),
    )
)

SPEC = DriverSpec(
    kind="liebert-pac",
    family="plant",
    link="modbus-tcp",
    products=("Liebert precision air conditioner with C10 controller and IntelliSlot card",),
    source="Liebert IntelliSlot Modbus/BACnet user manual, table 31",
    build=partial(build, registers=MAP),
    map=MAP,
)
