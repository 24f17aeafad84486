"""Mosquitto on a free port, with TLS when it is asked for."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.broker import ACCEPTED, CONNECT, free_port

OPENSSL = """
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=library
for name in broker client; do
openssl req -newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=$name
openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $name.pem \
 -days 2 -extfile names
done
openssl rsa -aes128 -passout pass:locked -in client.key -out locked.key
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -days 2 -subj /CN=other
"""


def make_certificates(folder: Path) -> None:
    """Make an authority, the broker's and a client's certificate, a locked key, and a stranger."""
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    subprocess.run(["sh", "-ec", OPENSSL], cwd=folder, check=True, capture_output=True)


class Mosquitto:
    """Start it, kill it (SIGKILL), start it again on the same port."""

    def __init__(self, folder: Path, settings: str = "allow_anonymous true\n") -> None:
        self.port = free_port()
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin")
        assert program, "install Debian's package mosquitto"
        self._file = folder / f"mosquitto-{self.port}.conf"
        root = f"user {getpass.getuser()}\n" if os.getuid() == 0 else ""
        self._file.write_text(
            f"{root}listener {self.port} 127.0.0.1\npersistence false\n{settings}"
        )
        self._argv = [program, "-c", str(self._file)]
        self._tls = "certfile" in settings
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._file.with_suffix(".log").open("ab") as log:
            self._process = subprocess.Popen(self._argv, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while not self._accepts():
            assert time.monotonic() < until, self._file.with_suffix(".log").read_text()
            time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _accepts(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as wire:
                if self._tls:
                    return True
                wire.sendall(CONNECT)
                return wire.recv(4) == ACCEPTED
        except OSError:
            return False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()
