"""Advantech ADAM-6050 and 6051 modules counting the pulses of gates."""

from functools import partial

from config.registers import ByteOrder, RegisterMap, RegisterPoint, Table, WordType
from contracts.quantities import Quantity
from drivers.register_device import build
from drivers.spec import DriverSpec

CHANNELS = 8
"""Four gates with both directions; the rest of the module's inputs are left alone."""

# Counter n is 40001+2n (low word) and 40002+2n (high word).
MAP = RegisterMap(
    points=tuple(
        RegisterPoint(
            name=f"channel_{channel}",
            quantity=Quantity.CROSSINGS,
            table=Table.HOLDING,
            register=2 * channel,
            type=WordType.UINT32,
            order=ByteOrder.CDAB,
        )
        for channel in range(CHANNELS)
    )
)

SPEC = DriverSpec(
    kind="adam-6051",
    family="gate",
    link="modbus-tcp",
    products=("Advantech ADAM-6050", "ADAM-6050W", "ADAM-6051", "ADAM-6051W"),
    source="Advantech ADAM-6050W user manual, page 31: counters at 40001 and following",
    build=partial(build, registers=MAP),
    map=MAP,
)
