"""The embedded broker: one port, and no limit on who listens."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiomqtt

from tests.broker import Broker
from tests.scenario.acker import until

Play = Callable[..., Any]
LISTENING = "0A"


def sockets_of(pid: int) -> set[str]:
    """Give the inodes of a process's sockets."""
    names = []
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the look itself opens one
            names.append(str(descriptor.readlink()))
    return {name[8:-1] for name in names if name.startswith("socket:")}


def listening(pid: int) -> Iterator[tuple[str, int]]:
    """Give address and port of every TCP socket that a process listens on."""
    inodes = sockets_of(pid)
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == LISTENING and inode in inodes:
                address, port = local.split(":")
                raw = bytes.fromhex(address)
                words = b"".join(raw[i : i + 4][::-1] for i in range(0, len(raw), 4))
                family = socket.AF_INET if len(words) == 4 else socket.AF_INET6
                yield socket.inet_ntop(family, words), int(port, 16)


def unconnected(pid: int) -> Iterator[str]:
    """Give every UDP socket of a process that takes packets from anybody."""
    inodes = sockets_of(pid)
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            _, local, remote, *_ = line.split()
            if line.split()[9] in inodes and int(remote.split(":")[1], 16) == 0:
                yield local


def test_nothing_but_mqtt_on_loopback_is_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        assert own.getsockname() in set(listening(os.getpid()))  # the look itself is right
    with Broker(tmp_path) as broker:
        assert set(listening(broker.pid)) == {("127.0.0.1", broker.port)}
        assert list(unconnected(broker.pid)) == []
        broker.kill()
        broker.start()
        assert set(listening(broker.pid)) == {("127.0.0.1", broker.port)}


def test_more_subscriptions_than_a_stream_has_consumers_by_default(
    tmp_path: Path, play: Play
) -> None:
    async def subscribe(port: int, who: int) -> int:
        client = aiomqtt.Client("127.0.0.1", port, identifier=f"many-{who}", timeout=60)
        async with client:
            topics = [(f"many/{who}/{one}", 1) for one in range(600)]
            granted = await client.subscribe(topics)
            both.add(who)
            await until(lambda: len(both) == 2)
            return sum(getattr(code, "value", code) == 1 for code in granted)

    both: set[int] = set()

    async def story() -> list[int]:
        with Broker(tmp_path) as broker:
            return await asyncio.gather(*(subscribe(broker.port, who) for who in (1, 2)))

    assert play(story(), within=90) == [600, 600]
