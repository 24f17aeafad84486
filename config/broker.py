"""Where the broker is."""

from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator


class BrokerAddress(NamedTuple):
    """A broker's address, taken apart."""

    host: str
    port: int
    tls: bool
    username: str | None
    password: str | None


def broker_address(url: str) -> BrokerAddress:
    """Take `mqtt://[user[:password]@]host[:port]` or `mqtts://…` apart; raise ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(f"{url!r} is not a broker's address; write mqtt://host:1883 or mqtts://…")
    tls = parts.scheme == "mqtts"
    return BrokerAddress(
        parts.hostname,
        parts.port or (8883 if tls else 1883),
        tls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def _checked(url: str) -> str:
    broker_address(url)
    return url


BrokerUrl = Annotated[str, AfterValidator(_checked)]
