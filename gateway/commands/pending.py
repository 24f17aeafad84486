"""Commands that have no outcome yet: sent again until it comes, or until nobody can tell."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from contracts.codec import encode
from contracts.instants import MINUTE, SECOND, Instant
from contracts.messages import Command, Presence, StreamState
from gateway.storage.ports import Statements

FIRST_PAUSE = SECOND
LONGEST_PAUSE = 5 * SECOND
LATEST_OUTCOME = 30 * SECOND
"""After a command has expired its outcome is awaited that long."""
LONGEST_DRAIN = MINUTE
"""An edge that began anew gets that long to deliver what it had journalled before."""
NO_OUTCOME = "no outcome came"
BEGAN_ANEW = "the edge began anew before an outcome came"


class Sending(NamedTuple):
    """A command on its way to an edge."""

    edge: str
    id: str
    payload: bytes


@dataclass(slots=True)
class _Waiting:
    edge: str
    command: Command
    due: Instant = 0
    pause: int = FIRST_PAUSE
    anew: Instant = 0
    """Since when its edge has another session."""
    held: tuple[StreamState, ...] = ()
    """What that edge's journals held then."""


class PendingCommands:
    """The commands of one store that wait for their outcome. They survive a restart."""

    def __init__(self, store: Statements) -> None:
        self._store = store
        self._waiting: dict[str, _Waiting] = {}
        for edge, body in store.rows("waiting_commands"):
            command = msgspec.json.decode(body, type=Command)
            self._waiting[command.id] = _Waiting(edge, command)

    def add(self, edge: str, command: Command, now: Instant) -> None:
        """Keep a command that is to be sent."""
        self._store.run(
            "new_command", command.id, command.device, command.action, encode(command), command.by,
            command.issued, edge,
        )  # fmt: skip
        self._waiting[command.id] = _Waiting(edge, command, now)

    def ended(self, identity: str) -> None:
        """Take note that an outcome came."""
        self._waiting.pop(identity, None)

    def due(self, now: Instant) -> list[Sending]:
        """Give what is to be sent now, stamped with `now`."""
        given: list[Sending] = []
        for identity, one in self._waiting.items():
            if one.anew or now < one.due or now >= one.command.expires or not one.edge:
                continue
            one.due, one.pause = now + one.pause, min(2 * one.pause, LONGEST_PAUSE)
            stamped = msgspec.structs.replace(one.command, sent=now)
            given.append(Sending(one.edge, identity, encode(stamped)))
        return given

    def expired(self, now: Instant) -> list[str]:
        """Give those that must not go out any more: expired, or their session is over."""
        return [
            identity
            for identity, one in self._waiting.items()
            if one.anew or now >= one.command.expires
        ]

    def present(self, presence: Presence, now: Instant) -> None:
        """Take note of an edge's session: another than a command is for will not carry it out."""
        if not presence.online or not presence.session:
            return
        for one in self._waiting.values():
            meant = one.command.session
            if one.edge == presence.edge and meant and meant != presence.session and not one.anew:
                one.anew, one.held = now, presence.streams

    def give_up(self, now: Instant, drained: Callable[[str, Iterable[StreamState]], bool]) -> int:
        """Make `unknown` of those whose outcome nobody can tell any more; give how many.

        An outcome that comes all the same takes its place.
        """
        lost: dict[str, str] = {}
        for identity, one in self._waiting.items():
            if one.anew:
                waited = now - one.anew >= LONGEST_DRAIN
                if waited or (one.held and drained(one.edge, one.held)):
                    lost[identity] = BEGAN_ANEW
            elif now >= one.command.expires + LATEST_OUTCOME:
                lost[identity] = NO_OUTCOME
        for identity, reason in lost.items():
            self._store.run("end_command", "unknown", reason, None, now, identity)
            del self._waiting[identity]
        return len(lost)
