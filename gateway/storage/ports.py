"""What the writer's part of a subject asks of a store, whichever it is."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol


class Statements(Protocol):
    """Runs the named statements of `queries.sql` in the writer's transaction."""

    def one(self, name: str, *values: Any) -> tuple[Any, ...] | None:
        """Give the first row."""
        ...

    def rows(self, name: str, *values: Any) -> list[tuple[Any, ...]]:
        """Give all rows."""
        ...

    def each(self, name: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Give rows as they are found."""
        ...

    def run(self, name: str, *values: Any) -> None:
        """Run a statement that gives none."""
        ...

    def many(self, name: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        ...
