"""Wires and what hangs on them."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.base import Id, Length, Model, Name, Positive, Wrong, Zone, refuse
from config.broker import Broker
from config.registers import RegisterMap

CUSTOM = "custom"
"""The model whose map stands in the site file."""


class Device(Model):
    """What every device has. `model` names a model of the catalogue."""

    id: Id
    model: str
    space: Id | None = None
    name: Name | None = None
    period: Positive = Field(default="2s", validate_default=True)


class ModbusDevice(Device):
    """A device behind a Modbus unit id. `map` replaces the catalogue's, for model `custom`."""

    unit: int = Field(default=1, ge=0, le=255)
    map: RegisterMap | None = None
    safe: dict[str, float] = Field(
        default_factory=dict, description="by point: what the edge puts back when a lease ends"
    )

    @model_validator(mode="after")
    def _one_map(self) -> Self:
        refuse(self._wrongs())
        return self

    def _wrongs(self) -> Iterator[Wrong]:
        if self.model == CUSTOM and self.map is None:
            yield Wrong(("model",), f"model {CUSTOM} knows no registers; add map with its points")
        if self.model != CUSTOM and self.map is not None:
            what = f"model {self.model} has a map of its own; remove this, or make it {CUSTOM}"
            yield Wrong(("map",), what)


class ModbusTcp(Model):
    """A Modbus TCP server: one device, or a gateway with several behind it."""

    kind: Literal["modbus-tcp"]
    id: Id
    host: str
    port: int = Field(default=502, ge=1, le=65535)
    timeout: Positive = Field(default="1s", validate_default=True)
    pause: Length = Field(
        default="0ms", validate_default=True, description="silence between two requests"
    )
    devices: tuple[ModbusDevice, ...] = Field(min_length=1)


class TagReaderDevice(Device):
    """An RFID reader. The two AFI values are the site's (ISO 28560-2: 0x07 and 0xC2)."""

    address: int = Field(default=0xFF, ge=0, le=0xFF, description="0xFF addresses any reader")
    afi_secured: int = Field(default=0x07, ge=0, le=0xFF)
    afi_released: int = Field(default=0xC2, ge=0, le=0xFF)


class SerialReader(Model):
    """A serial line with one RFID reader (FEIG OBID ISO host mode: 38400 8E1 from the factory)."""

    kind: Literal["feig-serial"]
    id: Id
    port: str
    baud: int = 38_400
    parity: Literal["N", "E", "O"] = "E"
    timeout: Positive = Field(default="500ms", validate_default=True)
    devices: tuple[TagReaderDevice, ...] = Field(min_length=1, max_length=1)


class LibrarySystem(Device):
    """The library system as a kiosk sees it."""

    institution: str = ""
    location: str = ""
    login: str = ""
    password: str = ""
    terminal_password: str = ""
    timezone: Zone | None = Field(
        default=None, description="dates go out in this zone's local time; without it in UTC"
    )


class Sip2(Model):
    """A TCP connection that speaks SIP2 (3M SIP 2.00)."""

    kind: Literal["sip2"]
    id: Id
    host: str
    port: int = Field(default=6001, ge=1, le=65535)
    encoding: str = "utf-8"
    terminator: Literal["CR", "CRLF"] = "CR"
    error_detection: Literal["strict", "report", "off"] = "strict"
    obey_status_flags: bool = Field(
        default=True, description="whether 98's checkin/checkout N stops the kiosk"
    )
    timeout: Positive = Field(default="5s", validate_default=True)
    retries: int = Field(default=2, ge=0, le=9)
    devices: tuple[LibrarySystem, ...] = Field(min_length=1, max_length=1)


class Robot(Device):
    """A VDA 5050 vehicle."""

    manufacturer: str
    serial: str
    silent_after: Positive = Field(
        default="35s", validate_default=True, description="a state is due at least every 30 s"
    )


class Vda5050(Model):
    """A broker on which vehicles speak VDA 5050."""

    kind: Literal["vda5050"]
    id: Id
    broker: Broker
    interface: str = "uagv"
    version: Literal["2.0.0", "2.1.0"] = "2.1.0"
    devices: tuple[Robot, ...] = Field(min_length=1)


Link = Annotated[ModbusTcp | SerialReader | Sip2 | Vda5050, Field(discriminator="kind")]
