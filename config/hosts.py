"""Names and addresses of machines, as they stand in a site file."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator

LONGEST = 253
_WRITTEN = (
    (re.compile(r"\s*"), "is empty; give a name or an address"),
    (re.compile(r".*\s.*", re.DOTALL), "has a space in it; remove it"),
    (re.compile(r".*://.*"), "is a URL; give the name or address alone"),
    (
        re.compile(r".*[\[\]].*"),
        "has brackets; write an IPv6 address without them, and the port apart",
    ),
    (
        re.compile(r".*[/?#@,;\\\"'<>(){}|*\x00-\x1f].*"),
        "has a sign that no host's name has; give the name or address alone",
    ),
)


def host_fault(host: str) -> str | None:
    """Say what keeps a text from being a host's name or address; it is not repeated."""
    fault = next((what for form, what in _WRITTEN if form.fullmatch(host)), None)
    if fault is None and ":" in host and not _is_ipv6(host):
        return "has a colon in it; give the port apart, as port: 502"
    if fault is None and re.fullmatch(r"[0-9.]+", host):
        return _ipv4_fault(host)
    labels = host.removesuffix(".").split(".")
    if fault is None and (len(host) > LONGEST or not all(0 < len(one) <= 63 for one in labels)):
        return "is no host's name: a part of it is empty or too long; correct it"
    return fault


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def _ipv4_fault(host: str) -> str | None:
    try:
        address = ip_address(host)
    except ValueError:
        return "is no address; write four numbers of 0 to 255, without leading zeros"
    if address.is_unspecified or address.is_multicast or host == "255.255.255.255":
        return "is no single machine's address; give that of the device"
    return None


def _host(host: str) -> str:
    if fault := host_fault(host):
        raise ValueError(fault)
    return host


HostName = Annotated[str, AfterValidator(_host)]
"""The name or address of one machine, without port."""
