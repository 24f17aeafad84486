"""Where the brokers are, and what is shown to them."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import unquote

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from config.base import Model
from config.hosts import host_fault

PORTS = {"mqtt": 1883, "mqtts": 8883}
MOST_BROKERS = 8
FOLDER = "folder"
"""Key of the validation context: the folder of the site file, from which paths are read."""

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%a-z]+\]|[^\[\]:/?#@\s]+)(?::(?P<port>[0-9]+))?/?")


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """One broker's address, taken apart. As text it is host and port, and never a password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def broker_address(url: str) -> BrokerAddress:
    """Take `mqtt://[user[:password]@]host[:port]` or `mqtts://…` apart; raise ValueError.

    What stands before the last `@` is user and password, whatever signs it has; `%` begins an
    escape, as `%25`. No message repeats any of it: what was taken for the host may be a password.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in PORTS:
        raise ValueError(
            "is not a broker's address; write mqtt://host:1883, or mqtts://host:8883 for TLS"
        )
    credentials, at, place = rest.rpartition("@")
    match = _ADDRESS.fullmatch(place)
    if match is None:
        raise ValueError(
            f"is not a broker's address; write {scheme}://host:{PORTS[scheme]}, with user:password@"
            " before the host where the broker asks for them"
        )
    if fault := host_fault(match["host"].strip("[]")):
        raise ValueError(f"the host of a broker's address {fault}")
    port = int(match["port"] or PORTS[scheme]) if len(match["port"] or "") < 9 else 0
    if not 0 < port < 2**16:
        raise ValueError(
            "the port of a broker's address is out of range; write one from 1 to 65535"
        )
    user, colon, password = credentials.partition(":")
    if at and not user:
        raise ValueError("a broker's address with an @ names a user before it")
    return BrokerAddress(
        match["host"].strip("[]"),
        port,
        scheme == "mqtts",
        unquote(user) if at else None,
        unquote(password) if colon else None,
    )


def _checked(url: Any) -> Any:
    if not isinstance(url, str):
        raise ValueError("is not text; write mqtt://host:1883")  # noqa: TRY004 - pydantic's way
    broker_address(url)
    return url


BrokerUrl = Annotated[str, BeforeValidator(_checked)]


class Broker(Model):
    """The brokers of a site or of a link, and what TLS needs.

    In a file it may be one URL, a list of them, or a mapping with `url`, `ca`, `cert` and `key`.
    """

    url: tuple[BrokerUrl, ...] = Field(min_length=1, max_length=MOST_BROKERS, repr=False)
    ca: Path | None = Field(
        default=None, description="PEM file of the authority that signed the brokers' certificates"
    )
    cert: Path | None = Field(default=None, description="PEM file of our own certificate")
    key: Path | None = Field(default=None, description="PEM file of its key, if not in `cert`")

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if isinstance(given, str | list | tuple):
            given = {"url": given}
        if isinstance(given, dict) and isinstance(given.get("url"), str):
            given = {**given, "url": [given["url"]]}
        return given

    @field_validator("ca", "cert", "key")
    @classmethod
    def _beside_the_file(cls, path: Path | None, info: ValidationInfo) -> Path | None:
        folder = (info.context or {}).get(FOLDER)
        return path if path is None or folder is None else Path(folder) / path

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        places = [(one.host, one.port) for one in self.addresses]
        if len(set(places)) < len(places):
            raise ValueError("the same broker is named twice; remove one")
        if self.key is not None and self.cert is None:
            raise ValueError("key without cert; add the certificate that it belongs to")
        if (self.ca or self.cert) and not any(one.tls for one in self.addresses):
            raise ValueError("ca and cert are for TLS; write mqtts:// in the url, or remove them")
        return self

    @property
    def addresses(self) -> tuple[BrokerAddress, ...]:
        """Give every broker's address, in the file's order."""
        return tuple(broker_address(url) for url in self.url)
