"""Any MQTT 3.1.1 broker will do: the same library on Mosquitto, which is killed on the way."""

import asyncio
import dataclasses
import getpass
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.system.library import QUIET, rows
from wenlan.example.library import Library, open_house, prepare
from wenlan.example.processes import Part, Supervisor, until
from wenlan.example.settling import settle
from wenlan.example.site import EXAMPLE
from wenlan.process import now
from wenlan.proofs.report import examine

pytestmark = pytest.mark.system


@dataclasses.dataclass(frozen=True, slots=True)
class MosquittoLibrary(Library):
    """The same library with another broker in it."""

    def broker(self) -> Part:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "install Debian's package mosquitto"
        settings = self.data / "mosquitto.conf"
        settings.write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\npersistence false\n",
            encoding="utf-8",
        )
        return Part("broker", [program, "-c", str(settings)])


def test_the_library_runs_on_mosquitto_and_survives_its_death(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    async def story() -> None:
        plain = prepare(EXAMPLE, tmp_path / "data", 0)
        fields = {one.name: getattr(plain, one.name) for one in dataclasses.fields(plain)}
        library = MosquittoLibrary(**fields)
        supervisor = Supervisor(library.data, now, QUIET)
        async with asyncio.TaskGroup() as group:
            try:
                await open_house(library, supervisor, group, "--calm")
                await asyncio.sleep(5)
                pid = supervisor.pid("broker")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                before = rows(library.data, "SELECT count(*) FROM reading")[0][0]

                async def flows_again() -> bool:
                    return bool(
                        rows(library.data, "SELECT count(*) FROM reading")[0][0] > before + 50
                    )

                await until(flows_again, 60, "readings flow again")
                await settle(library, supervisor)
            finally:
                await supervisor.end_all()
        report = examine(library.site, library.data)
        assert report.clean, report.text()
        assert report.loans.loans
        assert report.crossings.visits

    play(story(), within=200)


OPENSSL = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=library
openssl req -newkey rsa:2048 -nodes -keyout broker.key -out broker.csr -subj /CN=localhost
openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out broker.pem \
 -days 2 -extfile names
"""
PASSWORD = "p@ss:w/馆"
RIGHTS = """
user {user}
topic write {base}/journal
topic write {base}/state
topic write {base}/card/+
topic read {base}/ack
topic read {base}/command
topic write uagv/v2/+/+/order
topic write uagv/v2/+/+/instantActions
topic read uagv/v2/+/+/state
topic read uagv/v2/+/+/connection
"""


@dataclasses.dataclass(frozen=True, slots=True)
class GuardedLibrary(Library):
    """Mosquitto with TLS by an authority of its own; each process has a user and few rights."""

    def broker(self) -> Part:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "install Debian's package mosquitto"
        site = f"wenlan/v1/{self.site.site}"
        rights = f"user gateway\ntopic readwrite {site}/+/+\ntopic read {site}/+/card/+\n"
        rights += "user simulate\ntopic readwrite uagv/#\n"
        for edge in self.site.edges:
            rights += RIGHTS.format(user=f"edge-{edge.id}", base=f"{site}/{edge.id}")
        (self.data / "acl").write_text(rights, encoding="utf-8")
        users = ["gateway", "simulate", *(part.name for part in self.edges())]
        passwords = self.data / "passwords"
        passwords.touch(mode=0o600)
        for user in users:
            subprocess.run(["mosquitto_passwd", "-b", passwords, user, PASSWORD], check=True)
        (self.data / "names").write_text("subjectAltName=DNS:localhost\n", encoding="utf-8")
        subprocess.run(["sh", "-ec", OPENSSL], cwd=self.data, check=True, capture_output=True)
        settings = self.data / "mosquitto.conf"
        settings.write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous false\npersistence false\n"
            f"password_file {passwords}\nacl_file {self.data / 'acl'}\n"
            f"certfile {self.data / 'broker.pem'}\nkeyfile {self.data / 'broker.key'}\n"
            + (f"user {getpass.getuser()}\n" if os.getuid() == 0 else ""),
            encoding="utf-8",
        )
        return Part("broker", [program, "-c", str(settings)])

    def part(self, name: str, *arguments: str) -> Part:
        plain = Library.part(self, name, *arguments)
        more = {
            "MQTT_USER": name,
            "MQTT_PASSWORD": quote(PASSWORD, safe=""),
            "SSL_CERT_FILE": str(self.data / "ca.pem"),
        }
        return dataclasses.replace(plain, environment={**plain.environment, **more})


def test_each_process_needs_only_its_own_rights_and_speaks_tls(
    tmp_path: Path, play: Callable[..., Any]
) -> None:
    if not shutil.which("openssl"):
        pytest.skip("install Debian's package openssl")
    guarded = "mqtts://${MQTT_USER:-nobody}:${MQTT_PASSWORD:-none}@localhost:"
    site = tmp_path / "site.yaml"
    site.write_text(EXAMPLE.read_text("utf-8").replace("mqtt://127.0.0.1:", guarded), "utf-8")

    async def story() -> None:
        plain = prepare(site, tmp_path / "data", 0)
        fields = {one.name: getattr(plain, one.name) for one in dataclasses.fields(plain)}
        library = GuardedLibrary(**fields)
        supervisor = Supervisor(library.data, now, QUIET)
        async with asyncio.TaskGroup() as group:
            try:
                await open_house(library, supervisor, group, "--calm")

                async def robot_is_there() -> bool:
                    robots = rows(
                        library.data,
                        "SELECT count(*) FROM robot WHERE CAST(body AS TEXT) LIKE '%ONLINE%'",
                    )
                    return bool(robots[0][0])

                await until(robot_is_there, 30, "the robot is there")
                await settle(library, supervisor)
            finally:
                await supervisor.end_all()
        report = examine(library.site, library.data)
        assert report.clean, report.text()
        assert rows(library.data, "SELECT count(*) FROM reading")[0][0] > 100

    play(story(), within=200)
