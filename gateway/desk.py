"""What people and programs may ask of the gateway: acknowledge, comment, command."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


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


class Desk(Protocol):
    """Where requests are taken; each returns when it is on disk.

    Codes of DeskError: `unknown-alarm`, `not-acknowledgeable`, `comment-missing`,
    `unknown-device`, `unknown-action`, `unknown-point`, `value-missing`, `out-of-limits`,
    `lease-missing`, `store-unavailable`.
    """

    async def acknowledge(self, alarm: int, who: str, comment: str = "") -> None:
        """Acknowledge an alarm; raise DeskError when there is nothing to acknowledge."""
        ...

    async def comment(self, alarm: int, who: str, comment: str) -> None:
        """Write something next to an alarm; raise DeskError."""
        ...

    async def command(self, order: Order, who: str) -> str:
        """Keep and send a command, and give its id; raise DeskError.

        Its outcome arrives later, as a change of the row in table `command`.
        """
        ...
