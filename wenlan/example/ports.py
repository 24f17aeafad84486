"""Ports for an example library that must start wherever it is tried."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

_PORT = re.compile(r"\$\{(WENLAN_[A-Z0-9_]*PORT):-(\d+)\}")


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


def for_site(path: Path, environment: Mapping[str, str], *, usual: bool) -> dict[str, str]:
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
    return chosen
