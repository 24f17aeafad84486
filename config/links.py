"""Wires and what hangs on them."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from config.base import (
    Id,
    Length,
    Model,
    Name,
    Number,
    Period,
    Positive,
    Timeout,
    Whole,
    Wrong,
    Zone,
    refuse,
)
from config.broker import Broker
from config.hosts import HostName
from config.registers import SharedMap

CUSTOM = "custom"
"""The model whose map stands in the site file."""
FIRST_RESERVED, LAST_RESERVED = 248, 254
"""Units (Modbus over serial line V1.02, 2.2). A server that is the device itself may be 255."""


class Device(Model):
    """What every device has. `model` names a model of the catalogue."""

    id: Id
    model: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    space: Id | None = None
    name: Name | None = None
    period: Period = Field(default="2s", validate_default=True)


class ModbusDevice(Device):
    """A device behind a Modbus unit id. `map` stands in for the catalogue's, for model `custom`."""

    unit: Whole = Field(default=1, ge=0, le=255)
    map: SharedMap = None
    safe: dict[str, Number] = Field(
        default_factory=dict, description="by point: what the edge puts back when a lease ends"
    )

    @model_validator(mode="after")
    def _one_map(self) -> Self:
        refuse(self._wrongs())
        return self

    def _wrongs(self) -> Iterator[Wrong]:
        if self.model == CUSTOM and self.map is None:
            yield Wrong(("model",), f"model {CUSTOM} knows no registers; add map with its points")
        if FIRST_RESERVED <= self.unit <= LAST_RESERVED:
            what = f"unit {self.unit} is reserved by Modbus; give 1 to 247, or 255 for the server"
            yield Wrong(("unit",), f"{what} itself")


class ModbusTcp(Model):
    """A Modbus TCP server: one device, or a gateway with several behind it."""

    kind: Literal["modbus-tcp"]
    id: Id
    host: HostName
    port: Whole = Field(default=502, ge=1, le=65535)
    timeout: Timeout = Field(default="1s", validate_default=True)
    pause: Length = Field(
        default="0ms", validate_default=True, description="silence between two requests"
    )
    devices: tuple[ModbusDevice, ...] = Field(min_length=1)


class TagReaderDevice(Device):
    """An RFID reader. The two AFI values are the site's (ISO 28560-2: 0x07 and 0xC2)."""

    address: Whole = Field(default=0xFF, ge=0, le=0xFF, description="0xFF addresses any reader")
    afi_secured: Whole = Field(default=0x07, ge=0, le=0xFF)
    afi_released: Whole = Field(default=0xC2, ge=0, le=0xFF)


def _device_file(path: str) -> str:
    if not path.strip() or path != path.strip():
        raise ValueError("is empty, or has a space around it; give a device file, as /dev/ttyUSB0")
    return path


DeviceFile = Annotated[str, AfterValidator(_device_file)]


class SerialReader(Model):
    """A serial line with one RFID reader (FEIG OBID ISO host mode: 38400 8E1 from the factory)."""

    kind: Literal["feig-serial"]
    id: Id
    port: DeviceFile
    baud: Whole = Field(default=38_400, ge=300, le=4_000_000)
    parity: Literal["N", "E", "O"] = "E"
    timeout: Timeout = Field(default="500ms", validate_default=True)
    devices: tuple[TagReaderDevice, ...] = Field(min_length=1, max_length=1)


def _field_text(text: str) -> str:
    # The text may be a password: it is not repeated.
    if any(sign < " " or sign == "|" for sign in text):
        raise ValueError("has a | or a control character, which ends a field of SIP2; change it")
    return text


FieldText = Annotated[str, StringConstraints(max_length=255), AfterValidator(_field_text)]
"""A text in a message of SIP2."""


class LibrarySystem(Device):
    """The library system as a kiosk sees it."""

    institution: FieldText = ""
    location: FieldText = ""
    login: FieldText = Field(default="", repr=False)
    password: FieldText = Field(default="", repr=False)
    terminal_password: FieldText = Field(default="", repr=False)
    timezone: Zone | None = Field(
        default=None, description="dates go out in this zone's local time; without it in UTC"
    )


def _encoding(name: str) -> str:
    try:
        keeps = "|AO1\r".encode(name) == b"|AO1\r"
    except (LookupError, ValueError):
        keeps = False
    if not keeps:
        raise ValueError("is no encoding in which SIP2 can be spoken; write utf-8, gb18030 …")
    return name


class Sip2(Model):
    """A TCP connection that speaks SIP2 (3M SIP 2.00)."""

    kind: Literal["sip2"]
    id: Id
    host: HostName
    port: Whole = Field(default=6001, ge=1, le=65535)
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    terminator: Literal["CR", "CRLF"] = "CR"
    error_detection: Literal["strict", "report", "off"] = "strict"
    obey_status_flags: bool = Field(
        default=True, description="whether 98's checkin/checkout N stops the kiosk"
    )
    timeout: Timeout = Field(default="5s", validate_default=True)
    retries: Whole = Field(default=2, ge=0, le=9)
    devices: tuple[LibrarySystem, ...] = Field(min_length=1, max_length=1)


def _level(text: str) -> str:
    if not text.strip() or set(text) & set("/+#") or any(sign < " " for sign in text):
        raise ValueError("is a level of MQTT topics: write something, without /, + and #")
    return text


Level = Annotated[str, StringConstraints(max_length=100), AfterValidator(_level)]


class Robot(Device):
    """A VDA 5050 vehicle."""

    manufacturer: Level
    serial: Level
    silent_after: Positive = Field(
        default="35s", validate_default=True, description="a state is due at least every 30 s"
    )


class Vda5050(Model):
    """A broker on which vehicles speak VDA 5050."""

    kind: Literal["vda5050"]
    id: Id
    broker: Broker
    interface: Level = "uagv"
    version: Literal["2.0.0", "2.1.0"] = "2.1.0"
    devices: tuple[Robot, ...] = Field(min_length=1)


Link = Annotated[ModbusTcp | SerialReader | Sip2 | Vda5050, Field(discriminator="kind")]
