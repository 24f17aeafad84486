"""What people and programs may ask of the gateway: acknowledge, comment, command."""

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import uuid4

from contracts.codec import encode
from contracts.instants import SECOND, Instant
from contracts.messages import Card, Command
from contracts.topics import of_edge
from gateway.alarms.table import AlarmError
from gateway.engine.outbox import Outbox
from gateway.engine.writer_thread import Keeper
from gateway.ingest.pipeline import Ingest
from gateway.storage.sqlite import StoreError

T = TypeVar("T")

PATIENCE = 30 * SECOND
"""A command that nobody took up within this time is not carried out any more."""
LONGEST_LEASE = 24 * 3600.0


class DeskError(Exception):
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


class _Sent(NamedTuple):
    edge: str
    command: Command


class Desk:
    """Where requests are taken; each returns when it is on disk.

    Codes of DeskError: `unknown-alarm`, `not-acknowledgeable`, `comment-missing`,
    `unknown-device`, `unknown-action`, `unknown-point`, `value-missing`, `out-of-limits`,
    `lease-missing`, `store-unavailable`.
    """

    def __init__(
        self,
        site: str,
        keeper: Keeper,
        outbox: Outbox,
        now: Callable[[], Instant],
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self._site = site
        self._keeper = keeper
        self._outbox = outbox
        self._now = now
        self._new_id = new_id

    async def acknowledge(self, alarm: int, who: str, comment: str = "") -> None:
        """Acknowledge an alarm; raise DeskError when there is nothing to acknowledge."""
        now = self._now()
        await self._ask(lambda ingest: ingest.alarms.acknowledge(alarm, who, comment, now))

    async def comment(self, alarm: int, who: str, comment: str) -> None:
        """Write something next to an alarm; raise DeskError."""
        now = self._now()
        await self._ask(lambda ingest: ingest.alarms.comment(alarm, who, comment, now))

    async def command(self, order: Order, who: str) -> str:
        """Keep and send a command, and give its id; raise DeskError.

        Its outcome arrives later, as a change of the row in table `command`; without one the row
        becomes `unknown` some time after the command has expired.
        """
        now = self._now()
        command = Command(
            self._new_id(), order.device, order.action, now, now + PATIENCE, who, order.point,
            order.value, order.lease, dict(order.arguments),
        )  # fmt: skip
        edge = await self._ask(lambda ingest: _keep(ingest, command))
        topic = of_edge(self._site, edge).command
        self._outbox.put(f"command {command.id}", topic, encode(command))
        return command.id

    async def _ask(self, work: Callable[[Ingest], T]) -> T:
        try:
            return await self._keeper.ask(work)
        except AlarmError as error:
            raise DeskError(error.code, str(error)) from error
        except (sqlite3.Error, StoreError) as error:
            raise DeskError(
                "store-unavailable", f"the store cannot be written now ({error}); try again"
            ) from error


def _keep(ingest: Ingest, command: Command) -> str:
    """Check a command against the device's card and keep it; give the edge it goes to."""
    known = ingest.registry.devices.get(command.device)
    if known is None:
        raise DeskError("unknown-device", f"there is no device {command.device!r}")
    if command.action == "write":
        _check_write(known.card, command)
    elif command.action not in known.card.actions:
        offered = ", ".join(known.card.actions) or "none"
        raise DeskError(
            "unknown-action", f"{command.device} offers no {command.action!r}; it offers: {offered}"
        )
    ingest.store.run(
        "new_command", command.id, command.device, command.action, encode(command), command.by,
        command.issued,
    )  # fmt: skip
    return known.edge


def _check_write(card: Card, command: Command) -> None:
    point = next((one for one in card.points if one.name == command.point), None)
    if point is None or not point.writable:
        writable = ", ".join(one.name for one in card.points if one.writable) or "none"
        raise DeskError(
            "unknown-point",
            f"{card.device} has no point {command.point!r} to write; there are: {writable}",
        )
    value = command.value
    if value is None or not math.isfinite(value):
        raise DeskError("value-missing", f"give a value for {card.device}/{point.name}")
    low = -math.inf if point.low is None else point.low
    high = math.inf if point.high is None else point.high
    if not low <= value <= high:
        raise DeskError(
            "out-of-limits",
            f"{value} {point.unit} is outside {low} to {high} for {card.device}/{point.name}",
        )
    if not 0 < command.lease <= LONGEST_LEASE:
        raise DeskError(
            "lease-missing",
            f"a write needs a lease of more than 0 and at most {LONGEST_LEASE:.0f} s, after which"
            " the safe value is put back",
        )
