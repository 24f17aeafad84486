"""A device model, as `drivers.registry` describes it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from config.links import Device
from config.registers import RegisterMap
from runtime.clock import Clock

Family = Literal["climate", "plant", "gate", "kiosk", "robot", "other"]


@dataclass(frozen=True, slots=True)
class DriverSpec:
    """One device model.

    `build(device, link, clock)` gives a driver with the capabilities it can offer; `link` is the
    open link object of `drivers.links` for the link kind in `link`.
    """

    kind: str
    """The name by which site files call it."""
    family: Family
    link: Literal["modbus-tcp", "feig-serial", "sip2", "vda5050"]
    products: tuple[str, ...]
    source: str
    """Manual and page."""
    build: Callable[[Device, Any, Clock], object]
    map: RegisterMap | None = None
    actions: tuple[str, ...] = ()
