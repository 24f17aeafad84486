"""Processes that a benchmark runs beside itself, and what they use."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wenlan.example import nats
from wenlan.example.ports import free


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
def running_broker(folder: Path) -> Iterator[int]:
    """Run the embedded broker for the length of the block; give its port."""
    port = free(0)
    settings = nats.configure(folder, port)
    with running(str(nats.program()), "-c", str(settings)):
        time.sleep(1.0)
        yield port
