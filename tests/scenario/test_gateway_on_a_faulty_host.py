"""A real gateway process whose disk fails and is well again, switched from outside."""

import asyncio
import json
import os
import signal
import sys
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from contracts.codec import encode
from contracts.messages import Presence
from contracts.topics import of_edge
from tests.broker import Broker, free_port
from tests.conftest import ROOT
from wenlan.proofs.disk_faults import Faults
from wenlan.proofs.faulty_host import Troubles, switch

SITE = """
site: small
name: {en: Small, zh: 小}
timezone: Asia/Shanghai
broker: %s
spaces:
  - {id: vault, kind: vault, name: {en: Vault, zh: 库}}
edges:
  - id: stacks
    links:
      - kind: modbus-tcp
        id: bus
        host: 127.0.0.1
        devices: [{id: probe, model: xy-md02, unit: 1, space: vault}]
"""


class Gateway:
    """One process, its control file, and its log."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.control = folder / "control"
        self._log = folder / "log"
        self._port = free_port()
        site = folder / "site.yaml"
        site.write_text(SITE % broker.url, encoding="utf-8")
        self._words = [
            sys.executable, "-m", "wenlan.proofs.faulty_host", str(self.control),
            "gateway", "--site", str(site), "--data", str(folder / "data"),
            "--port", str(self._port),
        ]  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._words, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield
        finally:
            if process.returncode is None:
                os.kill(process.pid, signal.SIGKILL)
            await process.wait()

    async def online(self) -> bool | None:
        """Say whether it shows the edge as online; None when nobody answers."""
        try:
            edges = await asyncio.to_thread(self._get)
        except OSError:
            return None
        return [one["online"] for one in edges] == [True]

    def _get(self) -> Any:
        address = f"http://127.0.0.1:{self._port}/api/v1/edges"
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)


async def until(true: Callable[[], Any], within: float = 15.0) -> None:
    async with asyncio.timeout(within):
        while True:
            found = true()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.05)


def presence(*, online: bool) -> bytes:
    return encode(Presence("stacks", online=online, at=0, stream="s"))


TROUBLES = [Faults(full=True), Faults(write_error=1.0), Faults(sync_error=1.0)]


@pytest.mark.parametrize("faults", TROUBLES, ids=["full", "write", "sync"])
def test_a_gateway_says_once_that_its_disk_fails_and_goes_on_when_it_is_well(
    faults: Faults, tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            gateway = Gateway(tmp_path, broker)
            async with (
                gateway.running(),
                aiomqtt.Client("127.0.0.1", broker.port, identifier="stacks") as client,
            ):

                async def answers() -> bool:
                    return await gateway.online() is not None

                await until(answers)
                topic = of_edge("small", "stacks").state
                await client.publish(topic, presence(online=True), qos=1, retain=True)
                await until(gateway.online)
                switch(gateway.control, Troubles(faults))
                await client.publish(topic, presence(online=False), qos=1, retain=True)
                await until(lambda: "cannot be written" in gateway.log)
                await asyncio.sleep(1.0)
                assert await gateway.online(), "what is not on disk is not shown"
                assert gateway.log.count("cannot be written") == 1
                gateway.control.unlink()

                async def gone() -> bool:
                    return await gateway.online() is False

                await until(gone)
                assert "can be written again" in gateway.log

    play(story(), within=60)


def test_a_gateway_killed_on_a_full_disk_starts_again_where_it_was(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        with Broker(tmp_path) as broker:
            gateway = Gateway(tmp_path, broker)
            async with aiomqtt.Client("127.0.0.1", broker.port, identifier="stacks") as client:
                topic = of_edge("small", "stacks").state
                await client.publish(topic, presence(online=True), qos=1, retain=True)
                async with gateway.running():
                    await until(gateway.online)
                    switch(gateway.control, Troubles(Faults(full=True)))
                    await client.publish(topic, presence(online=False), qos=1, retain=True)
                    await until(lambda: "cannot be written" in gateway.log)

                async def gone() -> bool:
                    return await gateway.online() is False

                async with gateway.running():
                    await until(gateway.online)
                    gateway.control.unlink()
                    await until(gone)

    play(story(), within=60)
