"""A whole library on one machine: which processes, with which files and ports."""

import asyncio
import json
import os
import secrets
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from config.site import Site
from wenlan.example import nats
from wenlan.example.folder import Claim, claim, demand_closed
from wenlan.example.ports import demand_free, for_site, free
from wenlan.example.processes import Part, Supervisor, until
from wenlan.example.site import ENVIRONMENT
from wenlan.site_rules import load_checked_site


@dataclass(frozen=True, slots=True)
class Library:
    """What the processes of one library are told."""

    site: Site
    site_path: Path
    data: Path
    http_port: int
    broker_port: int
    environment: dict[str, str] = field(default_factory=dict)
    claim: Claim | None = None
    """Holds the folder for as long as the library runs."""
    broker_ports: dict[str, int] = field(default_factory=dict)
    """For edges that reach the broker by another port than everybody."""
    controls: Mapping[str, Path] = field(default_factory=dict)
    """Files that switch the faults of a process's disk and clock, by its name."""

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
        entry = ["wenlan"]
        if name in self.controls:
            entry = ["wenlan.proofs.faulty_host", str(self.controls[name])]
        argv = [sys.executable, "-m", *entry, *arguments, *common]
        return Part(name, argv, self.environment)

    def gateway(self) -> Part:
        """Give the gateway."""
        return self.part("gateway", "gateway", "--port", str(self.http_port))

    def edges(self) -> list[Part]:
        """Give every edge of the site."""
        return [self._edge(edge.id) for edge in self.site.edges]

    def _edge(self, name: str) -> Part:
        part = self.part(f"edge-{name}", "edge", name)
        if name not in self.broker_ports:
            return part
        own = {"WENLAN_BROKER_PORT": str(self.broker_ports[name])}
        return replace(part, environment={**part.environment, **own})

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


def prepare(
    site_path: Path,
    data: Path,
    http_port: int,
    say: Callable[[str], None] = lambda _: None,
    *,
    keep: bool = False,
) -> Library:
    """Choose ports, read the site, and begin a building in `data` (with `keep`, go on with one).

    With `http_port` 0 every port is one that the system chooses. Raises ConfigError, FolderError,
    and PortError for a port that must be free and is not.
    """
    data = data.resolve()
    # A second start is told of the first one, not of the ports that it holds.
    demand_closed(data)
    moved: list[str] = []
    environment = for_site(site_path, os.environ, moved.append, usual=http_port != 0)
    environment["WENLAN_PAD"] = str(data / "pad-1")
    environment["WENLAN_SIP2_LOGIN"] = "kiosk"
    environment["WENLAN_SIP2_PASSWORD"] = secrets.token_urlsafe(12)
    port = free(http_port)
    if http_port not in (0, port):
        moved.append(f"Port {http_port} is taken by another program: the console is at {port}.")
    environment["WENLAN_GATEWAY_URL"] = f"http://127.0.0.1:{port}"
    environment["WENLAN_CONTROL_PORT"] = str(free(0))
    site = load_checked_site(site_path, {**os.environ, **environment}).site
    broker_port = int(
        environment.get("WENLAN_BROKER_PORT") or os.environ.get("WENLAN_BROKER_PORT", "1883")
    )
    demand_free(broker_port, "The example brings a broker of its own")
    claimed = claim(data, site.site, say, keep=keep)
    for line in moved:
        say(line)
    claimed.note(process=os.getpid(), address=environment["WENLAN_GATEWAY_URL"])
    shared = {key: value for key, value in environment.items() if "PASSWORD" not in key}
    (data / ENVIRONMENT).write_text(json.dumps(shared, indent=2), encoding="utf-8")
    return Library(site, site_path.resolve(), data, port, broker_port, environment, claimed)


async def open_house(
    library: Library, supervisor: Supervisor, group: asyncio.TaskGroup, *simulate: str
) -> None:
    """Start everything in order; raise TimeoutError naming the part that does not come up."""
    supervisor.keep(group, library.broker())

    async def broker_listens() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", library.broker_port)
        except OSError:
            return False
        writer.close()
        return True

    await until(broker_listens, 20, "the broker takes connections")
    supervisor.say(f"  broker     mqtt://127.0.0.1:{library.broker_port}")
    supervisor.keep(group, library.simulate(*simulate))
    supervisor.say(
        f"  devices    {sum(1 for _ in library.site.devices())} on real sockets and lines"
    )
    supervisor.keep(group, library.gateway())

    async def gateway_answers() -> bool:
        return await library.get("/api/v1/health") is not None

    await until(gateway_answers, 30, "the gateway answers")
    supervisor.say("  gateway    answers")
    for part in library.edges():
        supervisor.keep(group, part)

    async def edges_are_online() -> bool:
        edges = await library.get("/api/v1/edges") or []
        online = {one["id"] for one in edges if one.get("online")}
        return online >= {edge.id for edge in library.site.edges}

    await until(edges_are_online, 30, "every edge is online")
    supervisor.say(f"  edges      {', '.join(edge.id for edge in library.site.edges)} online")
