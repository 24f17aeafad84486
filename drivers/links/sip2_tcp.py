"""A TCP connection that speaks SIP2: one exchange at a time, login on every new connection."""

import asyncio
import logging
from contextlib import suppress

from config.links import LibrarySystem, Sip2
from drivers.errors import LinkDownError, NotSentError, RefusedError
from drivers.protocols.sip2.messages import Message, Request, Sip2Error, build, present
from drivers.protocols.sip2.session import (
    Action,
    Deliver,
    Fail,
    Note,
    Received,
    Rules,
    Send,
    Session,
    StatusChanged,
    TimedOut,
    step,
)
from runtime.host import Host

log = logging.getLogger(__name__)

IDLE = 20.0
"""Seconds of silence after which a firewall may have forgotten the connection."""
STATUS = Request("99", ("0", "080", "2.00"))


class Sip2Connection:
    """Connects on the first exchange and again after every failure."""

    def __init__(self, config: Sip2, host: Host) -> None:
        self.where = f"{config.id} ({config.host}:{config.port})"
        self.status: Message | None = None
        """The newest 98."""
        self.obey_status_flags = config.obey_status_flags
        self.oddities = 0
        """How often the other side did something it should not, harmless so far."""
        self._config = config
        self._timeout = config.timeout.total_seconds()
        self._rules = Rules(
            config.encoding,
            b"\r" if config.terminator == "CR" else b"\r\n",
            config.error_detection,
            config.retries,
        )
        self._session = Session()
        self._wire: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._lock = asyncio.Lock()
        self._monotonic = host.clock.monotonic
        self._open_connection = host.open_connection
        self._used = 0.0

    async def ask(self, request: Request) -> Deliver:
        """Send a request and give its answer, connecting and logging in first if need be.

        Raises NotSentError when the request never left, LinkDownError when its answer never came:
        then it may have been carried out; RefusedError for a value that SIP2 cannot carry.
        """
        async with self._lock:
            await self._prepare(request)
            try:
                return await self._exchange(request)
            except BaseException:
                # Also on cancellation: a late answer must not meet the next request.
                self._drop()
                raise

    async def refresh(self) -> Message:
        """Ask for the state of the library system (99) and give it. Raises NotSentError."""
        async with self._lock:
            await self._ready(0.0)
            assert self.status is not None
            return self.status

    async def aclose(self) -> None:
        """Close the connection, if there is one."""
        async with self._lock:
            wire = self._wire
            self._drop()
        if wire is not None:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1.0):
                    await wire[1].wait_closed()

    async def _prepare(self, request: Request) -> None:
        try:
            build(request, 0, self._rules.encoding)
        except Sip2Error as error:
            raise RefusedError(f"{self.where}: {error}") from error
        await self._ready(IDLE)

    async def _ready(self, idle: float) -> None:
        """Have a connection that was heard of within `idle` seconds, or a new one."""
        if self._alive() and self._monotonic() - self._used >= idle:
            with suppress(NotSentError):
                await self._ask_status()
        if not self._alive():
            await self._open()

    def _alive(self) -> bool:
        if self._wire is None:
            return False
        reader, writer = self._wire
        if not reader.at_eof() and reader.exception() is None and not writer.is_closing():
            return True
        self._drop()
        return False

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                self._wire = await self._open_connection(self._config.host, self._config.port)
        except (OSError, TimeoutError) as error:
            raise NotSentError(
                f"{self.where}: cannot be reached: {str(error) or 'timeout'}"
            ) from error
        self._session = Session()
        try:
            await self._log_in()
        except BaseException:
            self._drop()
            raise
        await self._ask_status()

    async def _log_in(self) -> None:
        system: LibrarySystem = self._config.devices[0]
        if not system.login:
            return
        fields = present(
            [("CN", system.login), ("CO", system.password), ("CP", system.location or None)]
        )
        try:
            answer = await self._exchange(Request("93", ("0", "0"), fields))
        except (LinkDownError, Sip2Error) as error:
            raise NotSentError(f"{self.where}: no login: {error}") from error
        if answer.message.fixed["ok"] != "1":
            raise NotSentError(
                f"{self.where}: login of {system.login!r} was refused; check login and password"
            )

    async def _ask_status(self) -> None:
        try:
            answer = await self._exchange(STATUS)
            self._take_status(answer.message)
        except LinkDownError as error:
            self._drop()
            raise NotSentError(f"{self.where}: no status: {error}") from error
        except BaseException:
            self._drop()
            raise

    def _take_status(self, message: Message) -> None:
        self.status = message
        if message.fixed["online"] == "N":
            raise LinkDownError(f"{self.where}: the library system says that it is offline")

    async def _exchange(self, request: Request) -> Deliver:
        """Drive the session until it delivers or gives up."""
        assert self._wire is not None
        reader, writer = self._wire
        self._session, actions = step(self._session, self._rules, request)
        try:
            while (answer := self._act(actions, writer)) is None:
                try:
                    async with asyncio.timeout(self._timeout):
                        await writer.drain()
                        data = await reader.read(4096)
                except TimeoutError:
                    self._session, actions = step(self._session, self._rules, TimedOut())
                    continue
                if not data:
                    raise LinkDownError(f"{self.where}: hung up before answering {request.code}")
                self._session, actions = step(self._session, self._rules, Received(data))
        except OSError as error:
            raise LinkDownError(f"{self.where}: {error}") from error
        self._used = self._monotonic()
        if answer.resent and answer.message.sequence is None:
            self._drop()  # nothing tells a late second answer from the next request's
        return answer

    def _act(self, actions: tuple[Action, ...], writer: asyncio.StreamWriter) -> Deliver | None:
        for action in actions:
            match action:
                case Send(data):
                    writer.write(data)
                case StatusChanged(message):
                    self.status = message
                case Note(reason):
                    self._note(reason)
                case Fail(reason):
                    raise LinkDownError(f"{self.where}: {reason}")
                case Deliver():
                    return action
        return None

    def _note(self, reason: str) -> None:
        """Count an oddity; the first, the tenth, the hundredth are worth a warning."""
        self.oddities += 1
        level = logging.WARNING if str(self.oddities).strip("0") == "1" else logging.DEBUG
        log.log(level, "%s: %s (oddity %d)", self.where, reason, self.oddities)

    def _drop(self) -> None:
        if self._wire is not None:
            self._wire[1].close()
        self._wire = None
