"""Makes connections to real brokers: what the composition of a process hands to its clients."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeAlias

from config.broker import Broker, BrokerAddress
from runtime.mqtt.connection import Connection, Greeting
from runtime.mqtt.errors import BrokerError
from runtime.mqtt.opening import Resolve, encrypt, look_up, open_socket

Connect: TypeAlias = Callable[[BrokerAddress, Greeting], Awaitable[Connection]]
"""Connects, or raises BrokerError or OSError; whoever gets the connection must end it."""


class Limits(NamedTuple):
    """Seconds that a broker has for each step. A LAN needs milliseconds."""

    opening: float = 2.0
    """TCP; and as long again for TLS."""
    answer: float = 3.0
    """CONNACK, and SUBACK."""


LIMITS = Limits()


def tls_context(broker: Broker) -> ssl.SSLContext:
    """Read the files that TLS needs; raise OSError, which names the file."""
    try:
        context = ssl.create_default_context(cafile=broker.ca)
    except OSError as error:
        raise OSError(f"ca {broker.ca}: {error.strerror or error}") from error
    if broker.cert is not None:
        try:
            context.load_cert_chain(broker.cert, broker.key, _no_password)
        except OSError as error:
            key = f" with key {broker.key}" if broker.key else ""
            raise OSError(f"cert {broker.cert}{key}: {error.strerror or error}") from error
    return context


def _no_password() -> str:
    # Without this, OpenSSL asks on the terminal, and waits.
    raise OSError("the key has a password; give one without")


def connect_to(broker: Broker) -> Connect:
    """Make what connects to the brokers of a site file."""
    return connector(partial(tls_context, broker))


def connector(
    context: Callable[[], ssl.SSLContext], resolve: Resolve = look_up, limits: Limits = LIMITS
) -> Connect:
    """Make what connects. `context` is asked anew each time: certificates are renewed on disk."""

    async def connect(address: BrokerAddress, greeting: Greeting) -> Connection:
        wire = await open_socket(address.host, address.port, limits.opening, resolve)
        if address.tls:
            wire = await _encrypted(wire, context, address.host, limits.opening)
        try:
            connection = Connection(wire, address, greeting, limits.answer)
        except BaseException:
            wire.close()
            raise
        try:
            await connection.greet()
        except BaseException:
            connection.cut()
            raise
        return connection

    return connect


async def _encrypted(
    wire: socket.socket, context: Callable[[], ssl.SSLContext], host: str, within: float
) -> ssl.SSLSocket:
    try:
        secure = context()
    except BaseException:
        wire.close()
        raise
    try:
        async with asyncio.timeout(within):
            return await encrypt(wire, secure, host)
    except TimeoutError:
        raise BrokerError(f"no TLS within {within:g} s; is it mqtt://, without TLS?") from None
    except ssl.SSLCertVerificationError as error:
        raise BrokerError(
            f"its certificate is not accepted ({error.verify_message}); name the authority that"
            " signed it as ca, and the host as the certificate does"
        ) from error
