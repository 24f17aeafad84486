"""XY-MD02 temperature and humidity transmitter (SHT20, SHT40) and its many namesakes."""

from functools import partial

from config.registers import RegisterMap, RegisterPoint, Table, WordType
from contracts.quantities import Quantity
from drivers.register_device import build
from drivers.spec import DriverSpec

MAP = RegisterMap(
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

SPEC = DriverSpec(
    kind="xy-md02",
    family="climate",
    link="modbus-tcp",
    products=("XY-MD02", "SHT20 Modbus transmitter", "SHT40 Modbus transmitter"),
    source="XY-MD02 data sheet, Modbus protocol: function 04, registers 0x0001 and 0x0002",
    build=partial(build, registers=MAP),
    map=MAP,
)
