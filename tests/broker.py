"""A real broker for scenarios: the NATS server on a free port, with a folder of its own."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from wenlan.example.nats import configure, program

CONNECT = bytes.fromhex("10 10 00 04 4d 51 54 54 04 02 00 0a 00 04 74 65 73 74")
"""MQTT 3.1.1 CONNECT, clean session, keep-alive 10 s, client id `test`."""
ACCEPTED = bytes.fromhex("20 02 00 00")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Broker:
    """Start it, kill it (SIGKILL), start it again: port and folder stay the same."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return when it accepts clients."""
        settings = configure(self._folder, self.port)
        with (self._folder / "nats.log").open("ab") as output:
            self._process = subprocess.Popen(
                [program(), "-c", settings], stdout=output, stderr=output
            )
        until = time.monotonic() + 10
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise AssertionError((self._folder / "nats.log").read_text())
            time.sleep(0.05)

    def kill(self) -> None:
        """End it by its pid, without a chance to say goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _accepts(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as wire:
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
