"""What the counter side needs of the world: a ledger to write in, and who fails now."""

from typing import Any, Protocol


class Note(Protocol):
    """Writes down what really happened."""

    def __call__(self, kind: str, **fields: Any) -> None:
        """Append one row."""
        ...


class Trouble(Protocol):
    """One way of failing."""

    @property
    def what(self) -> str:
        """Name it, as `simulators.faults.What` does."""
        ...

    @property
    def value(self) -> float | None:
        """Give the number that some ways need."""
        ...


class Troubles(Protocol):
    """Who fails now, and how."""

    def on(self, target: str) -> Trouble | None:
        """Give the fault that a device has now."""
        ...


class NoTroubles:
    """A world in which nothing fails."""

    def on(self, target: str) -> None:
        """Say that all is well."""


NONE = NoTroubles()
