"""What people and programs may ask of the gateway: acknowledge, comment, command."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from contracts.instants import SECOND, Instant
from contracts.messages import Card, Command
from gateway.alarms.table import AlarmError
from gateway.engine.writer_thread import WriterThread
from gateway.ingest.pipeline import Ingest
from gateway.storage.sqlite import StoreError
from runtime.database import DatabaseError

T = TypeVar("T")

PATIENCE = 30 * SECOND
"""A command that nobody took up within this time is not carried out any more."""
LONGEST_LEASE = 24 * 3600.0


class RequestError(Exception):
    """A request is refused; `code` says why in one word, the message what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Order:
    """A command that somebody asks for. `lease` is in seconds; 0 means none."""

    device: str
    action: str
    point: str = ""
    value: float | None = None
    lease: float = 0.0
    arguments: Mapping[str, str] = field(default_factory=dict)


class Requests:
    """Where requests are taken; each returns when it is on disk.

    Codes of RequestError: `unknown-alarm`, `not-acknowledgeable`, `comment-missing`,
    `unknown-device`, `unknown-action`, `unknown-point`, `value-missing`, `out-of-limits`,
    `lease-missing`, `edge-unheard`, `store-unavailable`.
    """

    def __init__(
        self, writer_thread: WriterThread, now: Callable[[], Instant], new_id: Callable[[], str]
    ) -> None:
        self._writer_thread = writer_thread
        self._now = now
        self._new_id = new_id

    async def acknowledge(self, alarm: int, who: str, comment: str = "") -> None:
        """Acknowledge an alarm; raise RequestError when there is nothing to acknowledge."""
        now = self._now()
        await self._ask(lambda ingest: ingest.alarms.acknowledge(alarm, who, comment, now))

    async def comment(self, alarm: int, who: str, comment: str) -> None:
        """Write something next to an alarm; raise RequestError."""
        now = self._now()
        await self._ask(lambda ingest: ingest.alarms.comment(alarm, who, comment, now))

    async def command(self, order: Order, who: str) -> str:
        """Keep and send a command, and give its id; raise RequestError.

        It is sent again until its outcome comes or it expires. The outcome changes the row in
        table `command`; without one the row becomes `unknown` in the end.
        """
        now = self._now()
        command = Command(
            self._new_id(), order.device, order.action, now, now + PATIENCE, who, order.point,
            order.value, order.lease, dict(order.arguments),
        )  # fmt: skip
        await self._ask(lambda ingest: _keep(ingest, command))
        return command.id

    async def _ask(self, work: Callable[[Ingest], T]) -> T:
        try:
            return await self._writer_thread.ask(work)
        except AlarmError as error:
            raise RequestError(error.code, str(error)) from error
        except (DatabaseError, StoreError) as error:
            raise RequestError(
                "store-unavailable", f"the store cannot be written now ({error}); try again"
            ) from error


def _keep(ingest: Ingest, command: Command) -> None:
    """Check a command against the device's card; keep it for its edge's session, and send it."""
    known = ingest.registry.devices.get(command.device)
    if known is None:
        raise RequestError("unknown-device", f"there is no device {command.device!r}")
    if command.action == "write":
        _check_write(known.card, command)
    elif command.action not in known.card.actions:
        offered = ", ".join(known.card.actions) or "none"
        raise RequestError(
            "unknown-action", f"{command.device} offers no {command.action!r}; it offers: {offered}"
        )
    meant = msgspec.structs.replace(command, session=_session_of(ingest, known.edge))
    ingest.pending.add(known.edge, meant, command.issued)
    ingest.send_commands(command.issued)


def _session_of(ingest: Ingest, edge: str) -> str:
    """Give the session of an edge; of 0.1, which has none, an empty one.

    A command without a session is any session's: if an edge lost its journal it would do it twice.
    """
    seen = ingest.watchdog.edges.get(edge)
    if seen is None or not seen.presence.stream:
        raise RequestError(
            "edge-unheard", f"edge {edge} has not said yet that it is there; try again in a moment"
        )
    return seen.presence.session


def _check_write(card: Card, command: Command) -> None:
    point = next((one for one in card.points if one.name == command.point), None)
    if point is None or not point.writable:
        writable = ", ".join(one.name for one in card.points if one.writable) or "none"
        raise RequestError(
            "unknown-point",
            f"{card.device} has no point {command.point!r} to write; there are: {writable}",
        )
    value = command.value
    if value is None or not math.isfinite(value):
        raise RequestError("value-missing", f"give a value for {card.device}/{point.name}")
    low = -math.inf if point.low is None else point.low
    high = math.inf if point.high is None else point.high
    if not low <= value <= high:
        raise RequestError(
            "out-of-limits",
            f"{value} {point.unit} is outside {low} to {high} for {card.device}/{point.name}",
        )
    if not 0 < command.lease <= LONGEST_LEASE:
        raise RequestError(
            "lease-missing",
            f"a write needs a lease of more than 0 and at most {LONGEST_LEASE:.0f} s, after which"
            " the safe value is put back",
        )
