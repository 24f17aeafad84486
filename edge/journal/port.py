"""What the parts of an edge need of its journal: to write facts down, and to remember.

Nothing here waits for a disk. `append` takes records into bounded memory; the ticket tells when
they are durable: on disk, or, while the disk is sick, acknowledged by the gateway.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol, TypeVar

from msgspec import Struct

from contracts.records import Record

T = TypeVar("T", bound=Struct)
T_co = TypeVar("T_co", bound=Struct, covariant=True)


FORGOTTEN = "forgotten"
"""The kind under which a journal remembers that the one before it was lost."""


class Forgotten(Struct, frozen=True):
    """What was remembered may be gone, and nobody can tell which part of it."""

    reason: str


class Change(NamedTuple):
    """Something to remember, or (`value` None) to forget, under one kind's key."""

    kind: str
    key: str
    value: Struct | None


class Memory(Protocol[T]):
    """What is remembered of one kind: by key, in a table of its own."""

    @property
    def values(self) -> Mapping[str, T]:
        """Everything that is remembered now, with what was appended a moment ago."""
        ...

    @property
    def damaged(self) -> Mapping[str, str]:
        """Keys whose bytes could not be read at the start, and why: take the safe side of them.

        They stay there until the key is remembered anew or forgotten.
        """
        ...

    def put(self, key: str, value: T) -> Change:
        """Make the change that remembers it; `append` carries it out."""
        ...

    def drop(self, key: str) -> Change:
        """Make the change that forgets it."""
        ...


class Ticket(Protocol):
    """A promise about what one `append` took."""

    async def durable(self, within: float) -> bool:
        """Wait at most `within` seconds; True as soon as a kill at this instant loses nothing."""
        ...


class State(NamedTuple):
    """How the journal is."""

    condition: Literal["ok", "full", "failing"]
    fill: float
    """Share of the budget in use, 0 to 1."""
    disk: float
    """Share of the disk in use, 0 to 1."""
    reason: str = ""


class Journal(Protocol):
    """A part of the edge that keeps facts until the gateway has them."""

    @property
    def state(self) -> State:
        """Whether it is well."""
        ...

    def append(self, records: Sequence[Record], remember: Sequence[Change] = ()) -> Ticket:
        """Take facts, and what is to be remembered with them in one transaction.

        The ticket of nothing is durable as soon as all that was appended before is on disk.
        Never raises, never waits. What does not fit into memory any more is counted, declared as
        a hole once the journal is well again, and its ticket never becomes durable.
        """
        ...

    def memory(self, kind: str, type_: type[T]) -> Memory[T]:
        """Give what is remembered of a kind (`lease`, `command`, `loan`, `job`, `device` …)."""
        ...
