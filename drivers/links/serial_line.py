"""A serial line with one device that answers when asked; pyserial in a thread of its own."""

import asyncio
import termios
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import serial

from config.links import SerialReader
from drivers.errors import BadReplyError, LinkDownError
from runtime.host import Host

LONGEST_ANSWER = 4096
"""Bytes; more without a frame in it is noise."""
QUIET = 0.02
"""Seconds of silence after which nothing of an earlier answer is still on its way."""
GAP = 0.005
"""Seconds that must pass between an answer and the next request (H20800-16e-ID-B)."""
T = TypeVar("T")


class SerialLine:
    """Opens the port on the first exchange and again after every failure."""

    def __init__(self, config: SerialReader, host: Host) -> None:
        self.where = f"{config.id} ({config.port})"
        self._config = config
        self._timeout = config.timeout.total_seconds()
        self._port: serial.Serial | None = None
        self._suspect = False
        self._rest_until = 0.0
        self._thread = host.threads(f"serial {config.id}", 1)
        self._monotonic = host.clock.monotonic
        self._block = host.block

    async def exchange(self, request: bytes, find: Callable[[bytes], T | None]) -> T:
        """Send a request and give what `find` makes of the bytes that came.

        `find` gets all bytes so far and gives None while they are no answer. Raises LinkDownError
        when the port cannot be opened or nothing came, BadReplyError when only noise came.
        """
        # One thread makes one exchange at a time; a cancelled caller's exchange ends by itself
        # within the timeout, before the next one begins.
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._exchange, request, find)

    async def aclose(self) -> None:
        """Close the port and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._drop)
        self._thread.shutdown(wait=False)

    def _exchange(self, request: bytes, find: Callable[[bytes], T | None]) -> T:
        try:
            port = self._port or self._open()
            self._flush(port)
            self._block(max(0.0, self._rest_until - self._monotonic()))
            port.write(request)
            return self._listen(port, find)
        except (OSError, termios.error) as error:  # pyserial's own errors are OSErrors
            self._drop()
            raise LinkDownError(f"{self.where}: {error}") from error

    def _open(self) -> serial.Serial:
        config = self._config
        # A PTY carries bytes, not bits: it knows no parity, and refuses it when opened again.
        virtual = Path(config.port).resolve().is_relative_to("/dev/pts")
        self._port = serial.Serial(
            config.port,
            config.baud,
            parity=serial.PARITY_NONE if virtual else config.parity,
            timeout=QUIET,
            write_timeout=self._timeout,
            exclusive=True,
        )
        return self._port

    def _flush(self, port: serial.Serial) -> None:
        """Throw away what came unasked; after a failure wait until the line is quiet."""
        port.reset_input_buffer()
        if self._suspect:
            deadline = self._monotonic() + self._timeout
            while port.read(256) and self._monotonic() < deadline:
                continue
            self._suspect = False

    def _listen(self, port: serial.Serial, find: Callable[[bytes], T | None]) -> T:
        deadline = self._monotonic() + self._timeout
        heard = b""
        while self._monotonic() < deadline and len(heard) <= LONGEST_ANSWER:
            heard += port.read(max(1, port.in_waiting))
            if (answer := find(heard)) is not None:
                self._rest_until = self._monotonic() + GAP
                return answer
        self._suspect = True
        if heard:
            raise BadReplyError(f"{self.where}: {len(heard)} bytes came, but no sound frame")
        self._drop()
        raise LinkDownError(f"{self.where}: no answer in {self._timeout} s")

    def _drop(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            try:
                port.close()
            except (OSError, termios.error):
                return  # the port is gone, which is what closing it is for
