"""Vaisala HMP-series humidity and temperature probes."""

from functools import partial

from config.registers import ByteOrder, RegisterMap, RegisterPoint, Table, WordType
from contracts.quantities import Quantity
from drivers.register_device import build
from drivers.spec import DriverSpec

# Floats come with the least significant word first; a value that is not there is a quiet NaN.
MAP = RegisterMap(
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

SPEC = DriverSpec(
    kind="vaisala-hmp",
    family="climate",
    link="modbus-tcp",
    products=("Vaisala HMP1", "HMP3", "HMP4", "HMP5", "HMP7", "HMP8", "HMP9", "TMP1"),
    source="Vaisala M212022EN, Modbus registers: 0x0000 RH, 0x0002 T, 0x0200 fault status",
    build=partial(build, registers=MAP),
    map=MAP,
)
