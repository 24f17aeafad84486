"""What a process is given by the machine it runs on.

Whatever waits, opens, draws lots or asks a clock is handed in from here; a proof hands in a host
whose clock runs wrong or whose disk fails.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

from config.broker import Broker
from runtime.clock import Clock, system_clock
from runtime.database import Connect, connect
from runtime.folder import Folder, SystemFolder
from runtime.mqtt.client import Io
from runtime.mqtt.connect import Connect as ConnectToBroker
from runtime.mqtt.connect import connect_to

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
OpenConnection: TypeAlias = Callable[[str, int], Awaitable[Streams]]
"""Connects to host and port; raises OSError."""


@dataclass(frozen=True, slots=True)
class Host:
    """Clock, chance, disk, threads and network of one process."""

    clock: Clock
    random: Random
    """Jitter and the like; nothing that somebody must not guess."""
    secret: Callable[[int], bytes]
    """Gives as many bytes as nobody can guess."""
    connect: Connect
    folder: Callable[[Path], Folder]
    threads: Callable[[str, int], Executor]
    """Makes an executor of so many threads with this name; whoever gets it ends it."""
    open_connection: OpenConnection
    brokers: Callable[[Broker], ConnectToBroker]
    """Gives what connects to the brokers that a site file names."""
    block: Callable[[float], None]
    """Lets a thread of an executor rest; never the loop."""
    boot: str
    """The kernel's boot id: with the same one, the monotonic clock went on. Empty: not known."""

    def mqtt(self, broker: Broker) -> Io:
        """Give what a client of these brokers needs."""
        clock = self.clock
        return Io(self.brokers(broker), clock.sleep, clock.monotonic, self.random)

    def new_id(self) -> str:
        """Give an id that nobody else ever gives."""
        return self.secret(16).hex()


def system_host() -> Host:
    """Give this machine."""
    return Host(
        system_clock(),
        Random(),  # noqa: S311 - jitter
        secrets.token_bytes,
        connect,
        SystemFolder,
        _threads,
        asyncio.open_connection,
        connect_to,
        time.sleep,
        _boot(),
    )


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux: what goes on over a restart is judged by the wall clock
        return ""


def _threads(name: str, count: int) -> Executor:
    return ThreadPoolExecutor(count, thread_name_prefix=name)
