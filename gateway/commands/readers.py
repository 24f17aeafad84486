"""Commands as rows for readers."""

from typing import NamedTuple

import msgspec

from contracts.instants import Instant
from contracts.messages import Command
from runtime.database import Connection

_commands = msgspec.json.Decoder(Command)


class Order(NamedTuple):
    """A command that was sent, and what became of it."""

    id: str
    device: str
    action: str
    command: Command
    who: str
    issued: Instant
    status: str
    reason: str
    value: float | None
    ended: Instant | None


def commands(
    store: Connection, device: str = "", identity: str = "", limit: int = 20
) -> list[Order]:
    """Give the newest commands: all, of one device, or one by its id."""
    rows = store.execute(
        "SELECT id, device, action, body, who, issued, status, reason, value, ended FROM command"
        " WHERE (? = '' OR device = ?) AND (? = '' OR id = ?) ORDER BY issued DESC LIMIT ?",
        (device, device, identity, identity, limit),
    )
    return [Order._make((*row[:3], _commands.decode(row[3]), *row[4:])) for row in rows]
