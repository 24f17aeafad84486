"""A library of separate processes for one test: real broker, real sockets, its own folder."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from runtime.database import connect
from wenlan.example.library import Library, open_house, prepare
from wenlan.example.processes import Supervisor
from wenlan.process import now

QUIET: Callable[[str], None] = lambda _: None  # noqa: E731 - a name for print's opposite

PROBES = """
site: test-library
name: {{en: Test library, zh: 测试馆}}
timezone: Asia/Shanghai
broker: mqtt://127.0.0.1:${{WENLAN_BROKER_PORT:-18830}}
spaces:
  - id: vault
    kind: vault
    name: {{en: Vault, zh: 书库}}
    limits:
      - {{quantity: air_temperature, low: 16, high: 22, deadband: 0.3, delay: {delay}}}
      - {{quantity: relative_humidity, low: 45, high: 60, deadband: 1.5, delay: {delay}}}
edges:
  - id: stacks
    links:
      - kind: modbus-tcp
        id: bus
        host: 127.0.0.1
        port: ${{WENLAN_VAULT_BUS_PORT:-15020}}
        timeout: 300ms
        devices:
{devices}
"""


def probes_site(folder: Path, count: int, period: str, delay: str = "15min") -> Path:
    """Write a site of `count` T/RH probes behind one Modbus address."""
    devices = "\n".join(
        f"          - {{id: probe-{n}, model: xy-md02, unit: {n}, space: vault, period: {period}}}"
        for n in range(1, count + 1)
    )
    path = folder / "site.yaml"
    path.write_text(PROBES.format(devices=devices, delay=delay), encoding="utf-8")
    return path


@contextlib.asynccontextmanager
async def open_library(
    site: Path, data: Path, *simulate: str, opened: bool = True
) -> AsyncIterator[tuple[Library, Supervisor, asyncio.TaskGroup]]:
    """Run a library for the length of the block; its processes are ended by their ids."""
    library = prepare(site, data, 0)
    supervisor = Supervisor(library.data, now, QUIET)
    async with asyncio.TaskGroup() as group:
        try:
            if opened:
                await open_house(library, supervisor, group, *simulate)
            yield library, supervisor, group
        finally:
            await supervisor.end_all()


def rows(data: Path, query: str, parameters: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
    """Ask the store, read-only."""
    with closing(connect(data / "store.sqlite3", read_only=True)) as store:
        return store.execute(query, tuple(parameters)).fetchall()
