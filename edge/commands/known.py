"""The commands that are remembered: taken ones until they end, ended ones until they expired."""

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from contracts.bounds import shortened
from contracts.instants import Instant
from contracts.messages import Command
from contracts.records import CommandOutcome
from edge.journal.port import Change, Journal
from edge.journal.terms import Term, Terms
from runtime.clock import Clock

KIND = "command"
AFTERWARDS = 60.0
"""Seconds that an ended command is remembered after it expired; what is forgotten and comes again
has expired, too."""


class Known(Struct, frozen=True, gc=False):
    """What is remembered of a command."""

    device: str
    action: str
    expires: Instant
    """By whatever clock the command meant."""
    finished: bool
    term: Term | None = None
    """Until it expires; of 0.1, which went by its wall clock, None."""
    status: str = ""
    value: float | None = None
    reason: str = ""


class Ended(Struct, frozen=True):
    """How a command ended."""

    status: str
    value: float | None = None
    reason: str = ""


class KnownCommands:
    """Knows every command that could still come again."""

    def __init__(self, journal: Journal, clock: Clock, terms: Terms) -> None:
        self._memory = journal.memory(KIND, Known)
        self._clock = clock
        self._terms = terms

    @property
    def values(self) -> Mapping[str, Known]:
        """All of them, by id."""
        return self._memory.values

    @property
    def damaged(self) -> Mapping[str, str]:
        """Ids of those that cannot be read any more, and why."""
        return self._memory.damaged

    def left(self, command: Command, heard: Instant | None) -> float:
        """Give the seconds that a command has left; `heard` is the gateway's time, if known.

        It is judged in the gateway's time. One that does not say when it was sent, from a gateway
        of 0.1, is judged by the wall clock.
        """
        now = max(command.sent, heard or 0) if command.sent else self._clock.wall()
        return self._terms.between(now, command.expires).left

    def taken(self, command: Command, left: float) -> tuple[Known, Change]:
        """Remember that a command came."""
        term = self._terms.begin(left)
        known = Known(command.device, command.action, command.expires, finished=False, term=term)
        return known, self._memory.put(command.id, known)

    def lost(self) -> Known:
        """Stand in for what was remembered and cannot be read."""
        term = self._terms.begin(AFTERWARDS)
        return Known("", "", term.at, finished=False, term=term)

    def finished(self, command: str, known: Known, ended: Ended) -> tuple[CommandOutcome, Change]:
        """Give the outcome to journal, and what remembers it."""
        outcome = self.outcome(command, known, ended)
        over = replace(
            known, finished=True, status=ended.status, value=ended.value, reason=outcome.reason
        )
        return outcome, self._memory.put(command, over)

    def outcome(self, command: str, known: Known, ended: Ended) -> CommandOutcome:
        """Write down how a command ended."""
        return shortened(
            CommandOutcome(
                command,
                self._clock.wall(),
                known.device,
                known.action,
                ended.status,
                ended.value,
                ended.reason,
            )
        )

    def forget_at(self, known: Known) -> float:
        """Give when an ended command may be forgotten, on the monotonic clock."""
        term = known.term or self._terms.between(self._clock.wall(), known.expires)
        return self._terms.end(term) + AFTERWARDS

    def forget(self, command: str) -> Change:
        """Forget a command."""
        return self._memory.drop(command)
