"""Any Modbus device whose register map stands in the site file."""

from drivers.register_device import build
from drivers.spec import DriverSpec

SPEC = DriverSpec(
    kind="custom",
    family="other",
    link="modbus-tcp",
    products=("Any Modbus device; `map` in the site file says what it has",),
    source="The device's own manual",
    build=build,
)
