"""Processes that a benchmark runs beside itself, and what they use."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wenlan.example import nats

LONGEST_START = 10.0
"""Seconds."""


@dataclass(slots=True)
class Usage:
    """CPU seconds and resident bytes of a process."""

    cpu: float
    resident: int

    @staticmethod
    def of(pid: int) -> "Usage":
        """Read both from the kernel."""
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        tick = os.sysconf("SC_CLK_TCK")
        pages = int(fields[21])
        return Usage((int(fields[11]) + int(fields[12])) / tick, pages * os.sysconf("SC_PAGE_SIZE"))


@contextmanager
def running(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process for the length of the block."""
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextmanager
def running_broker(folder: Path, port: int) -> Iterator[None]:
    """Run the embedded broker for the length of the block, which begins when it listens."""
    settings = nats.configure(folder, port)
    with running(str(nats.program()), "-c", str(settings)):
        until = time.monotonic() + LONGEST_START
        while not _listens(port):
            if time.monotonic() > until:
                raise TimeoutError(f"no broker listens on {port}")
            time.sleep(0.01)
        yield


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0):
            return True
    except OSError:
        return False
