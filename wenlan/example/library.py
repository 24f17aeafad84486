"""A whole library on one machine: which processes, with which files and ports."""

import asyncio
import json
import os
import secrets
import shutil
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.site import Site
from wenlan.example import nats
from wenlan.example.ports import for_site, free
from wenlan.example.processes import Part, Supervisor, until
from wenlan.example.site import ENVIRONMENT
from wenlan.site_rules import load_checked_site


@dataclass(frozen=True, slots=True)
class House:
    """What the processes of one library are told."""

    site: Site
    site_path: Path
    data: Path
    http_port: int
    broker_port: int
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """Where the console is."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def control_port(self) -> int:
        """Where the simulators take orders."""
        return int(self.environment["WENLAN_CONTROL_PORT"])

    def broker(self) -> Part:
        """Give the embedded broker, configured."""
        settings = nats.configure(self.data / "broker", self.broker_port)
        return Part("broker", [str(nats.program()), "-c", str(settings)])

    def part(self, name: str, *arguments: str) -> Part:
        """Give a process of Wenlan by its subcommand's words."""
        common = ["--site", str(self.site_path), "--data", str(self.data)]
        argv = [sys.executable, "-m", "wenlan", *arguments, *common]
        return Part(name, argv, self.environment)

    def gateway(self) -> Part:
        """Give the gateway."""
        return self.part("gateway", "gateway", "--port", str(self.http_port))

    def edges(self) -> list[Part]:
        """Give every edge of the site."""
        return [self.part(f"edge-{edge.id}", "edge", edge.id) for edge in self.site.edges]

    def simulate(self, *arguments: str) -> Part:
        """Give the devices."""
        return self.part("simulate", "simulate", *arguments)

    async def get(self, path: str) -> Any:
        """Ask the gateway's REST interface; None when nobody answers."""
        return await asyncio.to_thread(self._get, path)

    def _get(self, path: str) -> Any:
        try:
            with urllib.request.urlopen(f"{self.address}{path}", timeout=5) as answer:  # noqa: S310 - http, ours
                return json.load(answer)
        except (OSError, urllib.error.URLError, ValueError):
            return None


def prepare(site_path: Path, data: Path, http_port: int) -> House:
    """Choose ports, begin a new data folder (the one before is kept), and read the site.

    With `http_port` 0 every port is one that the system chooses.
    """
    data = data.resolve()
    if data.exists():
        previous = data.with_name(f"{data.name}.previous")
        shutil.rmtree(previous, ignore_errors=True)
        data.rename(previous)
    data.mkdir(parents=True)
    environment = for_site(site_path, os.environ, usual=http_port != 0)
    environment["WENLAN_PAD"] = str(data / "pad-1")
    environment["WENLAN_SIP2_LOGIN"] = "kiosk"
    environment["WENLAN_SIP2_PASSWORD"] = secrets.token_urlsafe(12)
    port = free(http_port)
    environment["WENLAN_GATEWAY_URL"] = f"http://127.0.0.1:{port}"
    environment["WENLAN_CONTROL_PORT"] = str(free(0))
    shared = {key: value for key, value in environment.items() if "PASSWORD" not in key}
    (data / ENVIRONMENT).write_text(json.dumps(shared, indent=2), encoding="utf-8")
    site = load_checked_site(site_path, {**os.environ, **environment}).site
    broker_port = int(
        environment.get("WENLAN_BROKER_PORT") or os.environ.get("WENLAN_BROKER_PORT", "1883")
    )
    return House(site, site_path.resolve(), data, port, broker_port, environment)


async def open_house(
    house: House, supervisor: Supervisor, group: asyncio.TaskGroup, *simulate: str
) -> None:
    """Start everything in order; raise TimeoutError naming the part that does not come up."""
    supervisor.keep(group, house.broker())

    async def broker_listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", house.broker_port)
        except OSError:
            return False
        writer.close()
        return True

    await until(broker_listens, 20, "the broker takes connections")
    supervisor.say(f"  broker     mqtt://127.0.0.1:{house.broker_port}")
    supervisor.keep(group, house.simulate(*simulate))
    supervisor.say(f"  devices    {sum(1 for _ in house.site.devices())} on real sockets and lines")
    supervisor.keep(group, house.gateway())

    async def gateway_answers() -> bool:
        return await house.get("/api/v1/health") is not None

    await until(gateway_answers, 30, "the gateway answers")
    supervisor.say("  gateway    answers")
    for part in house.edges():
        supervisor.keep(group, part)

    async def edges_are_online() -> bool:
        edges = await house.get("/api/v1/edges") or []
        online = {one["id"] for one in edges if one.get("online")}
        return online >= {edge.id for edge in house.site.edges}

    await until(edges_are_online, 30, "every edge is online")
    supervisor.say(f"  edges      {', '.join(edge.id for edge in house.site.edges)} online")
