"""paho's MQTT 3.1.1 on a socket that is ours: read, written and watched on the event loop.

paho builds and reads packets and keeps the connection alive. There is no thread and no task that a
cancellation could leave behind.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

T = TypeVar("T")

SHARE = 0.9
"""Of the keep-alive, after which the broker is asked whether it is there, whatever else is said.

paho asks only while one direction is silent, and forgets an unanswered question when data comes.
"""
AT_A_GOODBYE = 64
"""Pieces of 64 kB that are read away before a socket is closed."""


class Protocol(paho.Client):
    """paho on a socket that is already connected."""

    def __init__(self, wire: socket.socket, identity: str) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=identity,
            clean_session=True,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        self._given = wire

    def _create_socket(self) -> socket.socket:
        return self._given

    @property
    def unanswered(self) -> bool:
        """Whether a PINGREQ is out."""
        return self._ping_t > 0

    def ask(self) -> None:
        """Send a PINGREQ."""
        self._send_pingreq()

    def close_socket(self) -> None:
        """Close it, if it is still open."""
        self._sock_close()


class Wire:
    """Lets paho read when something came, and write when there is room."""

    def __init__(
        self, wire: socket.socket, protocol: Protocol, failed: Callable[[str], None]
    ) -> None:
        self.protocol = protocol
        self.flushed = asyncio.Event()
        """Set while the system has taken every byte, and for good once the wire is closed."""
        self.flushed.set()
        self._wire = wire
        self._number = wire.fileno()
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._period = 0.0
        self._asking: asyncio.TimerHandle | None = None
        protocol.on_socket_close = self._detach

    def begin(self, keep_alive: int) -> None:
        """Send CONNECT. A silence is noticed within two periods of `keep_alive` (seconds)."""
        self._loop.add_reader(self._number, self._read)
        self._period = keep_alive * SHARE
        self._asking = self._loop.call_later(self._period, self._ask)
        self.do(lambda: self.protocol.connect("given", 1, keep_alive))

    def do(self, step: Callable[[], T]) -> T | None:
        """Let paho do something, then watch the socket for as long as there is more to write."""
        if self._number < 0:
            return None
        try:
            result = step()
        except Exception as error:  # noqa: BLE001 - paho raises what it likes on a torn packet
            self.close()
            self._failed(f"what the broker sent makes no sense: {error!r}")
            return None
        self._watch()
        return result

    def close(self) -> None:
        """Close the socket without a word. Does nothing a second time."""
        self._detach()
        self.protocol.close_socket()
        self._wire.close()

    def read_away(self) -> None:
        """Forget what came: with unread bytes the system resets a connection, goodbye and all."""
        try:
            for _ in range(AT_A_GOODBYE):
                if not self._wire.recv(2**16):
                    return
        except OSError:
            return

    def _read(self) -> None:
        self.do(self.protocol.loop_read)
        # TLS may hold whole packets that the system knows nothing of any more.
        while self._number >= 0 and isinstance(self._wire, ssl.SSLSocket) and self._wire.pending():
            self.do(self.protocol.loop_read)

    def _write(self) -> None:
        self.do(self.protocol.loop_write)

    def _ask(self) -> None:
        if self.protocol.unanswered or not self.protocol.is_connected():
            self.close()
            self._failed("it does not answer any more")
            return
        self._asking = self._loop.call_later(self._period, self._ask)
        self.do(self.protocol.ask)

    def _watch(self) -> None:
        if self._number < 0:
            return
        more = self.protocol.want_write()
        if more and self.flushed.is_set():
            self.flushed.clear()
            self._loop.add_writer(self._number, self._write)
        elif not more and not self.flushed.is_set():
            self.flushed.set()
            self._loop.remove_writer(self._number)

    def _detach(self, *_: object) -> None:
        number, self._number = self._number, -1
        if number >= 0:
            self._loop.remove_reader(number)
            self._loop.remove_writer(number)
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None
        self.flushed.set()
