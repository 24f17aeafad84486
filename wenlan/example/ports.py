"""Ports for an example library that must start wherever it is tried."""

import re
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

_PORT = re.compile(r"\$\{(WENLAN_[A-Z0-9_]*PORT):-(\d+)\}")

FREE_CHOICE = "broker: mqtt://127.0.0.1:${WENLAN_BROKER_PORT:-1883}"


def free(port: int, taken: set[int] | None = None) -> int:
    """Give `port` when nobody listens there on loopback, else one that the system chooses."""
    for candidate in (port, 0, 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", candidate))
            except OSError:
                continue
            found = int(probe.getsockname()[1])
            if found not in (taken or set()):
                return found
    raise OSError("no free port on loopback")


class PortError(Exception):
    """A port that cannot be another is taken; says what to do."""


def demand_free(port: int, what: str) -> None:
    """Raise PortError when somebody listens on a port of this machine already."""
    if free(port) != port:
        raise PortError(
            f"{what}, and port {port}, where it should listen, is taken by another program. End"
            f" that one, or leave the choice to the example: write {FREE_CHOICE} in the site file,"
            " and unset WENLAN_BROKER_PORT."
        )


def for_site(
    path: Path,
    environment: Mapping[str, str],
    say: Callable[[str], None] = lambda _: None,
    *,
    usual: bool,
) -> dict[str, str]:
    """Choose a free port for every `${WENLAN_…PORT:-n}` that the environment leaves open.

    `usual` prefers the file's own; else any will do, and two libraries never meet.
    """
    chosen: dict[str, str] = {}
    taken: set[int] = set()
    for name, default in _PORT.findall(path.read_text(encoding="utf-8")):
        if name not in environment and name not in chosen:
            port = free(int(default) if usual else 0, taken)
            taken.add(port)
            chosen[name] = str(port)
            if usual and port != int(default):
                say(f"Port {default} is taken by another program: {name} is {port}.")
    return chosen
